"""What ``check`` tells: what serving would do, as plain values and as text."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from inference import gguf
from inference.engine import auto
from inference.errors import InferenceError
from inference.pull import find
from inference.pull.disk import storage_error
from inference.pull.store import bytes_text
from inference.settings import Settings


def check(settings: Settings) -> dict[str, Any]:
    """What serving with these settings would do, found out without the network.

    Raises StorageError where a model would have to be downloaded and cannot be kept.
    """
    memory = auto.at_hand()
    models = [_checked(name, settings, memory) for name in settings.models]
    if any(not model["is_here"] for model in models):
        _refuse_unwritable(settings.models_dir)
    return {
        "models_dir": str(settings.models_dir),
        "disk_free": _disk_free(settings.models_dir),
        "memory": {"size": memory.size, "on_gpu": memory.on_gpu},
        "listens_on": f"{settings.host}:{settings.port}",
        "keys": len(settings.api_key_hashes),
        "models": models,
    }


def check_text(report: Mapping[str, Any]) -> str:
    """The report as lines of text."""
    memory = report["memory"]
    where = "on the GPUs" if memory["on_gpu"] else "in the machine, no GPU is found"
    lines = [
        "The settings make sense.",
        f"Models are kept in {report['models_dir']}, with {bytes_text(report['disk_free'])} free.",
        f"Memory: {bytes_text(memory['size'])} {where}.",
        f"Serving would listen on {report['listens_on']}, with {_keys(report['keys'])}.",
    ]
    return "\n".join((*lines, *map(_model_line, report["models"])))


def is_bad(report: Mapping[str, Any]) -> bool:
    """Whether a model that is here cannot be loaded."""
    return any("problem" in model for model in report["models"])


def _checked(name: str, settings: Settings, memory: auto.Memory) -> dict[str, Any]:
    model = find(name, settings)
    if model is None:
        return {"name": name, "is_here": False}
    try:
        headers = [gguf.check(file.path) for file in model.files]
        config = auto.configure(model, headers[0], settings, memory)
    except InferenceError as error:
        return {"name": name, "is_here": True, "problem": error.sentence}
    return {
        "name": name,
        "is_here": True,
        "size": model.size,
        "context_length": config.context_length,
        "slots": config.slots,
        "memory": config.memory,
        "fits": config.memory <= memory.size,
    }


def _model_line(model: Mapping[str, Any]) -> str:
    name = model["name"]
    if not model["is_here"]:
        return f"{name} is not here yet: it would be downloaded first."
    if "problem" in model:
        return f"{name} cannot be loaded: {model['problem']}"
    fits = "fits" if model["fits"] else "does not fit whole: layers would stay in main memory"
    return (
        f"{name} is here ({bytes_text(model['size'])}): {model['slots']} slots of "
        f"{model['context_length']} tokens take about {bytes_text(model['memory'])}, which {fits}."
    )


def _keys(count: int) -> str:
    return {0: "no key", 1: "one key"}.get(count, f"{count} keys")


def _refuse_unwritable(folder: Path) -> None:
    there = _nearest(folder)
    if not (there.is_dir() and os.access(there, os.W_OK | os.X_OK)):
        number = errno.EACCES if there.is_dir() else errno.ENOTDIR
        raise storage_error(OSError(number, os.strerror(number)), folder)


def _disk_free(folder: Path) -> int:
    """Free bytes where the folder is, or will be."""
    return shutil.disk_usage(_nearest(folder)).free


def _nearest(folder: Path) -> Path:
    """The folder, or what there is of the way to it."""
    return next(place for place in (folder, *folder.parents) if place.exists())
