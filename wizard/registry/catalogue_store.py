"""How the bundled catalogue lies on disk: three gzipped JSON files.

``ollama.json.gz`` and ``huggingface.json.gz`` hold one record for each model,
``architectures.json.gz`` the hyper-parameters that records point to by key, so
that a hundred quantisations of one model share them. Fields that have their
default are left out. Equal content gives equal bytes.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, fields
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import orjson

from wizard.registry.values import (
    Architecture,
    Format,
    Gating,
    Model,
    ModelFile,
    ModelRef,
    Origin,
    Source,
    Variant,
)

SCHEMA = 1
DIRECTORY = Path(__file__).parent / "catalogue_data"
Record = dict[str, Any]

_PER_LAYER = {
    "kv_heads": int,
    "sliding_layers": bool,
    "recurrent_layers": bool,
    "indexer_layers": bool,
    "compress_ratios": int,
}
_VARIANT_FIELDS = (
    "name",
    "format",
    "quantisation",
    "files",
    "projector",
    "parameters",
    "context_length",
    "digest",
    "size_is_exact",
    "requires",
    "architecture_name",
    "architecture",
)
_VARIANT_DEFAULTS: tuple[Any, ...] = ("", "gguf", "", [], None, None, None, "", True, "", "", "")


class CatalogueDamaged(Exception):
    """A catalogue file that is missing, cut off, or of another schema version."""


def read_file(path: Path) -> Record:
    """Read one file. Raises CatalogueDamaged with a sentence that says why."""
    try:
        content = gzip.decompress(path.read_bytes())
        document = orjson.loads(content)
    except (OSError, EOFError, ValueError) as error:
        raise CatalogueDamaged(f"{path.name} cannot be read: {error}.") from error
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        raise CatalogueDamaged(f"{path.name} has not schema {SCHEMA}: run refresh_catalogue.")
    return document


def write_file(path: Path, document: Record) -> None:
    """Write one file atomically; the same content always gives the same bytes."""
    content = orjson.dumps({"schema": SCHEMA, **document}, option=orjson.OPT_SORT_KEYS)
    unfinished = path.with_suffix(".part")
    unfinished.write_bytes(gzip.compress(content, compresslevel=9, mtime=0))
    unfinished.replace(path)


def _default(of: Any) -> Any:
    return None if of.default is MISSING else of.default


_ARCHITECTURE_DEFAULTS = {item.name: _default(item) for item in fields(Architecture)}


def _packed(values: tuple[Any, ...]) -> list[list[int]]:
    """Run lengths: ``(8, 8, 0)`` → ``[[8, 2], [0, 1]]``."""
    runs: list[list[int]] = []
    for value in values:
        if runs and runs[-1][0] == int(value):
            runs[-1][1] += 1
        else:
            runs.append([int(value), 1])
    return runs


def _unpacked(runs: list[list[int]], kind: type) -> tuple[Any, ...]:
    return tuple(kind(value) for value, count in runs for _ in range(count))


def architecture_record(architecture: Architecture) -> Record:
    """The fields of an Architecture that differ from their defaults."""
    record: Record = {}
    for name, default in _ARCHITECTURE_DEFAULTS.items():
        value = getattr(architecture, name)
        if value != default:
            record[name] = _packed(value) if name in _PER_LAYER else value
    return record


def architecture_from(record: Mapping[str, Any]) -> Architecture:
    """The inverse of :func:`architecture_record`."""
    values = dict(record)
    for name, kind in _PER_LAYER.items():
        values[name] = _unpacked(values.get(name, []), kind)
    values["hf_architectures"] = tuple(values.get("hf_architectures", ()))
    return Architecture(**values)


def _file_row(file: ModelFile | None) -> list[Any] | None:
    return None if file is None else [file.path, file.size, *([file.sha256] if file.sha256 else [])]


def variant_row(variant: Variant, architecture: str = "") -> list[Any]:
    """A variant as a row whose trailing defaults are cut off.

    ``architecture`` is the key of its hyper-parameters.
    """
    row: list[Any] = [getattr(variant, name, architecture) for name in _VARIANT_FIELDS]
    row[1] = variant.format.value
    row[3] = [_file_row(file) for file in variant.files]
    row[4] = _file_row(variant.projector)
    while row and row[-1] == _VARIANT_DEFAULTS[len(row) - 1]:
        row.pop()
    return row


def variant_from(row: list[Any]) -> Variant:
    """The inverse of :func:`variant_row`."""
    values = [*row, *_VARIANT_DEFAULTS[len(row) :]]
    return Variant(
        name=values[0],
        format=Format(values[1]),
        quantisation=values[2],
        files=tuple(ModelFile(*file) for file in values[3]),
        projector=ModelFile(*values[4]) if values[4] else None,
        parameters=values[5],
        context_length=values[6],
        digest=values[7],
        size_is_exact=values[8],
        requires=values[9],
        architecture_name=values[10],
    )


def architecture_key(row: list[Any]) -> str:
    """The key of a row's hyper-parameters, or an empty string."""
    return str(row[11]) if len(row) > 11 else ""


def model_record(
    model: Model,
    architectures: Iterable[str] = (),
    *,
    cloud: Iterable[str] = (),
    mlx: Iterable[str] = (),
) -> Record:
    """A model as a record. ``architectures`` has a key for each of its variants.

    ``cloud`` and ``mlx`` name Ollama's tags that have nothing for us to run.
    """
    keys = tuple(architectures) or ("",) * len(model.variants)
    rows = [variant_row(item, key) for item, key in zip(model.variants, keys, strict=True)]
    record = {
        "repo": model.ref.repo,
        "summary": model.summary,
        "licence": model.licence,
        "gating": "" if model.gating is Gating.OPEN else model.gating.value,
        "task": model.task,
        "tags": list(model.tags),
        "capabilities": sorted(model.capabilities),
        "parameters": model.parameters,
        "context": model.context_length,
        "downloads": model.downloads,
        "likes": model.likes,
        "updated": model.updated.date().isoformat() if model.updated else "",
        "base": model.base_model,
        "gguf_repos": list(model.gguf_repos),
        "chat_template": model.chat_template,
        "revision": model.revision,
        "architecture": model.architecture_name,
        "smallest": model.smallest_bytes,
        "variants": rows,
        "cloud": list(cloud),
        "mlx": list(mlx),
    }
    return {key: value for key, value in record.items() if value not in ("", None, [])}


def ref_from(record: Record, source: Source) -> ModelRef:
    """The name of a record's model."""
    namespace, _, name = record["repo"].rpartition("/")
    return ModelRef(source, namespace or "library", name)


def model_from(
    record: Record, source: Source, as_of: datetime, *, with_variants: bool = False
) -> Model:
    """The model of a record, with its variants only where asked for."""
    ref = ref_from(record, source)
    updated = record.get("updated")
    return Model(
        ref=ref,
        title=ref.name,
        origin=Origin.CATALOGUE,
        as_of=as_of,
        summary=record.get("summary", ""),
        licence=record.get("licence", ""),
        gating=Gating(record.get("gating", "open")),
        task=record.get("task", ""),
        tags=tuple(record.get("tags", ())),
        capabilities=frozenset(record.get("capabilities", ())),
        parameters=record.get("parameters"),
        context_length=record.get("context"),
        downloads=record.get("downloads"),
        likes=record.get("likes"),
        updated=_day(updated) if updated else None,
        base_model=record.get("base", ""),
        gguf_repos=tuple(record.get("gguf_repos", ())),
        chat_template=record.get("chat_template"),
        revision=record.get("revision", ""),
        architecture_name=record.get("architecture", ""),
        variants=tuple(map(variant_from, record.get("variants", ()))) if with_variants else (),
        smallest_bytes=record.get("smallest"),
    )


def _day(text: str) -> datetime:
    day = date.fromisoformat(text)
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
