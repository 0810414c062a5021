"""Query strings read into values, and values written back into query strings.

Nothing is guessed: a value that cannot be read raises ChoiceError with a
sentence that says what is allowed. An empty value means our default.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import TypeVar
from urllib.parse import urlencode

from django.http import QueryDict

from wizard.planning import ChoiceError
from wizard.registry.values import SearchQuery, Source
from wizard.sdl.values import Choices, Engine, StorageClass
from wizard.sizing.values import KvType

LONGEST_VALUE = 512
LONGEST_ENV = 4096
MOST_VALUES = 64
LARGEST_NUMBER = 1_000_000_000
LARGEST_PAGE = 500
SORTS = {
    "downloads": "Most downloaded",
    "trending": "Trending",
    "likes": "Most liked",
    "newest": "Newest",
    "name": "By name",
}
TASKS = {
    "text-generation": "Chat and text",
    "image-text-to-text": "Vision",
    "feature-extraction": "Embeddings",
}
SIZES_GB = (4, 8, 12, 24, 48, 80, 160)
LICENCES = ("apache-2.0", "mit", "gemma", "llama3.1", "llama3.3", "cc-by-nc-4.0")

# Soft hyphens, zero-width signs, and the mark at the start of a file.
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u2060\ufeff]")
_WHOLE = re.compile(r"\d{1,10}\Z", re.ASCII)
_DECIMAL = re.compile(r"\d{1,6}(\.\d{1,6})?\Z", re.ASCII)
_GPU = re.compile(r"[a-z0-9]{1,32}(:\d{1,4}Gi)?\Z")
_REGION = re.compile(r"[a-z0-9][a-z0-9-]{0,62}\Z")
_ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,127}\Z")
_ALIAS_END = re.compile(r"[,\r\n]")
_SHA256 = re.compile(r"[0-9a-f]{64}\Z")
_YES = {"1": True, "true": True, "yes": True, "on": True}
_NO = {"0": False, "false": False, "no": False, "off": False}

Value = TypeVar("Value")
Word = TypeVar("Word", bound=StrEnum)

# Every parameter of a model's three files, in the order that a link writes them.
PARAMETERS = (
    *("variant", "engine", "context", "slots", "kv", "gpu", "count", "nodes", "replicas"),
    *("region", "audited", "price_ceiling", "storage", "storage_gib", "cpu_only", "cpu_moe"),
    *("env", "alias"),
)


def check_names(query: QueryDict) -> None:
    """Raise ChoiceError for a parameter that does not exist: a slip would change nothing."""
    for name in query:
        if name not in (*PARAMETERS, "api_key_sha256"):
            raise ChoiceError(name, f"“{name[:80]}” is no parameter; use {_list(PARAMETERS)}.")


def read_choices(query: QueryDict) -> Choices:
    """What a person chose. Raises ChoiceError."""
    return Choices(
        variant=_text(query, "variant"),
        engine=_word(query, "engine", Engine),
        context=_whole(query, "context", 8192),
        slots=_whole(query, "slots"),
        kv=_word(query, "kv", KvType),
        gpus=tuple(_gpu(name) for name in _texts(query, "gpu")),
        count=_whole(query, "count"),
        nodes=_whole(query, "nodes"),
        replicas=_whole(query, "replicas"),
        region=_matching(query, "region", _REGION, "a region such as us-west: a-z, 0-9 and “-”"),
        audited=_yes_or_no(query, "audited"),
        price_ceiling=_decimal(query, "price_ceiling"),
        storage_class=_word(query, "storage", StorageClass),
        storage_gib=_whole(query, "storage_gib", 100),
        cpu_only=_yes_or_no(query, "cpu_only"),
        cpu_moe=_yes_or_no(query, "cpu_moe"),
        extra_env=_environment(query),
        aliases=_aliases(query),
    )


def read_key_hash(query: QueryDict) -> str:
    """``api_key_sha256``, or empty. Raises ChoiceError."""
    allowed = "64 digits of lower-case hex: the SHA-256 of your API key"
    return _matching(query, "api_key_sha256", _SHA256, allowed)


def read_search(query: QueryDict) -> SearchQuery:
    """A search. Raises ChoiceError."""
    size = _whole(query, "size")
    sort = _text(query, "sort") or "downloads"
    task = _text(query, "task")
    if sort not in SORTS:
        raise ChoiceError("sort", f"“{sort}” is no order; use {_list(SORTS)}.")
    if task and task not in TASKS:
        raise ChoiceError("task", f"“{task}” is no task; use {_list(TASKS)}.")
    return SearchQuery(
        text=_search_text(query),
        source=_word(query, "source", Source),
        author=_text(query, "author"),
        task=task,
        licence=_text(query, "licence"),
        max_bytes=size * 10**9 if size else None,
        sort=sort,
        page=min(max(_whole(query, "page") or 1, 1), LARGEST_PAGE),
    )


def _search_text(query: QueryDict) -> str:
    """What is searched for, without the invisible signs that come along when copying."""
    pasted = query.get("q", "")
    text = " ".join(_INVISIBLE.sub("", pasted).split())
    if len(text) > LONGEST_VALUE:
        raise ChoiceError(
            "q",
            f"The search has {len(text):,} characters, and {LONGEST_VALUE} at most are read: "
            "paste one name or one link.",
        )
    return _checked("q", text)


def to_query(choices: Choices) -> str:
    """The query string of these choices, without a leading “?”; defaults are left out."""
    values: dict[str, object] = {
        "variant": choices.variant,
        "engine": choices.engine,
        "context": choices.context,
        "slots": choices.slots,
        "kv": choices.kv,
        "gpu": choices.gpus,
        "count": choices.count,
        "nodes": choices.nodes,
        "replicas": choices.replicas,
        "region": choices.region,
        "audited": _written(choices.audited),
        "price_ceiling": choices.price_ceiling,
        "storage": choices.storage_class,
        "storage_gib": choices.storage_gib,
        "cpu_only": _written(choices.cpu_only),
        "cpu_moe": _written(choices.cpu_moe),
        "env": tuple(f"{name}={value}" for name, value in choices.extra_env),
        "alias": choices.aliases,
    }
    kept = {name: value for name, value in values.items() if value not in (None, "", ())}
    return urlencode(kept, doseq=True, safe=":/,")


def _written(flag: bool | None) -> str:
    return "" if flag is None else str(int(flag))


def _list(words: Iterable[object]) -> str:
    return ", ".join(map(str, words))


def _text(query: QueryDict, name: str) -> str:
    values = query.getlist(name)
    if len(values) > 1:
        raise ChoiceError(name, f"“{name}” is given {len(values)} times; give it once.")
    return _checked(name, values[0].strip()) if values else ""


def _texts(query: QueryDict, name: str) -> list[str]:
    values = [value.strip() for value in query.getlist(name) if value.strip()]
    if len(values) > MOST_VALUES:
        raise ChoiceError(name, f"“{name}” is given {len(values)} times; {MOST_VALUES} at most.")
    return [_checked(name, value) for value in values]


def _checked(name: str, value: str, longest: int = LONGEST_VALUE) -> str:
    if len(value) > longest:
        raise ChoiceError(name, f"“{name}” has {len(value)} characters; {longest} at most.")
    if not value.isprintable():
        raise ChoiceError(name, f"“{name}” has a control character; type it anew.")
    return value


def _matching(query: QueryDict, name: str, pattern: re.Pattern[str], allowed: str) -> str:
    value = _text(query, name)
    if value and not pattern.match(value):
        raise ChoiceError(name, f"“{name}” is {value[:80]!r}; use {allowed}.")
    return value


def _read(
    query: QueryDict, name: str, pattern: re.Pattern[str], allowed: str, to: Callable[[str], Value]
) -> Value | None:
    value = _matching(query, name, pattern, allowed)
    return to(value) if value else None


def _whole(query: QueryDict, name: str, example: int = 4) -> int | None:
    number = _read(query, name, _WHOLE, f"a whole number such as {example}", int)
    if number is not None and number > LARGEST_NUMBER:
        raise ChoiceError(name, f"“{name}” is {number}; use at most {LARGEST_NUMBER}.")
    return number


def _decimal(query: QueryDict, name: str) -> float | None:
    return _read(query, name, _DECIMAL, "a number such as 0.75", float)


def _word(query: QueryDict, name: str, words: type[Word]) -> Word | None:
    value = _text(query, name)
    if not value:
        return None
    try:
        return words(value)
    except ValueError:
        raise ChoiceError(name, f"“{name}” is {value[:80]!r}; use {_list(words)}.") from None


def _yes_or_no(query: QueryDict, name: str) -> bool | None:
    value = _text(query, name).lower()
    if not value:
        return None
    flag = {**_YES, **_NO}.get(value)
    if flag is None:
        raise ChoiceError(name, f"“{name}” is {value[:80]!r}; use 1 or 0.")
    return flag


def _gpu(value: str) -> str:
    if not _GPU.match(value):
        raise ChoiceError(
            "gpu", f"“gpu” is {value[:80]!r}; use a model such as rtx3090, or a100:80Gi."
        )
    return value


def _aliases(query: QueryDict) -> tuple[str, ...]:
    """``alias=NAME``, repeated, or several in one value, one a line or between commas."""
    names = [name.strip() for value in query.getlist("alias") for name in _ALIAS_END.split(value)]
    names = [name for name in dict.fromkeys(names) if name]
    if len(names) > MOST_VALUES:
        raise ChoiceError("alias", f"There are {len(names)} further names; {MOST_VALUES} at most.")
    return tuple(_checked("alias", name) for name in names)


def _environment(query: QueryDict) -> tuple[tuple[str, str], ...]:
    """``env=KEY=VALUE``, repeated, or several lines of it as the page's form sends them."""
    lines = [line for value in query.getlist("env") for line in re.split(r"\r?\n", value)]
    lines = [line.strip() for line in lines if line.strip()]
    if len(lines) > MOST_VALUES:
        raise ChoiceError("env", f"There are {len(lines)} variables; {MOST_VALUES} at most.")
    return tuple(_variable(_checked("env", line, LONGEST_ENV)) for line in lines)


def _variable(line: str) -> tuple[str, str]:
    name, equals, value = line.partition("=")
    if not equals or not _ENV_NAME.match(name):
        raise ChoiceError("env", f"“env” is {line[:80]!r}; write it like NAME=value.")
    return name, value
