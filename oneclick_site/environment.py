"""Settings from the environment: declared once, checked at start, documented from the table.

Each setting has a name, a type, a default that works, and a sentence. A value
that makes no sense stops the start with one sentence. A secret may be given as
``NAME_FILE``, the path of a file that holds it (as container secrets are).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

Number = TypeVar("Number", int, float)


@dataclass(frozen=True)
class Setting:
    """One setting: how it is read, its default as text, and what it is for."""

    name: str
    parse: Callable[[str], Any]
    default: str
    meaning: str
    secret: bool = False


def boolean(text: str) -> bool:
    if text.lower() in ("1", "true", "yes", "on"):
        return True
    if text.lower() in ("0", "false", "no", "off", ""):
        return False
    raise ValueError("use 1 or 0")


def words(text: str) -> list[str]:
    """Comma-separated words, blanks removed."""
    return [word.strip() for word in text.split(",") if word.strip()]


def url(text: str) -> str:
    """An http or https URL without a trailing slash."""
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("use a full URL such as https://example.org")
    return text.rstrip("/")


def cache_url(text: str) -> str:
    if text and not text.startswith(("redis://", "rediss://")):
        raise ValueError("use redis://host:6379/0, or leave it empty")
    return text


def host_urls(text: str) -> dict[str, str]:
    """``host=https://base,…``: where each container registry is asked."""
    pairs = [word.partition("=") for word in words(text)]
    if not all(host and base for host, _, base in pairs):
        raise ValueError("use host=https://base, separated by commas")
    return {host: url(base) for host, _, base in pairs}


def image(text: str) -> str:
    """An image reference with a tag that is not ``latest``."""
    _, _, tag = text.rpartition("/")[2].partition(":")
    if not tag or tag == "latest":
        raise ValueError("pin a tag, such as registry/name:1.0.0")
    return text


def seconds(text: str) -> float:
    return _between(float, text, 0.1, 300, "a number of seconds")


def count(text: str) -> int:
    return _between(int, text, 0, 1000, "a whole number")


def whole(least: int, most: int) -> Callable[[str], int]:
    """A reader of whole numbers within bounds."""
    return lambda text: _between(int, text, least, most, "a whole number")


def size(text: str) -> int:
    return _between(int, text, 1024, 1 << 30, "a number of bytes")


def _between(
    read_number: Callable[[str], Number], text: str, least: Number, most: Number, what: str
) -> Number:
    try:
        value = read_number(text)
    except ValueError:
        value = None
    if value is None or not least <= value <= most:
        raise ValueError(f"use {what} between {least} and {most}")
    return value


def level(text: str) -> str:
    if text.upper() not in ("DEBUG", "INFO", "WARNING", "ERROR"):
        raise ValueError("use DEBUG, INFO, WARNING or ERROR")
    return text.upper()


def read(setting: Setting, environ: Mapping[str, str]) -> Any:
    """The setting's value. Raises ImproperlyConfigured with a sentence."""
    text = _text(setting, environ)
    try:
        return setting.parse(text)
    except ValueError as error:
        shown = "" if setting.secret else f" is {text!r}, which"
        raise ImproperlyConfigured(f"{setting.name}{shown} makes no sense: {error}.") from None


def _text(setting: Setting, environ: Mapping[str, str]) -> str:
    path = environ.get(f"{setting.name}_FILE", "")
    if not (setting.secret and path):
        return environ.get(setting.name, setting.default)
    if setting.name in environ:
        raise ImproperlyConfigured(f"Set {setting.name} or {setting.name}_FILE, not both.")
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ImproperlyConfigured(
            f"{setting.name}_FILE points at {path}, which cannot be read: {error.strerror}."
        ) from None


def markdown_table(table: tuple[Setting, ...]) -> str:
    """The README's configuration table."""
    rows = [
        f"| `{setting.name}` | {f'`{setting.default}`' if setting.default else 'empty'} "
        f"| {setting.meaning}{' (or `' + setting.name + '_FILE`)' if setting.secret else ''} |"
        for setting in table
    ]
    return "\n".join(["| setting | default | meaning |", "| --- | --- | --- |", *rows])
