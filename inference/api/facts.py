"""What a model is, for Ollama's ``tags``, ``ps`` and ``show``."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from inference import gguf
from inference.engine.auto import pools_itself, ranks
from inference.gguf import Header, Omitted
from inference.models import LocalModel, Source

_INSERT_KEYS = ("tokenizer.ggml.fim_pre_token_id", "tokenizer.ggml.prefix_token_id")
_THINKING_MARKS = ("enable_thinking", "<think>", "reasoning_content", "reasoning_effort")


@lru_cache(maxsize=64)
def header(path: Path) -> Header:
    """A model file's header. Raises UnreadableModel."""
    return gguf.read(path)


def capabilities(model: LocalModel) -> list[str]:
    """What a model can do, in Ollama's words, which has none for to rerank."""
    facts = header(model.path)
    if ranks(facts):
        return ["rerank"]
    if pools_itself(facts):
        return ["embedding"]
    templates = facts.chat_template + model.template
    found = ["completion"]
    if model.projector:
        found.append("vision")
    if "tools" in templates or ".Tools" in templates:
        found.append("tools")
    if ".Suffix" in model.template or fills_in(model):
        found.append("insert")
    if any(mark in templates for mark in _THINKING_MARKS) or ".Thinking" in templates:
        found.append("thinking")
    return found


def fills_in(model: LocalModel) -> bool:
    """Whether the file has the tokens for what stands between a prompt and a suffix."""
    return any(key in header(model.path).metadata for key in _INSERT_KEYS)


def details(model: LocalModel) -> dict[str, Any]:
    """The ``details`` of a model."""
    facts = header(model.path)
    family = str(model.config.get("model_family") or facts.architecture)
    found: dict[str, Any] = {
        "parent_model": "",
        "format": "gguf",
        "family": family,
        "families": model.config.get("model_families") or [family],
        "parameter_size": str(model.config.get("model_type") or _parameter_size(facts)),
        "quantization_level": str(model.config.get("file_type") or model.quantisation)
        or facts.quantisation
        or "unknown",
    }
    for key in ("context_length", "embedding_length"):
        if isinstance(facts.fact(key), int):
            found[key] = facts.fact(key)
    return found


def summary(name: str, model: LocalModel) -> dict[str, Any]:
    """What ``tags`` and ``ps`` both tell."""
    return {
        "name": name,
        "model": name,
        "size": model.size,
        "digest": model.digest.removeprefix("sha256:") or _digest(model),
        "details": details(model),
    }


def modified_at(model: LocalModel) -> str:
    """When the files came here, in RFC 3339."""
    changed = model.path.stat().st_mtime
    return stamp(model.modified or datetime.fromtimestamp(changed, UTC))


def stamp(moment: datetime | None = None) -> str:
    """A moment, or now, in RFC 3339 and UTC with microseconds."""
    moment = moment.astimezone(UTC) if moment else datetime.now(UTC)
    return moment.isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"


def show(name: str, model: LocalModel, *, verbose: bool) -> dict[str, Any]:
    """The whole answer of ``/api/show``."""
    facts = gguf.read(model.path, arrays=True) if verbose else header(model.path)
    parameters = "\n".join(_parameter_lines(model))
    template = model.template or facts.chat_template
    license_text = "\n".join(model.licenses) or str(facts.metadata.get("general.license", ""))
    found: dict[str, Any] = {
        "license": license_text,
        "modelfile": _modelfile(name, model, template),
        "parameters": parameters,
        "template": template,
        "system": model.system,
        "details": details(model),
        "messages": [dict(message) for message in model.messages],
        "model_info": _model_info(facts, verbose=verbose),
        "projector_info": _projector_info(model, verbose=verbose),
        "tensors": [_tensor(tensor) for tensor in facts.tensors] if verbose else None,
        "capabilities": capabilities(model),
        "modified_at": modified_at(model),
    }
    kept = ("details", "model_info", "modified_at", "capabilities", "modelfile", "template")
    return {key: value for key, value in found.items() if value or key in kept}


def _parameter_lines(model: LocalModel) -> list[str]:
    lines = []
    for key, value in model.params.items():
        values = value if isinstance(value, list) else [value]
        lines += [f"{key:<30} {_quoted(item)}" for item in values]
    return lines


def _quoted(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)


def _modelfile(name: str, model: LocalModel, template: str) -> str:
    lines = [f'# Modelfile for "{name}"', f"FROM {name}"]
    if template:
        lines.append(f'TEMPLATE """{template}"""')
    if model.system:
        lines.append(f'SYSTEM """{model.system}"""')
    lines += [f"PARAMETER {line}" for line in _parameter_lines(model)]
    return "\n".join(lines) + "\n"


def _model_info(facts: Header, *, verbose: bool) -> dict[str, Any]:
    """The file's keys; long arrays are left out unless asked for."""
    found = {
        key: _value(value, verbose=verbose)
        for key, value in facts.metadata.items()
        if key != "tokenizer.chat_template"
    }
    return {**found, "general.parameter_count": facts.parameters}


def _projector_info(model: LocalModel, *, verbose: bool) -> dict[str, Any]:
    return _model_info(header(model.projector.path), verbose=verbose) if model.projector else {}


def _value(value: Any, *, verbose: bool) -> Any:
    if isinstance(value, Omitted):
        return None
    if isinstance(value, list) and not verbose and len(value) > 5:
        return None
    return value


def _tensor(tensor: gguf.Tensor) -> dict[str, Any]:
    return {"name": tensor.name, "type": tensor.type, "shape": list(tensor.shape)}


def _parameter_size(facts: Header) -> str:
    count = facts.parameters
    for size, unit in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "K")):
        if count >= size:
            text = f"{count / size:.2f}" if size == 1e6 else f"{count / size:.1f}"
            return f"{text}{unit}"
    return str(count)


@lru_cache(maxsize=64)
def _of_path(path: Path, size: int, changed: int) -> str:
    return hashlib.sha256(f"{path}:{size}:{changed}".encode()).hexdigest()


def _digest(model: LocalModel) -> str:
    """A name of 64 digits for a file whose content nobody hashed; it changes with the file."""
    if model.source is not Source.LOCAL and model.files[0].sha256:
        return model.files[0].sha256
    return _of_path(model.path, model.size, model.path.stat().st_mtime_ns)
