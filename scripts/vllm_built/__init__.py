"""What vLLM's own model classes take of a card, without a card: see `__main__`."""
