"""GPUs that Akash has, what they cost, and which of them fit."""
