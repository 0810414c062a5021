"""A GGUF file that is on this machine already, with its other parts and its projector."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from inference.errors import ModelNotFound
from inference.models import LocalFile, LocalModel, Source
from inference.pull import choice


def read(path: Path, *, projector: Path | None = None) -> LocalModel:
    """A local model. Raises ModelNotFound where the file, or a part of it, is missing."""
    path = path.expanduser().absolute()
    if not path.is_file():
        raise ModelNotFound(f"There is no file {path}.", next_step="Check the path.")
    names = tuple(entry.name for entry in path.parent.iterdir() if entry.name.endswith(".gguf"))
    group = choice.exact((*names, path.name), path.name, str(path))
    return LocalModel(
        name=str(path),
        source=Source.LOCAL,
        files=tuple(file(path.parent / name) for name in group.paths),
        projector=file(projector) if projector else None,
        quantisation=group.label,
        modified=datetime.fromtimestamp(path.stat().st_mtime, UTC),
    )


def file(path: Path) -> LocalFile:
    """One local file. Raises ModelNotFound where it is missing."""
    try:
        return LocalFile(path, path.stat().st_size, name=path.name)
    except OSError:
        raise ModelNotFound(f"There is no file {path}.", next_step="Check the path.") from None
