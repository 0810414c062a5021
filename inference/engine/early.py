"""A head start: the engine of a model that is here begins before the web server is imported.

The smallest of models take the engine a quarter of a second to load, and the
imports take Python nearly as long: the one goes on while the other does.
"""

from __future__ import annotations

from dataclasses import dataclass

from inference import gguf
from inference.engine import auto
from inference.engine.child import Child
from inference.errors import InferenceError
from inference.pull import find
from inference.settings import Settings


@dataclass(frozen=True)
class HeadStart:
    """The child of one model, and the memory that there was before it."""

    model: str
    memory: auto.Memory
    child: Child


def begin(settings: Settings) -> HeadStart | None:
    """Start the default model's engine if its file is here, without the network.

    None where anything is amiss: the start proper meets it again, and tells it.
    """
    if not settings.default_model:
        return None
    try:
        model = find(settings.default_model, settings)
        if model is None:
            return None
        header, memory = gguf.check(model.path), auto.at_hand()
        config = auto.configure(model, header, settings, memory)
        return HeadStart(model.name, memory, Child(config, settings.engine_binary))
    except (InferenceError, OSError):
        return None
