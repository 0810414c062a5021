"""One module an engine; :func:`module` finds the one of a plan."""

from __future__ import annotations

from wizard.sdl.engines import llama_server, ollama, runtime, vllm
from wizard.sdl.engines.values import EngineModule
from wizard.sdl.values import Engine

_MODULES: dict[Engine, EngineModule] = {
    Engine.RUNTIME: runtime,
    Engine.VLLM: vllm,
    Engine.OLLAMA: ollama,
    Engine.LLAMA_SERVER: llama_server,
}


def module(engine: Engine) -> EngineModule:
    """The engine's module."""
    return _MODULES[engine]
