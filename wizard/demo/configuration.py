"""What an operator writes of upstreams: YAML, or JSON, in ``DEMO_UPSTREAMS``.

- url: https://abc.provider.example
  kind: ollama
  key_file: /run/secrets/akash-1
  models: {llama2-7b: "llama2:7b", llava-phi3: llava-phi3}
- url: https://vllm.example
  kind: vllm
  models: [mistral-7b]
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml
from limits import parse_many

from wizard.demo.values import Kind, Offer, Upstream

CAPABILITIES = ("completion", "tools", "vision", "thinking", "insert")
MOST_PARALLEL = 1024
MOST_CONTEXT = 16 << 20
LONGEST_NAME = 200
_KEYS = ("name", "url", "kind", "key", "key_file", "models", "parallel", "context")
_MODEL_KEYS = ("model", "capabilities")


def upstreams(text: str) -> tuple[Upstream, ...]:
    """Read the setting. Raises ValueError with a sentence that says what to change."""
    if not text.strip():
        return ()
    try:
        found = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(f"it is neither YAML nor JSON: {_place(error)}") from None
    if not isinstance(found, list) or not found:
        raise ValueError("use a list of upstreams, each with url, kind and models")
    read = tuple(_upstream(item, number) for number, item in enumerate(found, 1))
    twice = [name for name, times in Counter(item.name for item in read).items() if times > 1]
    if twice:
        raise ValueError(f"two upstreams are named {twice[0]!r}: give each its own name")
    return read


def rates(text: str) -> str:
    """Rates in the words of the ``limits`` library: ``20/minute;500/day``. Raises ValueError."""
    try:
        parse_many(text)
    except ValueError:
        raise ValueError("use rates such as 20/minute;500/day") from None
    return text


def _upstream(item: Any, number: int) -> Upstream:
    where = f"upstream {number}"
    if not isinstance(item, dict):
        raise ValueError(f"{where} must have url, kind and models")
    _refuse_unknown(item, _KEYS, where)
    url = _url(item.get("url"), where)
    where = f"upstream {number} ({urlsplit(url).netloc})"
    return Upstream(
        name=_text(item.get("name", urlsplit(url).netloc), f"the name of {where}"),
        url=url,
        kind=_kind(item.get("kind"), where),
        offers=_offers(item.get("models"), where),
        key=_key(item, where),
        parallel=_whole(item.get("parallel", 4), 1, MOST_PARALLEL, f"parallel of {where}"),
        context=_whole(item.get("context", 0), 0, MOST_CONTEXT, f"context of {where}"),
    )


def _refuse_unknown(item: Mapping[Any, Any], known: tuple[str, ...], where: str) -> None:
    unknown = [key for key in item if key not in known]
    if unknown:
        raise ValueError(f"{where} has {unknown[0]!r}, which is unknown: use {', '.join(known)}")


def _url(value: Any, where: str) -> str:
    """The base URL; ``/v1``, which OpenAI's clients are given, is left out."""
    text = str(value or "").rstrip("/").removesuffix("/v1")
    parts = urlsplit(text)
    is_plain = not (parts.username or parts.password or parts.query or parts.fragment)
    if parts.scheme not in ("http", "https") or not parts.hostname or not is_plain:
        raise ValueError(f"the url of {where} must be like https://host, with nothing else")
    return text


def _kind(value: Any, where: str) -> Kind:
    try:
        return Kind(value)
    except ValueError:
        raise ValueError(f"the kind of {where} must be one of {', '.join(Kind)}") from None


def _key(item: Mapping[str, Any], where: str) -> str:
    if "key" in item and "key_file" in item:
        raise ValueError(f"{where} has key and key_file: use one of them")
    if "key_file" not in item:
        return _text(item["key"], f"the key of {where}") if "key" in item else ""
    path = Path(str(item["key_file"]))
    try:
        return _text(path.read_text(encoding="utf-8").strip(), f"the key of {where}")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise ValueError(f"the key_file of {where}, {path}, cannot be read: {reason}") from None


def _offers(value: Any, where: str) -> tuple[Offer, ...]:
    if isinstance(value, list):
        value = {_text(name, f"a model of {where}"): name for name in value}
    if not isinstance(value, dict) or not value:
        raise ValueError(
            f"{where} must have models: a list of names, or names with the upstream's own beside"
        )
    return tuple(_offer(alias, named, where) for alias, named in value.items())


def _offer(alias: Any, named: Any, where: str) -> Offer:
    alias = _text(alias, f"a model of {where}")
    if not isinstance(named, dict):
        return Offer(alias, _text(named, f"the model {alias!r} of {where}"))
    _refuse_unknown(named, _MODEL_KEYS, f"the model {alias!r} of {where}")
    model = _text(named.get("model", alias), f"the model {alias!r} of {where}")
    given = named.get("capabilities", [])
    if not isinstance(given, list) or not set(map(str, given)) <= set(CAPABILITIES):
        raise ValueError(
            f"the capabilities of {alias!r} must be a list of {', '.join(CAPABILITIES)}"
        )
    can = tuple(dict.fromkeys(("completion", *map(str, given)))) if given else ()
    return Offer(alias, model, can)


def _text(value: Any, what: str) -> str:
    text = value if isinstance(value, str) else ""
    if not text or len(text) > LONGEST_NAME or not text.isprintable():
        raise ValueError(f"{what} must be a text of 1 to {LONGEST_NAME} printable characters")
    return text


def _whole(value: Any, least: int, most: int, what: str) -> int:
    if type(value) is not int or not least <= value <= most:
        raise ValueError(f"{what} must be a whole number between {least} and {most}")
    return value


def _place(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    return f"look at line {mark.line + 1}" if mark else "it cannot be read"
