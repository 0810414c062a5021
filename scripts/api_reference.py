"""An OpenAPI document as Markdown, for ``docs/``: each operation, then each shape it refers to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Schema = Mapping[str, Any]
_PLACES = {"path": "In the path", "query": "In the query", "header": "As a header"}


def reference(document: Schema, level: int = 2) -> str:
    """The whole reference; ``level`` is that of its first headings."""
    mark, shapes = "#" * level, document["components"]["schemas"]
    lines: list[str] = []
    for tag, meaning in _tags(document).items():
        if tag:
            lines += [f"{mark} {tag}", "", f"{meaning}.", ""]
        lines += _operations(document, tag, f"{mark}#" if tag else mark)
    lines += [f"{mark} Statuses", "", *_statuses(document), "", f"{mark} Shapes", ""]
    for name, schema in shapes.items():
        lines += [f"{mark}# {name}", "", *_shape(schema), ""]
    return "\n".join(lines).rstrip()


def _tags(document: Schema) -> dict[str, str]:
    return {tag["name"]: tag["description"] for tag in document.get("tags", ())} or {"": ""}


def _operations(document: Schema, tag: str, mark: str) -> Iterator[str]:
    seen: dict[str, str] = {}
    for path, item in document["paths"].items():
        for method, told in item.items():
            if method != "parameters" and tag in (*told.get("tags", ("",)), ""):
                name = f"{method.upper()} {path}"
                yield from (f"{mark} `{name}`", "", f"{told['summary']}.", "")
                if "description" in told:
                    yield from (told["description"], "")
                given = (*item.get("parameters", ()), *told.get("parameters", ()))
                yield from _parameters(given, name, seen)
                yield from _request(told, name, seen)
                yield from (*_answers(told), "")


def _parameters(given: tuple[Schema, ...], name: str, seen: dict[str, str]) -> Iterator[str]:
    for where, title in _PLACES.items():
        fields = {each["name"]: _described(each) for each in given if each["in"] == where}
        yield from _fields(title, fields, name, seen)


def _described(parameter: Schema) -> Schema:
    return {**parameter["schema"], "description": parameter.get("description", "")}


def _request(told: Schema, name: str, seen: dict[str, str]) -> Iterator[str]:
    content = told.get("requestBody", {}).get("content", {})
    for kind, media in content.items():
        schema = media["schema"]
        if "properties" not in schema:
            yield from (f"Takes `{kind}`.", "")
            continue
        yield from _fields("Takes", schema["properties"], name, seen, schema.get("required", ()))


def _fields(
    title: str, fields: Schema, name: str, seen: dict[str, str], required: Any = ()
) -> Iterator[str]:
    if not fields:
        return
    first = seen.setdefault(repr((fields, required)), name)
    if first != name:
        yield from (f"{title}: the same as `{first}`.", "")
        return
    yield from (f"{title}:", "", *_table(fields, required), "")


def _table(fields: Schema, required: Any = ()) -> Iterator[str]:
    yield from ("| field | type | meaning |", "| --- | --- | --- |")
    for name, schema in fields.items():
        star = " (required)" if name in required else ""
        yield f"| `{name}`{star} | {_type(schema)} | {_meaning(schema)} |"


def _meaning(schema: Schema) -> str:
    default = schema.get("default")
    text = str(schema.get("description", ""))
    if default is None:
        return text
    shown = str(default).lower() if isinstance(default, bool) else default
    return f"{text}{'; ' if text else ''}default `{shown}`"


def _type(schema: Schema) -> str:
    """A schema in a few words, fit for a table's cell."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "enum" in schema:
        return ", ".join(f"`{word}`" for word in schema["enum"] if word != "")
    if "anyOf" in schema:
        return " or ".join(_type(each) for each in schema["anyOf"] if each != {"type": "null"})
    kinds = schema.get("type", "anything")
    found = [kinds] if isinstance(kinds, str) else [kind for kind in kinds if kind != "null"]
    if schema.get("properties"):
        return f"object with {', '.join(f'`{name}`' for name in schema['properties'])}"
    names = " or ".join(found)
    if "array" in found and "items" in schema:
        most = f", {schema['maxItems']} at most" if "maxItems" in schema else ""
        return names.replace("array", f"list of {_type(schema['items'])}{most}")
    return names + _bounds(schema)


def _bounds(schema: Schema) -> str:
    least, most = schema.get("minimum"), schema.get("maximum")
    if least is not None and most is not None:
        return f", {least} to {most}" if least != most else f", {least} alone"
    return f", from {least}" if least is not None else ""


def _answers(told: Schema) -> Iterator[str]:
    failed = [status for status in told["responses"] if status >= "300"]
    for status, response in told["responses"].items():
        if status < "300":
            yield f"Answers {status}: {_contents(response)}{_headers(response)}."
    shapes = {_contents(told["responses"][status]) for status in failed}
    if failed:
        yield f"Otherwise {', '.join(failed)}: {' or '.join(sorted(shapes))}."


def _headers(response: Schema) -> str:
    names = ", ".join(f"`{name}`" for name in response.get("headers", ()))
    return f"; with {names}" if names else ""


def _contents(response: Schema) -> str:
    kinds: dict[str, list[str]] = {}
    for kind, media in response.get("content", {}).items():
        kinds.setdefault(_type(media["schema"]), []).append(f"`{kind}`")
    found = (f"{shape} as {' or '.join(names)}" for shape, names in kinds.items())
    return ", or ".join(found) or "nothing"


def _statuses(document: Schema) -> Iterator[str]:
    told: dict[str, set[str]] = {}
    for item in document["paths"].values():
        for method, operation in item.items():
            for status, response in (
                operation["responses"].items() if method != "parameters" else ()
            ):
                if status >= "300":
                    told.setdefault(status, set()).add(response["description"])
    yield from ("| status | when |", "| --- | --- |")
    yield from (f"| {status} | {'; '.join(sorted(told[status]))} |" for status in sorted(told))


def _shape(schema: Schema) -> Iterator[str]:
    if schema.get("properties"):
        yield from _table(schema["properties"], schema.get("required", ()))
        more = schema.get("additionalProperties") is not False
        yield from ("", "There may be further fields.") if more else ()
    else:
        yield _type(schema)
