"""What Ollama's options mean."""

from __future__ import annotations

MEANINGS = {
    "num_ctx": "Context length that is needed; more than CONTEXT_LENGTH is refused",
    "num_predict": "Most tokens to write; below 0 for no bound but ten contexts",
    "seed": "For the same answer again; -1 for another each time",
    "temperature": "How freely to choose; 0 takes the likeliest token",
    "top_k": "Choose among so many tokens",
    "top_p": "Choose among the likeliest tokens that together reach this probability",
    "min_p": "Leave out tokens less likely than this part of the likeliest",
    "stop": "Texts that end the answer",
    "repeat_penalty": "Make what was said already less likely; 1 does not",
    "repeat_last_n": "Tokens that count as said already",
    "num_keep": "Tokens of the prompt to keep where a context is shifted",
    "mirostat": "Mirostat sampling: 0 off, 1, or 2",
}
