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
from typing import Any

from wizard.registry import catalogue_store as store
from wizard.registry.catalogue_store import Record
from wizard.registry.derivation import derive
from wizard.registry.errors import CloudModel, CloudOnly, MlxOnly, NotInCatalogue
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
    """The whole snapshot, with the day that each registry's part tells about."""

    days: dict[Source, datetime]
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
    ordered = sorted(records, key=lambda record: (-_standing(record), record["repo"]))
    return [_entry(source, record, rank) for rank, record in enumerate(ordered)]


def _standing(record: Record) -> int:
    """Downloads; where they are unknown, an estimate that orders lists and is never shown."""
    return int(record.get("downloads") or record.get("standing", 0))


@lru_cache(maxsize=1)
def load(directory: Path = store.DIRECTORY) -> Catalogue:
    """Read the snapshot. Raises CatalogueDamaged."""
    files = {source: store.read_file(directory / name) for source, name in _FILES.items()}
    entries = [
        entry for source, file in files.items() for entry in _entries(source, file["models"])
    ]
    return Catalogue(
        days={source: datetime.fromisoformat(file["as_of"]) for source, file in files.items()},
        entries=tuple(sorted(entries, key=lambda entry: entry.rank)),
        by_name={(item.source, item.record["repo"].lower()): item.record for item in entries},
        architectures=store.read_file(directory / "architectures.json.gz")["architectures"],
    )


def as_of(source: Source | None = None) -> datetime:
    """The day that a registry's part tells about; without one, the older of them."""
    days = load().days
    return days[source] if source else min(days.values())


def popular(limit: int = PAGE_SIZE) -> tuple[Model, ...]:
    """The most downloaded models that can be run, both registries by turns.

    Embedding models are left to the search: they would fill the first page.
    """
    servable = (entry for entry in load().entries if _is_shown_first(entry.record))
    return tuple(_model(entry) for entry, _ in zip(servable, range(limit), strict=False))


def search(query: SearchQuery) -> SearchPage:
    """One page of what matches, best first; the whole snapshot for an empty query."""
    text = _plain(query.text)
    words = text.split()
    # Words of other alphabets and signs alone name nothing that is known here.
    is_nameless = bool(query.text.strip()) and not words
    entries = () if is_nameless else load().entries
    found = [entry for entry in entries if _matches(entry, query, words)]
    found.sort(key=lambda entry: _order(entry, query, text))
    page = min(max(query.page, 1), LAST_PAGE)
    start, end = (page - 1) * PAGE_SIZE, page * PAGE_SIZE
    return SearchPage(
        models=tuple(_model(entry) for entry in found[start:end]),
        page=page,
        has_next=end < len(found),
        total=len(found),
        origin=Origin.CATALOGUE,
        as_of=as_of(query.source),
    )


def knows(ref: ModelRef) -> bool:
    """Whether the snapshot has the model, whatever its tag."""
    return (ref.source, ref.repo.lower()) in load().by_name


def peek(ref: ModelRef) -> Model | None:
    """A model's facts without its variants; None where the snapshot lacks it."""
    record = _record(ref)
    return store.model_from(record, ref.source, as_of(ref.source)) if record else None


def find(ref: ModelRef) -> Model:
    """A model with its variants.

    Raises NotInCatalogue; CloudOnly or MlxOnly where an Ollama tag is of that
    kind, or where the model has no other.
    """
    record = _record(ref)
    if record is None:
        raise NotInCatalogue(f"The catalogue does not know {ref.repo}.")
    _refuse_without_weights(ref, record)
    model = store.model_from(record, ref.source, as_of(ref.source), with_variants=True)
    spelled = replace(model.ref, tag=ref.tag, file=ref.file, revision=ref.revision)
    return replace(model, ref=spelled)


def architecture(model: Model, variant: Variant) -> Architecture:
    """Hyper-parameters as known for this variant or its base model, else derived.

    A derived shape has ``exact=False`` and errs on the large side.
    """
    key = _architecture_key(model, variant)
    if key not in load().architectures:
        return derive(model, variant)
    return _known(key, variant.context_length or model.context_length)


@lru_cache(maxsize=1024)
def _known(key: str, context_length: int | None) -> Architecture:
    """One object for each: what was worked out for it is found again by identity."""
    found = store.architecture_from(load().architectures[key])
    return replace(found, context_length=context_length or found.context_length)


def _is_shown_first(record: Record) -> bool:
    return "variants" in record and record.get("task") != "feature-extraction"


def _record(ref: ModelRef) -> Record | None:
    return load().by_name.get((ref.source, ref.repo.lower()))


def _refuse_without_weights(ref: ModelRef, record: Record) -> None:
    if "variants" not in record and ref.source is Source.OLLAMA and not record.get("mlx"):
        raise CloudModel(f"{ref.repo} has no weights: it runs in Ollama's cloud only.")
    is_cloud = ref.source is Source.OLLAMA and ref.tag.lower().endswith("cloud")
    if is_cloud or ref.tag in record.get("cloud", ()):
        raise CloudOnly(f"{ref} has no weights: it runs in Ollama's cloud only.")
    if ref.tag in record.get("mlx", ()):
        raise MlxOnly(f"{ref} holds tensors for Apple's MLX, not GGUF.")
    if "variants" not in record and ref.source is Source.OLLAMA:
        raise MlxOnly(f"{ref.repo} has tags for Apple's MLX only, none of GGUF.")


def _architecture_key(model: Model, variant: Variant) -> str:
    """The variant's own key, else that of its nearest neighbour, else its base model's."""
    record = _record(model.ref)
    rows = record.get("variants", []) if record else []
    for row in rows:
        if row[0] == variant.name:
            return store.architecture_key(row)
    if model.ref.source is Source.HUGGING_FACE:
        return _any_key(rows) or _base_key(model)
    return _nearest_key(rows, variant)


def _nearest_key(rows: list[list[Any]], variant: Variant) -> str:
    """An Ollama tag's sibling of the same size label, or of about as many parameters."""
    label = variant.name.partition("-")[0]
    same = [row for row in rows if label and row[0].partition("-")[0] == label]
    wanted = variant.parameters or 0
    near = (row for row in rows if abs((_parameters(row) or 0) - wanted) < 0.1 * wanted)
    return _any_key(same) or _any_key(near)


def _parameters(row: list[Any]) -> int | None:
    return store.variant_from(row).parameters


def _base_key(model: Model) -> str:
    base = load().by_name.get((Source.HUGGING_FACE, model.base_model.lower()))
    return _any_key(base.get("variants", [])) if base else ""


def _any_key(rows: Iterable[list[Any]]) -> str:
    return next(filter(None, map(store.architecture_key, rows)), "")


def _model(entry: Entry) -> Model:
    return store.model_from(entry.record, entry.source, as_of(entry.source))


def _matches(entry: Entry, query: SearchQuery, words: list[str]) -> bool:
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
    return all(word in entry.haystack for word in words)


def _order(entry: Entry, query: SearchQuery, text: str) -> tuple[int | str, ...]:
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
    return (_closeness(entry, text), entry.rank)


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
    age = as_of() - datetime.fromisoformat(updated).replace(tzinfo=UTC)
    return int(record.get("downloads", 0) // (1 + max(age.days, 0) // 30))
