"""A better search for words that found nothing."""

from __future__ import annotations

import re
from difflib import get_close_matches
from functools import lru_cache

from wizard.registry import catalogue, quantisation

_FILE_END = re.compile(r"(?:-\d{5}-of-\d{5})?\.(?:gguf|safetensors|bin)\Z", re.IGNORECASE)
# Of 1, the same word: one wrong letter of five is 0.8.
_NEAR = 0.75


@lru_cache(maxsize=256)
def suggestion(text: str) -> str:
    """A file's name without what only files have, else the nearest name; empty where none is."""
    return _model_of_file(text) or _nearest(text)


def _model_of_file(text: str) -> str:
    """``Qwen3-8B-Q4_K_M.gguf`` → ``Qwen3-8B``."""
    name = _FILE_END.sub("", text.rpartition("/")[2])
    bits = quantisation.in_file_name(name)
    if bits:
        start = name.upper().rindex(bits)
        name = name[:start].rstrip("-._ ")
    return "" if name == text else name


def _nearest(text: str) -> str:
    names = {entry.name for entry in catalogue.load().entries}
    return next(iter(get_close_matches(text.lower(), sorted(names), n=1, cutoff=_NEAR)), "")
