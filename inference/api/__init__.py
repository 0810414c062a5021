"""The routes of Ollama, OpenAI and Anthropic over one engine."""
