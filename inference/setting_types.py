"""How a setting's text is read. Every reader raises ValueError with what to write instead."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from inference import refs

T = TypeVar("T")
PLACEHOLDER = re.compile(r"\APASTE-.*-HERE\Z")
SHORTEST_KEY = 8
LONGEST_KEY = 512
FOREVER = -1.0
_SHA256 = re.compile(r"[0-9a-f]{64}\Z")
_SIZE = re.compile(r"(\d{1,15})(?:([KMGT])(?:I?B)?)?\Z")
_UNITS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
_DURATION = re.compile(r"(-?)((?:\d+(?:\.\d*)?(?:ns|us|µs|ms|s|m|h))+)\Z")
_DURATION_PART = re.compile(r"(\d+(?:\.\d*)?)(ns|us|µs|ms|s|m|h)")
_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
ANY_NAME = "*"
_ALIAS = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:/@-]{0,199}\Z")
_HOST = re.compile(r"[A-Za-z0-9_.:-]{1,253}\Z")


def boolean(text: str) -> bool:
    """``1``, ``true``, ``yes``, ``on`` and their opposites."""
    if text.lower() in ("1", "true", "yes", "on"):
        return True
    if text.lower() in ("0", "false", "no", "off"):
        return False
    raise ValueError("use 1 or 0")


def words(text: str) -> tuple[str, ...]:
    """Words between commas or line breaks, blanks and repetitions removed."""
    found = (word.strip() for word in re.split(r"[,\n]", text))
    return tuple(dict.fromkeys(word for word in found if word))


def whole(low: int, high: int) -> Callable[[str], int]:
    """A whole number from ``low`` to ``high``."""

    def read(text: str) -> int:
        if not re.fullmatch(r"-?\d{1,18}", text) or not low <= int(text) <= high:
            raise ValueError(f"use a whole number from {low} to {high}")
        return int(text)

    return read


def auto_or(read: Callable[[str], T]) -> Callable[[str], T | None]:
    """``auto`` is None; everything else is read by ``read``."""

    def read_or_auto(text: str) -> T | None:
        if text.lower() == "auto":
            return None
        try:
            return read(text)
        except ValueError as error:
            raise ValueError(f"{error}, or auto") from None

    return read_or_auto


def one_of(*choices: str) -> Callable[[str], str]:
    """One of some words, in lower or upper case."""

    def read(text: str) -> str:
        found = next((choice for choice in choices if choice.lower() == text.lower()), None)
        if found is None:
            raise ValueError(f"use {', '.join(choices[:-1])} or {choices[-1]}")
        return found

    return read


def tokens(low: int, high: int) -> Callable[[str], int]:
    """A number of tokens; ``8k`` is 8192."""

    def read(text: str) -> int:
        match = re.fullmatch(r"(\d{1,9})([kK]?)", text)
        value = int(match[1]) * (1024 if match[2] else 1) if match else -1
        if not low <= value <= high:
            raise ValueError(f"use a number of tokens from {low} to {high}")
        return value

    return read


def size(low: int, high: int) -> Callable[[str], int]:
    """A number of bytes, with K, M, G or T (× 1024) if wanted."""

    def read(text: str) -> int:
        match = _SIZE.match(text.upper())
        value = int(match[1]) * _UNITS.get(match[2] or "", 1) if match else -1
        if not low <= value <= high:
            raise ValueError(f"use a number of bytes from {low} to {high}, such as 32M")
        return value

    return read


def duration(text: str) -> float:
    """Seconds, or a Go duration such as ``5m`` or ``1h30m``; below zero is forever (−1.0).

    The same reading as Ollama's ``keep_alive``.
    """
    text = text.strip().lower()
    if re.fullmatch(r"-?\d{1,12}(\.\d{1,9})?", text):
        value = float(text)
    elif len(text) <= 64 and (match := _DURATION.match(text)):
        parts = _DURATION_PART.findall(match[2])
        value = sum(float(number) * _SECONDS[unit] for number, unit in parts)
        value = -value if match[1] else value
    else:
        raise ValueError("use seconds, or a duration such as 5m")
    return FOREVER if value < 0 else value


def seconds(low: float, high: float) -> Callable[[str], float]:
    """A duration between two bounds."""

    def read(text: str) -> float:
        value = duration(text)
        if not low <= value <= high:
            raise ValueError(f"use {low:g} to {high:g} seconds, such as 30 or 5m")
        return value

    return read


def url(text: str) -> str:
    """An http or https URL without a trailing slash, a query or a password."""
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
        raise ValueError("use a full URL such as https://example.org")
    if parts.query or parts.fragment:
        raise ValueError("use a URL without “?” and “#”")
    if parts.port == 0:
        raise ValueError("use a port from 1 to 65535")
    return text.rstrip("/")


def origins(text: str) -> tuple[str, ...] | None:
    """``*``, ``none``, or origins such as ``https://example.org``; None where nothing is said."""
    found = words(text)
    if not found:
        return None
    if found == ("none",):
        return ()
    for origin in found:
        if origin != "*" and urlsplit(url(origin)).path:
            raise ValueError("use origins such as https://example.org, or *, or none")
    return tuple(origin if origin == "*" else url(origin).lower() for origin in found)


def host(text: str) -> str:
    """An address or a name to listen on."""
    if not _HOST.match(text):
        raise ValueError("use an address such as 127.0.0.1 or 0.0.0.0")
    return text


def is_path(text: str) -> bool:
    """Whether a model's name is a file of this machine."""
    if text.startswith(("/", "./", "../", "~/")):
        return True
    return text.lower().endswith(".gguf") and Path(text).is_file()


def model(text: str) -> str:
    """A model's canonical name, or the full path of a local GGUF file.

    A link keeps its own name and neighbours: the Hub's cache links readable
    names to digests.
    """
    if not is_path(text):
        return str(refs.parse(text))
    path = Path(text).expanduser()
    if not path.is_file():
        raise ValueError(f"there is no file {path}")
    return str(path.absolute())


def models(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(model(word) for word in words(text)))


def projector(text: str) -> str:
    """``auto``, ``none``, a local path, or one exact file on the Hub."""
    if text.lower() in ("auto", "none"):
        return text.lower()
    if not is_path(text):
        ref = refs.parse(text)
        if not (isinstance(ref, refs.HuggingFaceRef) and ref.file):
            raise ValueError("use auto, none, a path, or hf.co/user/repo/mmproj.gguf")
    return model(text)


def aliases(text: str) -> tuple[tuple[str, str], ...]:
    """``alias=model`` pairs; an alias alone (empty target) means the default model, and ``*``
    any name that is not another's."""
    pairs = tuple((name.strip(), target.strip()) for name, _, target in map(_split, words(text)))
    for name, _ in pairs:
        if name != ANY_NAME and not _ALIAS.match(name):
            raise ValueError("use alias=model, separated by commas")
    if len({name for name, _ in pairs}) < len(pairs):
        raise ValueError("an alias can stand for one model only")
    return tuple((name, model(target) if target else "") for name, target in pairs)


def _split(word: str) -> tuple[str, str, str]:
    return word.partition("=")


def key_hashes(text: str) -> tuple[str, ...]:
    """The SHA-256 of each key: the keys themselves are not kept."""
    return tuple(hashlib.sha256(_key(word).encode()).hexdigest() for word in words(text))


def _key(word: str) -> str:
    if PLACEHOLDER.match(word):
        raise ValueError("it still holds the placeholder: put your key there")
    if not SHORTEST_KEY <= len(word) <= LONGEST_KEY or not word.isascii() or " " in word:
        raise ValueError(
            f"use keys of {SHORTEST_KEY} to {LONGEST_KEY} letters, digits and signs, without blanks"
        )
    return word


def digests(text: str) -> tuple[str, ...]:
    """SHA-256 digests in hexadecimal."""
    found = tuple(word.lower() for word in words(text))
    if not all(map(_SHA256.match, found)):
        raise ValueError("use the 64 hexadecimal digits of the key's SHA-256")
    return found


def token(text: str) -> str:
    """A secret that travels in a header."""
    if PLACEHOLDER.match(text):
        raise ValueError("it still holds the placeholder: put your token there, or remove it")
    if not text.isascii() or not text.isprintable() or " " in text or len(text) > LONGEST_KEY:
        raise ValueError("use a token as Hugging Face shows it, such as hf_…")
    return text


def folder(text: str) -> Path:
    path = Path(text).expanduser()
    if path.exists() and not path.is_dir():
        raise ValueError("use a folder")
    return path.absolute()


def executable(text: str) -> Path | None:
    """The path of a program, or None where none is named."""
    if not text:
        return None
    path = Path(text)
    if not path.is_file():
        raise ValueError("there is no such file")
    return path.absolute()
