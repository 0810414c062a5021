"""The bundled snapshot of both registries: what we know with no network at all.

It is read once per process, when first asked for. Records stay plain
dictionaries until one of them is shown, which keeps the first page quick.
``manage.py refresh_catalogue`` rebuilds it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from wizard.registry import catalogue_store as store
from wizard.registry.catalogue_store import Record
from wizard.registry.derivation import derive
from wizard.registry.errors import CloudOnly, MlxOnly, ModelNotFound
from wizard.registry.values import (
    Architecture,
    Model,
    ModelRef,
    Origin,
    SearchPage,
    SearchQuery,
    Source,
    Variant,
)

PAGE_SIZE = 20
LAST_PAGE = 500
_FILES = {Source.HUGGING_FACE: "huggingface.json.gz", Source.OLLAMA: "ollama.json.gz"}
_SEPARATORS = re.compile(r"[^a-z0-9.]+")


@dataclass(frozen=True)
class Entry:
    """One record and what a search looks at: ``rank`` is its place by downloads."""

    source: Source
    record: Record
    name: str
    author: str
    haystack: str
    rank: int


@dataclass(frozen=True)
class Catalogue:
    """The whole snapshot. ``as_of`` is the older of the two registries' days."""

    as_of: datetime
    entries: tuple[Entry, ...]
    by_name: dict[tuple[Source, str], Record]
    architectures: Record


def _plain(text: str) -> str:
    return _SEPARATORS.sub(" ", text.lower()).strip()


def _entry(source: Source, record: Record, rank: int) -> Entry:
    ref = store.ref_from(record, source)
    name = _plain(ref.name)
    sizes = ""
    if source is Source.OLLAMA:
        sizes = " ".join({row[0].partition("-")[0] for row in record.get("variants", ())})
    haystack = f"{_plain(record['repo'])} {name.replace(' ', '')} {sizes}"
    return Entry(source, record, name, ref.namespace.lower(), haystack, rank)


def _entries(source: Source, records: Iterable[Record]) -> list[Entry]:
    ordered = sorted(records, key=lambda record: (-record.get("downloads", 0), record["repo"]))
    return [_entry(source, record, rank) for rank, record in enumerate(ordered)]


@lru_cache(maxsize=1)
def load(directory: Path = store.DIRECTORY) -> Catalogue:
    """Read the snapshot. Raises CatalogueDamaged."""
    files = {source: store.read_file(directory / name) for source, name in _FILES.items()}
    entries = [
        entry for source, file in files.items() for entry in _entries(source, file["models"])
    ]
    return Catalogue(
        as_of=min(datetime.fromisoformat(file["as_of"]) for file in files.values()),
        entries=tuple(sorted(entries, key=lambda entry: entry.rank)),
        by_name={(item.source, item.record["repo"].lower()): item.record for item in entries},
        architectures=store.read_file(directory / "architectures.json.gz")["architectures"],
    )


def as_of() -> datetime:
    """The day that the snapshot tells about."""
    return load().as_of


def popular(limit: int = PAGE_SIZE) -> tuple[Model, ...]:
    """The most downloaded models that can be run, both registries by turns."""
    servable = (entry for entry in load().entries if "variants" in entry.record)
    return tuple(_model(entry) for entry, _ in zip(servable, range(limit), strict=False))


def search(query: SearchQuery) -> SearchPage:
    """One page of what matches, best first; the whole snapshot for an empty query."""
    known = load()
    found = [entry for entry in known.entries if _matches(entry, query)]
    found.sort(key=lambda entry: _order(entry, query))
    page = min(max(query.page, 1), LAST_PAGE)
    start, end = (page - 1) * PAGE_SIZE, page * PAGE_SIZE
    return SearchPage(
        models=tuple(_model(entry) for entry in found[start:end]),
        page=page,
        has_next=end < len(found),
        total=len(found),
        origin=Origin.CATALOGUE,
        as_of=known.as_of,
    )


def knows(ref: ModelRef) -> bool:
    """Whether the snapshot has the model, whatever its tag."""
    return (ref.source, ref.repo.lower()) in load().by_name


def peek(ref: ModelRef) -> Model | None:
    """A model's facts without its variants; None where the snapshot lacks it."""
    record = _record(ref)
    return store.model_from(record, ref.source, load().as_of) if record else None


def find(ref: ModelRef) -> Model:
    """A model with its variants.

    Raises ModelNotFound; CloudOnly or MlxOnly where an Ollama tag is of that
    kind, or where the model has no other.
    """
    record = _record(ref)
    if record is None:
        raise ModelNotFound(f"The catalogue does not know {ref.repo}.")
    _refuse_without_weights(ref, record)
    model = store.model_from(record, ref.source, load().as_of, with_variants=True)
    spelled = replace(model.ref, tag=ref.tag, file=ref.file, revision=ref.revision)
    return replace(model, ref=spelled)


def architecture(model: Model, variant: Variant) -> Architecture:
    """Hyper-parameters as known for this variant or its base model, else derived.

    A derived shape has ``exact=False`` and errs on the large side.
    """
    key = _architecture_key(model, variant)
    record = load().architectures.get(key) if key else None
    if record is None:
        return derive(model, variant)
    known = store.architecture_from(record)
    length = variant.context_length or model.context_length or known.context_length
    return replace(known, context_length=min(length, known.context_length) or length)


def _record(ref: ModelRef) -> Record | None:
    return load().by_name.get((ref.source, ref.repo.lower()))


def _refuse_without_weights(ref: ModelRef, record: Record) -> None:
    if ref.tag in record.get("cloud", ()):
        raise CloudOnly(f"{ref} has no weights: it runs in Ollama's cloud only.")
    if ref.tag in record.get("mlx", ()):
        raise MlxOnly(f"{ref} holds tensors for Apple's MLX, not GGUF.")
    if "variants" not in record and ref.source is Source.OLLAMA:
        raise CloudOnly(f"{ref.repo} has no weights: it runs in Ollama's cloud only.")


def _architecture_key(model: Model, variant: Variant) -> str:
    """The variant's own key, else any of its model's, else its base model's."""
    record = _record(model.ref)
    rows = record.get("variants", []) if record else []
    for row in rows:
        if row[0] == variant.name and store.architecture_key(row):
            return store.architecture_key(row)
    if model.ref.source is Source.HUGGING_FACE:
        return _any_key(rows) or _base_key(model)
    return ""


def _base_key(model: Model) -> str:
    base = load().by_name.get((Source.HUGGING_FACE, model.base_model.lower()))
    return _any_key(base.get("variants", [])) if base else ""


def _any_key(rows: list[list[object]]) -> str:
    return next(filter(None, map(store.architecture_key, rows)), "")


def _model(entry: Entry) -> Model:
    return store.model_from(entry.record, entry.source, load().as_of)


def _matches(entry: Entry, query: SearchQuery) -> bool:
    record = entry.record
    if query.source and entry.source is not query.source:
        return False
    if query.author and entry.author != query.author.lower():
        return False
    if query.task and record.get("task") != query.task:
        return False
    if query.licence and str(record.get("licence", "")).lower() != query.licence.lower():
        return False
    if query.max_bytes is not None and not 0 < record.get("smallest", 0) <= query.max_bytes:
        return False
    return all(word in entry.haystack for word in _plain(query.text).split())


def _order(entry: Entry, query: SearchQuery) -> tuple[int | str, ...]:
    """Smaller is earlier. Closeness of the name decides before popularity.

    The place within a registry stands for downloads: Ollama counts pulls since
    a model's first day, the Hub downloads of thirty days.
    """
    record = entry.record
    if query.sort == "name":
        return (entry.name, entry.source.value, entry.author)
    if query.sort == "likes":
        return (-record.get("likes", 0), entry.rank)
    if query.sort == "newest":
        return (-_day_number(record), entry.rank)
    if query.sort == "trending":
        return (-_recent_downloads(record), entry.rank)
    return (_closeness(entry, _plain(query.text)), entry.rank)


def _closeness(entry: Entry, text: str) -> int:
    if not text:
        return 0
    name, joined = entry.name, text.replace(" ", "")
    if "variants" not in entry.record:
        return 4
    if joined in (name.replace(" ", ""), _plain(entry.record["repo"]).replace(" ", "")):
        return 0
    if name.replace(" ", "").startswith(joined):
        return 1
    words = set(entry.haystack.split())
    return 2 if words.issuperset(text.split()) else 3


def _day_number(record: Record) -> int:
    updated = record.get("updated")
    return datetime.fromisoformat(updated).toordinal() if updated else 0


def _recent_downloads(record: Record) -> int:
    """Downloads divided by the model's age in months: new ones rise."""
    updated = record.get("updated")
    if not updated:
        return 0
    age = load().as_of - datetime.fromisoformat(updated).replace(tzinfo=UTC)
    return int(record.get("downloads", 0) // (1 + max(age.days, 0) // 30))
