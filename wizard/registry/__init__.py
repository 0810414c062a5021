"""What models exist, and what they are."""
