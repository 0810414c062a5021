"""What the files for programs hold: a plan, a check, a failure. Bytes, tokens, USD an hour."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from enum import StrEnum
from itertools import chain

from inference.openapi.parts import (
    FLAG,
    INTEGER,
    NUMBER,
    TEXT,
    Schema,
    closed_object,
    either,
    list_of,
    or_null,
    ref,
    told,
    words,
)
from wizard.hardware.values import Fit
from wizard.planning.engines import KV_TYPES
from wizard.registry.values import Format, Gating, Origin, Source
from wizard.sdl.values import Engine, StorageClass
from wizard.sizing.buffers import Buffers

_BYTES = told(INTEGER, "Bytes")
_MOMENT = told(TEXT, "A moment in ISO 8601", format="date-time")
_PER_SECOND = told(NUMBER, "Tokens that one request gets in a second, as estimated")
_PER_MILLION = told(or_null(NUMBER), "USD for a million tokens of one request at a time")


def schemas() -> Schema:
    """The schemas that the document refers to, by name."""
    return {
        "Error": _error(),
        "Check": _check(),
        "Plan": _plan(),
        "PlannedModel": _model(),
        "PlannedVariant": _variant(),
        "MadeChoices": _choices(),
        "Memory": _memory(),
        "Limits": _limits(),
        "Offer": _offer(),
        "Price": _price(),
    }


def of_enum(found: Iterable[StrEnum]) -> Schema:
    """One of an enumeration's words."""
    return words(*dict.fromkeys(word.value for word in found))


def kv_types() -> Schema:
    """The types that a KV cache may have, under any engine."""
    return of_enum(chain(*KV_TYPES.values()))


def _error() -> Schema:
    return closed_object(
        {
            "error": told(TEXT, "What is wrong with this very request"),
            "title": told(TEXT, "The kind of failure"),
            "next_step": told(TEXT, "What to do about it"),
            "conversions": told(list_of(TEXT), "Repositories that hold the model in another form"),
        }
    )


def _check() -> Schema:
    problem = {
        "path": told(TEXT, "Where in the file"),
        "sentence": told(TEXT, "What is wrong"),
        "fix": told(TEXT, "What to write instead"),
        "rule": told(TEXT, "The rule that is broken"),
        "is_error": told(FLAG, "Whether Akash refuses the file for it"),
    }
    return closed_object(
        {
            "valid": told(FLAG, "Whether no problem is an error"),
            "problems": told(list_of(closed_object(problem)), "Errors first"),
        }
    )


def _plan() -> Schema:
    links = {"type": "object", "additionalProperties": {**TEXT, "format": "uri"}}
    return closed_object(
        {
            "model": ref("PlannedModel"),
            "variant": ref("PlannedVariant"),
            "choices": ref("MadeChoices"),
            "reasons": told(
                {"type": "object", "additionalProperties": TEXT}, "Why, by the choice's name"
            ),
            "memory": ref("Memory"),
            "limits": told(
                either(ref("Limits"), {"type": "null"}),
                "What the first of the named cards would hold; null without a card",
            ),
            "offers": told(list_of(ref("Offer")), "Cards that were looked at"),
            "price": ref("Price"),
            "problems": told(list_of(TEXT), "Why there is no file for this plan; mostly none"),
            "warnings": told(list_of(TEXT), "What to know before deploying it"),
            "links": told(links, "The plan's page and files"),
        }
    )


def _model() -> Schema:
    return closed_object(
        {
            "name": told(TEXT, "As it was asked for"),
            "source": told(of_enum(Source), "The registry"),
            "title": TEXT,
            "licence": told(TEXT, "Empty where it is not stated"),
            "gated": told(of_enum(Gating), "Whether its terms have to be accepted first"),
            "parameters": or_null(INTEGER),
            "context_length": told(INTEGER, "Tokens that it was trained for"),
            "origin": told(of_enum(Origin), "Who told these facts"),
            "as_of": _MOMENT,
        }
    )


def _variant() -> Schema:
    return closed_object(
        {
            "name": told(TEXT, "As the model's page lists it"),
            "format": of_enum(Format),
            "quantisation": told(TEXT, "Empty where there is none"),
            "download_bytes": told(INTEGER, "Bytes of its files"),
            "size_is_exact": told(FLAG, "Whether the registry told these bytes"),
        }
    )


def _choices() -> Schema:
    return closed_object(
        {
            "engine": of_enum(Engine),
            "image": told(TEXT, "The container's, with its version"),
            "context": told(INTEGER, "Tokens that one request may use"),
            "slots": told(INTEGER, "Requests at the same time"),
            "kv": kv_types(),
            "cpu_moe": told(FLAG, "A mixture's experts in RAM"),
            "gpus": told(list_of(TEXT), "Cards that the file names, by their SDL names"),
            "count": told(INTEGER, "Cards in a node"),
            "nodes": INTEGER,
            "replicas": told(INTEGER, "Copies behind one address"),
            "region": told(TEXT, "Empty for any"),
            "audited": told(FLAG, "Audited providers only"),
            "storage": of_enum(StorageClass),
        }
    )


def _memory() -> Schema:
    part = {
        "name": TEXT,
        "bytes": _BYTES,
        "formula": told(TEXT, "The arithmetic in words"),
    }
    buffers = closed_object({field.name: _BYTES for field in fields(Buffers)})
    return closed_object(
        {
            "total_bytes": told(INTEGER, "On all cards together"),
            "largest_gpu_bytes": told(INTEGER, "On the fullest card; 0 without one"),
            "host_bytes": told(INTEGER, "RAM of a container; all of it where there is no card"),
            "disk_bytes": told(INTEGER, "Files, with room to download them"),
            "is_exact": told(FLAG, "Whether the model's exact shape is known"),
            "buffers": told(buffers, "Each buffer; under vLLM on each card"),
            "parts": list_of(closed_object(part)),
        }
    )


def _limits() -> Schema:
    return closed_object(
        {
            "fits": told(FLAG, "Whether the plan does"),
            "needed_bytes": told(INTEGER, "On a card"),
            "usable_bytes": told(INTEGER, "Of a card, without what the driver keeps"),
            "largest_context": told(INTEGER, "Tokens, with the plan's slots"),
            "most_slots": told(INTEGER, "With the plan's context"),
            "smallest_bytes": told(INTEGER, "On a card, for one slot of 256 tokens"),
            "tokens_per_second": _PER_SECOND,
            "usd_per_million_tokens": _PER_MILLION,
        }
    )


def _offer() -> Schema:
    return closed_object(
        {
            "title": TEXT,
            "gpu": told(or_null(TEXT), "Its SDL name; null for the processor"),
            "vram_bytes": told(or_null(INTEGER), "Memory of a card"),
            "count": told(INTEGER, "Cards in a node"),
            "nodes": INTEGER,
            "fit": told(of_enum(Fit), "tight: less than 8 % is left over"),
            "chosen": told(FLAG, "Whether the file names it"),
            "needed_bytes": told(INTEGER, "On the fullest card"),
            "headroom_bytes": told(INTEGER, "What is left of it; below 0: what lacks"),
            "usd_per_hour": told(
                or_null(NUMBER), "USD of one replica, with all that runs beside its cards"
            ),
            "largest_context": told(or_null(INTEGER), "Tokens, with the plan's slots"),
            "tokens_per_second": told(or_null(NUMBER), _PER_SECOND["description"]),
            "usd_per_million_tokens": _PER_MILLION,
            "reason": told(TEXT, "Why it does not fit, or what to know where it does"),
        }
    )


def _price() -> Schema:
    return closed_object(
        {
            "usd_per_hour": told(or_null(NUMBER), "The market's price of all replicas"),
            "ceiling_usd_per_hour": told(
                NUMBER, "The most that a provider may ask for a replica on one node"
            ),
            "amount_per_block": told(INTEGER, "The same in the file, in uact for a block"),
            "as_of": _MOMENT,
            "live": told(FLAG, "Whether Akash told the prices, or a list"),
        }
    )
