"""What ``show`` tells of a model and its GGUF: as plain values, and as text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from inference import gguf
from inference.models import LocalModel
from inference.pull.store import bytes_text
from inference.reports import model_facts

SHOWN_LICENCE = 80


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
