"""What ``pull`` and ``list`` tell: as plain values, and as text."""

from __future__ import annotations

from typing import Any

from inference.models import LocalModel
from inference.pull.store import bytes_text


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
