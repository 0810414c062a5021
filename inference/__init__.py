"""The runtime: one model name in, a locked Ollama- and OpenAI-compatible endpoint out."""

__version__ = "1.0.0"
