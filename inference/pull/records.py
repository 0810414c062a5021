"""A complete model as JSON.

Paths are relative to the models folder: a volume may be mounted elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from inference.models import LocalFile, LocalModel, Source

FORMAT = 1


@dataclass(frozen=True)
class Record:
    """A complete model, and what the projector's setting said when it was downloaded."""

    model: LocalModel
    asked_projector: str


def write(record: Record, folder: Path) -> dict[str, Any]:
    """The record as plain JSON values."""
    model = record.model
    return {
        "format": FORMAT,
        "asked_projector": record.asked_projector,
        "name": model.name,
        "source": model.source.value,
        "files": [_file(file, folder) for file in model.files],
        "projector": _file(model.projector, folder) if model.projector else None,
        "adapters": [_file(file, folder) for file in model.adapters],
        "template": model.template,
        "system": model.system,
        "params": dict(model.params),
        "messages": [dict(message) for message in model.messages],
        "licenses": list(model.licenses),
        "config": dict(model.config),
        "digest": model.digest,
        "revision": model.revision,
        "quantisation": model.quantisation,
        "modified": model.modified.isoformat() if model.modified else None,
    }


def read(data: dict[str, Any], folder: Path) -> Record:
    """The record again. Raises ValueError, LookupError or TypeError for anything odd."""
    if data["format"] != FORMAT or not data["files"]:
        raise ValueError("another format")
    projector, modified = data["projector"], data["modified"]
    model = LocalModel(
        name=data["name"],
        source=Source(data["source"]),
        files=tuple(_local(file, folder) for file in data["files"]),
        projector=_local(projector, folder) if projector else None,
        adapters=tuple(_local(file, folder) for file in data["adapters"]),
        template=data["template"],
        system=data["system"],
        params=data["params"],
        messages=tuple(data["messages"]),
        licenses=tuple(data["licenses"]),
        config=data["config"],
        digest=data["digest"],
        revision=data["revision"],
        quantisation=data["quantisation"],
        modified=datetime.fromisoformat(modified) if modified else None,
    )
    return Record(model, data["asked_projector"])


def _file(file: LocalFile, folder: Path) -> dict[str, Any]:
    path = str(file.path.relative_to(folder))
    return {"path": path, "size": file.size, "sha256": file.sha256, "name": file.name}


def _local(data: dict[str, Any], folder: Path) -> LocalFile:
    path = Path(data["path"])
    if path.is_absolute() or ".." in path.parts:
        raise ValueError("a path that leaves the folder")
    return LocalFile(folder / path, data["size"], data["sha256"], data["name"])
