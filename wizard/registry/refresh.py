"""Rebuilds the bundled catalogue from the live registries.

It can be stopped at any moment, killed even, and goes on where it was: each
model's facts are a file of their own until all are there. The catalogue's
files are replaced in an order in which every state in between can be read.
"""

from __future__ import annotations

import hashlib
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TypeVar

import orjson

from wizard.registry import catalogue_store as store
from wizard.registry import huggingface, ollama
from wizard.registry.catalogue_store import CatalogueDamaged, Record
from wizard.registry.errors import (
    CloudOnly,
    RateLimited,
    RegistryDown,
    RegistryError,
    RegistryTimeout,
)
from wizard.registry.values import (
    Model,
    ModelRef,
    Origin,
    SearchPage,
    SearchQuery,
    Source,
    Variant,
)

STATE = ".refresh"
FILES = {Source.OLLAMA: "ollama.json.gz", Source.HUGGING_FACE: "huggingface.json.gz"}
ARCHITECTURES = "architectures.json.gz"
# The Hub is asked for the most downloaded models, and for conversions apart.
_TEXTS = {Source.OLLAMA: ("",), Source.HUGGING_FACE: ("", "GGUF")}
LAST_PAGE = 60
ATTEMPTS = 4
PAUSE_SECONDS = 50
_PASSING = (RateLimited, RegistryDown, RegistryTimeout)
_Answer = TypeVar("_Answer")


@dataclass(frozen=True)
class Refresh:
    """One rebuilding into ``output``; ``limit`` bounds the models of each registry."""

    output: Path
    limit: int = 1000
    pause: Callable[[float], None] = time.sleep

    def models(self) -> tuple[ModelRef, ...]:
        """What is to be read; the list is kept, so that a second run takes the same.

        Raises RegistryDown, RegistryTimeout or RateLimited when patience ends.
        """
        path = self._state / "models.json"
        if not path.exists():
            found = [ref for source in Source for ref in self._listed(source)]
            rows = [[ref.source.value, ref.namespace, ref.name] for ref in found]
            _write(path, {"models": rows})
        rows = orjson.loads(path.read_bytes())["models"]
        return tuple(ModelRef(Source(row[0]), row[1], row[2]) for row in rows)

    def read(self, ref: ModelRef) -> bool:
        """Read one model, if an earlier run has not; false where it cannot be served."""
        path = self._path(ref)
        if not path.exists():
            _write(path, self._patiently(lambda: _facts(ref)))
        return "record" in orjson.loads(path.read_bytes())

    def finish(self, refs: Iterable[ModelRef]) -> int:
        """Replace the catalogue's files by what was read; the number of models.

        Every file is replaced at once. Keys of hyper-parameters tell their
        content, so that old records go on finding theirs while only some files
        are new.
        """
        facts = [(ref, orjson.loads(self._path(ref).read_bytes())) for ref in refs]
        kept = [(ref, fact) for ref, fact in facts if "record" in fact]
        if not kept:
            raise RegistryError("No model could be read: the catalogue stays as it is.")
        architectures = {
            key: record for _, fact in kept for key, record in fact["architectures"].items()
        }
        self._write_architectures({**self._known_architectures(), **architectures})
        for source, name in FILES.items():
            records = [fact["record"] for ref, fact in kept if ref.source is source]
            document = {"as_of": datetime.now(UTC).isoformat(), "models": records}
            store.write_file(self.output / name, document)
        self._write_architectures(architectures)
        shutil.rmtree(self._state)
        return len(kept)

    @property
    def _state(self) -> Path:
        return self.output / STATE

    def _path(self, ref: ModelRef) -> Path:
        name = hashlib.sha256(ref.repo.encode()).hexdigest()[:32]
        return self._state / f"{ref.source.value}-{name}.json"

    def _known_architectures(self) -> Record:
        try:
            return dict(store.read_file(self.output / ARCHITECTURES)["architectures"])
        except (CatalogueDamaged, KeyError):
            return {}

    def _write_architectures(self, architectures: Record) -> None:
        store.write_file(self.output / ARCHITECTURES, {"architectures": architectures})

    def _listed(self, source: Source) -> Iterator[ModelRef]:
        found: dict[ModelRef, None] = {}
        for text in _TEXTS[source]:
            wanted = len(found) + max(1, self.limit // len(_TEXTS[source]))
            for result in self._pages(source, text):
                found.update({model.ref: None for model in result.models})
                if not result.has_next or len(found) >= wanted:
                    break
        yield from list(found)[: self.limit]

    def _pages(self, source: Source, text: str) -> Iterator[SearchPage]:
        registry = ollama if source is Source.OLLAMA else huggingface
        for page in range(1, LAST_PAGE + 1):
            ask = partial(registry.search, SearchQuery(text, source=source, page=page))
            yield self._patiently(ask)

    def _patiently(self, ask: Callable[[], _Answer]) -> _Answer:
        """Ask again after the time that the registry names, a few times."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return ask()
            except _PASSING as error:
                if attempt == ATTEMPTS:
                    raise
                self.pause(error.retry_after or PAUSE_SECONDS)
        raise AssertionError("unreachable: the last attempt returns or raises")


def _write(path: Path, document: Record) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".part")
    unfinished.write_bytes(orjson.dumps(document))
    unfinished.replace(path)


def _facts(ref: ModelRef) -> Record:
    """A model's record with its hyper-parameters, or why there is none."""
    try:
        return _ollama_facts(ref) if ref.source is Source.OLLAMA else _hub_facts(ref)
    except _PASSING:
        raise
    except RegistryError as error:
        return {"error": str(error)}


def _hub_facts(ref: ModelRef) -> Record:
    model = huggingface.find(ref)
    return _fact(model, [model.variants[0]] * len(model.variants))


def _ollama_facts(ref: ModelRef) -> Record:
    cloud, mlx = ollama.without_gguf(ref)
    try:
        model = ollama.find(ref)
    except CloudOnly:
        nothing = Model(ref, ref.name, Origin.LIVE, datetime.now(UTC), tags=("cloud",))
        return {"record": store.model_record(nothing, cloud=cloud, mlx=mlx), "architectures": {}}
    first = {_label(variant): variant for variant in reversed(model.variants)}
    exact = {label: ollama.variant_for(model, ref, item.name) for label, item in first.items()}
    named = {variant.name: variant for variant in exact.values()}
    variants = tuple(named.get(variant.name, variant) for variant in model.variants)
    model = replace(model, variants=variants)
    return _fact(model, [exact[_label(variant)] for variant in variants], cloud=cloud, mlx=mlx)


def _label(variant: Variant) -> str:
    """Tags of one size share their shape: ``8b`` of ``8b-instruct-q4_K_M``."""
    return variant.name.partition("-")[0]


def _fact(
    model: Model,
    representatives: list[Variant],
    *,
    cloud: tuple[str, ...] = (),
    mlx: tuple[str, ...] = (),
) -> Record:
    """``representatives`` are the variants whose headers speak for the model's own."""
    architectures: Record = {}
    keys: dict[Variant, str] = {}
    for variant in representatives:
        if variant not in keys:
            keys[variant] = _architecture(model, variant, architectures)
    record = store.model_record(
        model, [keys[item] for item in representatives], cloud=cloud, mlx=mlx
    )
    return {"record": record, "architectures": architectures}


def _architecture(model: Model, variant: Variant, known: Record) -> str:
    """Put a variant's hyper-parameters among the known; their key, or an empty string."""
    read = ollama.architecture if model.ref.source is Source.OLLAMA else huggingface.architecture
    try:
        record = store.architecture_record(read(model, variant))
    except _PASSING:
        raise
    except RegistryError:
        return ""
    key = hashlib.sha256(orjson.dumps(record, option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]
    known[key] = record
    return key
