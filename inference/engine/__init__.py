"""llama-server's HTTP in supervised child processes."""
