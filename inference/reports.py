"""What ``show``, ``list`` and ``check`` tell: as plain values, and as text."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from inference import gguf
from inference.engine import auto
from inference.errors import InferenceError
from inference.models import LocalModel
from inference.pull import find
from inference.pull.store import bytes_text
from inference.settings import Settings

SHOWN_LICENCE = 80


def model_facts(model: LocalModel) -> dict[str, Any]:
    """What is known of a model without opening its files. Sizes are bytes."""
    return {
        "name": model.name,
        "source": model.source.value,
        "size": model.size,
        "quantisation": model.quantisation,
        "digest": model.digest,
        "revision": model.revision,
        "modified": model.modified.isoformat() if model.modified else None,
        "paths": [str(file.path) for file in model.files],
        "projector": str(model.projector.path) if model.projector else None,
        "adapters": [str(file.path) for file in model.adapters],
    }


def file_facts(model: LocalModel, *, verbose: bool) -> dict[str, Any]:
    """A model's facts with those of its GGUF. Raises UnreadableModel."""
    header = gguf.read(model.path, arrays=verbose)
    facts = {
        **model_facts(model),
        "architecture": header.architecture,
        "parameters": sum(gguf.read(file.path).parameters for file in model.files),
        "quantisation": header.quantisation or model.quantisation,
        "context_length": header.context_length,
        "embedding_length": header.fact("embedding_length"),
        "has_chat_template": bool(header.chat_template or model.template),
        "system": model.system,
        "params": dict(model.params),
        "licenses": list(model.licenses),
    }
    if verbose:
        facts["metadata"] = dict(header.metadata)
        facts["tensors"] = [
            {"name": tensor.name, "shape": tensor.shape, "type": tensor.type}
            for tensor in header.tensors
        ]
    return facts


def facts_text(facts: Mapping[str, Any]) -> str:
    """The facts as lines of text."""
    return "\n".join(f"{key:18} {_shown(key, value)}" for key, value in facts.items() if value)


def table(models: tuple[LocalModel, ...]) -> str:
    """Models as a table."""
    if not models:
        return "No model is downloaded yet."
    width = max(len(model.name) for model in models)
    rows = (
        f"{model.name:{width}}  {bytes_text(model.size):>10}  {model.quantisation or '-'}"
        for model in models
    )
    return "\n".join((f"{'NAME':{width}}  {'SIZE':>10}  QUANTISATION", *rows))


def check(settings: Settings) -> dict[str, Any]:
    """What serving with these settings would do, found out without the network."""
    memory = auto.at_hand()
    return {
        "models_dir": str(settings.models_dir),
        "disk_free": _disk_free(settings.models_dir),
        "memory": {"size": memory.size, "on_gpu": memory.on_gpu},
        "listens_on": f"{settings.host}:{settings.port}",
        "keys": len(settings.api_key_hashes),
        "models": [_checked(name, settings, memory) for name in settings.models],
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


def _disk_free(folder: Path) -> int:
    """Free bytes where the folder is, or will be."""
    there = next(place for place in (folder, *folder.parents) if place.exists())
    return shutil.disk_usage(there).free


def _shown(key: str, value: Any) -> str:
    if key == "size":
        return f"{bytes_text(value)} ({value} bytes)"
    if key == "licenses":
        return "; ".join(text.strip().partition("\n")[0][:SHOWN_LICENCE] for text in value)
    if isinstance(value, Mapping):
        value = [f"{name} {_listed(item)}" for name, item in value.items()]
    if isinstance(value, list):
        return "\n".join(_listed(item) for item in value).replace("\n", "\n" + " " * 19)
    return str(value).replace("\n", "\n" + " " * 19)


def _listed(value: Any) -> str:
    if isinstance(value, Mapping):
        return " ".join(_listed(item) for item in value.values())
    return " ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
