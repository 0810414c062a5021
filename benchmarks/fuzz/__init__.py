"""Fuzzing of everything that reads what strangers write."""
