"""JSON schemas of strangers, within what the engines bear.

llama.cpp makes a grammar of each (b11549, ``common/json-schema.cpp`` and
``json-schema-to-grammar.cpp``), and everybody else's answers wait meanwhile: its time grows
with the square of the properties, and doubles with each reference that is followed twice and
each type that is named twice. One reference that leads back to itself ends its process.
"""

from collections.abc import Iterator
from typing import Any

import orjson

from wizard.demo.errors import BadRequest

LARGEST_JSON = 32 << 10
LARGEST_SCHEMA = 8 << 10
DEEPEST_JSON = 24
MOST_REFERENCES = 32


def schema(value: Any, what: str = "format") -> dict[str, Any]:
    """A JSON schema of bounded size that points nowhere outside itself. Raises BadRequest."""
    if not isinstance(value, dict):
        raise BadRequest(f'"{what}" must be a JSON schema', param=what)
    pairs = list(_walk(bounded(value, what, LARGEST_SCHEMA), DEEPEST_JSON, what))
    references = [str(item) for key, item in pairs if key == "$ref"]
    if len(references) > MOST_REFERENCES:
        told = f'"{what}" can refer to its own parts {MOST_REFERENCES} times'
        raise BadRequest(told, param=what)
    for reference in references:
        _follow(value, reference, what)
    if any(key == "type" and _repeats(item) for key, item in pairs):
        raise BadRequest(f'"{what}" names a type twice', param=what)
    return value


def bounded(value: Any, what: str, most: int = LARGEST_JSON) -> Any:
    """JSON of any content, if it is neither large nor deep. Raises BadRequest."""
    if len(orjson.dumps(value)) > most:
        raise BadRequest(f'"{what}" is larger than {most} bytes', param=what)
    for _pair in _walk(value, DEEPEST_JSON, what):
        pass
    return value


def _walk(value: Any, depth: int, what: str) -> Iterator[tuple[str, Any]]:
    if depth == 0:
        raise BadRequest(f'"{what}" is nested too deeply', param=what)
    pairs = value.items() if isinstance(value, dict) else (("", item) for item in value)
    for key, item in pairs:
        yield key, item
        if isinstance(item, dict | list):
            yield from _walk(item, depth - 1, what)


def _repeats(kind: Any) -> bool:
    return isinstance(kind, list) and len(set(map(str, kind))) < len(kind)


def _follow(root: dict[str, Any], reference: str, what: str) -> None:
    """Go from reference to reference until one leads to a schema. Raises BadRequest."""
    seen: set[str] = set()
    while reference not in seen:
        seen.add(reference)
        found = _part(root, reference, what)
        if "$ref" not in found:
            return
        reference = str(found["$ref"])
    raise BadRequest(f'"{what}" has a reference that leads back to itself', param=what)


def _part(root: dict[str, Any], reference: str, what: str) -> dict[str, Any]:
    """What a reference names. llama.cpp takes the names between its slashes as they are."""
    if not reference.startswith("#"):
        raise BadRequest(f'"{what}" refers to another document', param=what)
    found: Any = root
    for name in reference.split("/")[1:]:
        found = found.get(name) if isinstance(found, dict) else None
    if not isinstance(found, dict):
        raise BadRequest(f'"{what}" has no part {reference[:80]}', param=what)
    return found
