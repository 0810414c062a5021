"""The JSON schemas of a request, and what llama.cpp would make of them.

It writes a grammar of each (b11549, ``common/json-schema.cpp`` and
``common/json-schema-to-grammar.cpp``): a copy of the schema for each type that a list of types
names, a rule for each optional property with all that may come after it, a group for each one of
a pattern. ``allOf`` is put together by recursion, without an end where it leads back to itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, TypeGuard

import orjson

from inference.engine.gbnf import Refused

LARGEST = 256 << 10
MOST_REFERENCES = 1_000
# Parts of all schemas; optional properties count by their square.
MOST_PARTS = 10_000
_OPTIONAL_WEIGHT = 16
_WHERE = ("response_format", "text", "output_format", "output_config", "tools")
_ROOTS = ("schema", "parameters", "input_schema")
# What the root is called where a schema refers to it, beside names of its own.
_ROOT = "the-schema-itself"
_LISTS = ("anyOf", "oneOf", "allOf", "prefixItems", "items")
_SAME_PLACE = ("anyOf", "oneOf", "allOf")
_PART = re.compile(
    r"(?P<literal>\\.|[^][(){}*+?.|\\])|\[(?:[^]\\]|\\.)*\]|\{[^}]*\}|\(\?:|[()*+?.|]", re.DOTALL
)


def of(payload: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Every schema of a request to the engine, in whichever dialect."""
    own = payload.get("json_schema")
    return [
        *([own] if _is(own) else []),
        *(found for key in _WHERE for found in _roots(payload.get(key))),
    ]


def rooted(payload: Mapping[str, Any]) -> Mapping[str, Any]:
    """The request with a name for the root wherever ``{"$ref": "#"}`` means it.

    OpenAI's own examples of recursion write it so; llama.cpp follows names alone.
    """
    own = payload.get("json_schema")
    changed = {key: _rooted_within(payload[key]) for key in _WHERE if key in payload}
    return {**payload, **changed, **({"json_schema": _rooted(own)} if _is(own) else {})}


def check(schemas: list[dict[str, Any]]) -> None:
    """Raise Refused for what would hold up llama.cpp, or end it."""
    text = orjson.dumps(schemas)
    if len(text) > LARGEST:
        raise Refused(f"more than {LARGEST >> 10} KiB")
    if text.count(b'"$ref":') > MOST_REFERENCES:
        raise Refused(f"more than {MOST_REFERENCES:,} references ($ref)")
    if sum(map(_parts, schemas)) > MOST_PARTS:
        raise Refused("too many properties, values or types")
    for schema in schemas:
        _follow(schema)


def patterns(schemas: list[dict[str, Any]]) -> str:
    """A grammar of all patterns in them; empty where there are none."""
    found = (_as_grammar(each) for schema in schemas for each in _patterns(schema))
    groups = [f"({each})" for each in found if each]
    return "root ::= " + " | ".join(groups) if groups else ""


def _roots(value: Any) -> list[dict[str, Any]]:
    if isinstance(value, list):
        return [found for item in value for found in _roots(item)]
    if not isinstance(value, dict):
        return []
    own = [value[key] for key in _ROOTS if isinstance(value.get(key), dict)]
    return own or [found for item in value.values() for found in _roots(item)]


def _rooted_within(value: Any) -> Any:
    if isinstance(value, list):
        return [_rooted_within(item) for item in value]
    if not _is(value):
        return value
    own = {key: _rooted(value[key]) for key in _ROOTS if _is(value.get(key))}
    return {**value, **own} if own else {key: _rooted_within(item) for key, item in value.items()}


def _rooted(schema: dict[str, Any]) -> dict[str, Any]:
    if b'"$ref":"#"' not in orjson.dumps(schema):
        return schema
    known = schema.get("$defs")
    root = {key: value for key, value in schema.items() if key not in ("$defs", "definitions")}
    named: dict[str, Any] = _pointed(
        {**schema, "$defs": {**(known if _is(known) else {}), _ROOT: root}}
    )
    return named


def _pointed(value: Any) -> Any:
    if isinstance(value, list):
        return list(map(_pointed, value))
    if not _is(value):
        return value
    return {
        key: f"#/$defs/{_ROOT}" if key == "$ref" and item == "#" else _pointed(item)
        for key, item in value.items()
    }


def _children(schema: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for key in _LISTS:
        value = schema.get(key)
        yield from (each for each in (value if isinstance(value, list) else [value]) if _is(each))
    for key in ("properties", "$defs", "definitions"):
        value = schema.get(key)
        yield from (each for each in (value.values() if _is(value) else ()) if _is(each))
    if _is(additional := schema.get("additionalProperties")):
        yield additional


def _parts(schema: Mapping[str, Any]) -> int:
    kinds, values = schema.get("type"), schema.get("enum")
    properties, required = schema.get("properties"), schema.get("required")
    optional = len(properties) if _is(properties) else 0
    optional -= len(required) if isinstance(required, list) else 0
    own = 1 + len(values) if isinstance(values, list) else 1
    own += max(0, optional) ** 2 // _OPTIONAL_WEIGHT
    times = len(kinds) if isinstance(kinds, list) else 1
    return times * (own + sum(map(_parts, _children(schema))))


def _follow(root: Mapping[str, Any]) -> None:
    """Raise Refused where a reference leads to itself, and to no property or item on the way."""
    done: set[str] = set()
    for start in _places(root):
        path: list[str] = []
        todo = [(name, 0) for name in start]
        while todo:
            name, depth = todo.pop()
            del path[depth:]
            if name in path:
                raise Refused(f"a reference that leads back to itself ({name[:80]})")
            if name in done:
                continue
            path.append(name)
            done.add(name)
            todo += [(each, len(path)) for each in _here(_part(root, name))]


def _places(schema: Mapping[str, Any]) -> Iterator[list[str]]:
    """The references of each place in a schema where one value is described."""
    yield _here(schema)
    for child in _children(schema):
        yield from _places(child)


def _here(schema: Any) -> list[str]:
    """The references that describe the same value as a schema does."""
    if not _is(schema):
        return []
    found = [schema["$ref"]] if isinstance(schema.get("$ref"), str) else []
    for key in _SAME_PLACE:
        value = schema.get(key)
        for each in value if isinstance(value, list) else ():
            found += _here(each)
    return found


def _part(root: Any, reference: str) -> Any:
    """What a reference names. llama.cpp takes the names between its slashes as they are."""
    found = root if reference.startswith("#") else None
    for name in reference.split("/")[1:]:
        if isinstance(found, list):
            found = found[int(name)] if name.isdigit() and int(name) < len(found) else None
        else:
            found = found.get(name) if _is(found) else None
    return found


def _patterns(schema: Mapping[str, Any]) -> Iterator[str]:
    if isinstance(pattern := schema.get("pattern"), str):
        yield pattern
    for child in _children(schema):
        yield from _patterns(child)


def _as_grammar(pattern: str) -> str:
    """A regular expression as llama.cpp writes it into a grammar; empty where it takes any text."""
    inner = pattern[1:-1] if pattern[:1] == "^" and pattern[-1:] == "$" else ""
    found, at = list[str](), 0
    while at < len(inner):
        part = _PART.match(inner, at)
        if part is None:
            return ""
        found.append(_quoted(part[0]) if part["literal"] else part[0].replace("(?:", "("))
        at = part.end()
    return " ".join(found)


def _quoted(literal: str) -> str:
    plain = literal[-1] if literal[:1] == "\\" and literal[-1] not in "tnr\\" else literal
    return '"' + plain.replace('"', '\\"') + '"'


def _is(value: Any) -> TypeGuard[dict[str, Any]]:
    return isinstance(value, dict)
