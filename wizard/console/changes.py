"""Changing what runs in place: another context length or image in the same file.

The chain fixes a deployment's groups (cards, memory, disk, price, region);
everything else of the file may change, and the provider restarts the container
with the same volume.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wizard.console.errors import FileRefused, NotInPlace
from wizard.console.groups import Json, is_same

SERVICE = "llm"
LEAST_CONTEXT, MOST_CONTEXT = 256, 16 << 20
_IMAGE = re.compile(r"[a-z0-9][a-z0-9._/:-]{0,200}:[A-Za-z0-9_][A-Za-z0-9._-]{0,127}\Z")
# How each engine is told its context length, in tokens of one slot.
_VARIABLES = ("CONTEXT_LENGTH", "OLLAMA_CONTEXT_LENGTH")
_ARGUMENT = "--max-model-len"
# llama-server is told that of all its slots together.
_TOTAL, _SLOTS = "--ctx-size", "--parallel"


def changed(document: Mapping[str, Any], context: int | None, image: str) -> dict[str, Any]:
    """A copy of the document with another context (tokens) or image.

    Raises FileRefused for a value that makes no sense, NotInPlace where the
    file has no such setting.
    """
    new: dict[str, Any] = copy.deepcopy(dict(document))
    service = new.get("services", {}).get(SERVICE)
    if service is None:
        raise NotInPlace(f"The file has no service “{SERVICE}”.")
    if context is not None:
        _set_context(service, context)
    if image:
        _set_image(service, image)
    return new


def check_in_place(before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    """Raise NotInPlace where the two differ in what the chain has fixed."""
    if not is_same(before, after):
        raise NotInPlace("The new file asks for other hardware than the lease has.")


@dataclass(frozen=True)
class Running:
    """What a file runs and can be changed in place; ``context`` is tokens of one slot."""

    context: int | None
    image: str


def running(document: Mapping[str, Any]) -> Running:
    """What a file of ours runs now."""
    return Running(context_of(document), document["services"][SERVICE]["image"])


def context_of(document: Mapping[str, Any]) -> int | None:
    """The context length that the file sets, in tokens."""
    service = document.get("services", {}).get(SERVICE) or {}
    for line in service.get("env") or []:
        name, _, value = line.partition("=")
        if name in _VARIABLES and value.isdigit():
            return int(value)
    args = service.get("args") or []
    if value := _argument(args, _ARGUMENT):
        return value
    total, slots = _argument(args, _TOTAL), _argument(args, _SLOTS)
    return total // slots if total and slots else None


def _argument(args: list[str], name: str) -> int | None:
    """The whole number after an argument's name."""
    if name not in args[:-1]:
        return None
    value = args[args.index(name) + 1]
    return int(value) if value.isdigit() else None


def _set_context(service: Json, context: int) -> None:
    if not LEAST_CONTEXT <= context <= MOST_CONTEXT:
        raise FileRefused(f"A context of {context} makes no sense; use {LEAST_CONTEXT} tokens on.")
    env = service.get("env") or []
    for index, line in enumerate(env):
        name = line.partition("=")[0]
        if name in _VARIABLES:
            env[index] = f"{name}={context}"
            return
    _set_argument(service.get("args") or [], context)


def _set_argument(args: list[str], context: int) -> None:
    slots = _argument(args, _SLOTS)
    if _argument(args, _ARGUMENT):
        args[args.index(_ARGUMENT) + 1] = str(context)
    elif _argument(args, _TOTAL) and slots:
        args[args.index(_TOTAL) + 1] = str(context * slots)
    else:
        raise NotInPlace("This file's context length is not where our files have it.")


def _set_image(service: Json, image: str) -> None:
    if not _IMAGE.match(image) or image.endswith(":latest"):
        raise FileRefused(f"{image[:80]!r} is no image with a tag, such as registry/name:1.0.1.")
    service["image"] = image
