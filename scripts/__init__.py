"""What keeps the checkout in order; each is a command."""
