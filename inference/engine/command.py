"""How a child is told what to serve: llama-server's own flags, for both providers.

Flags: llama.cpp ``tools/server/README.md``.
"""

from __future__ import annotations

import ctypes
import sys
from dataclasses import dataclass
from pathlib import Path

from inference.errors import EngineError

OPENMP = "libgomp.so.1"
LOOPBACK = "127.0.0.1"
KEY_VARIABLE = "LLAMA_API_KEY"
SPECULATION = {"ngram": "ngram-mod", "mtp": "draft-mtp"}


@dataclass(frozen=True)
class EngineConfig:
    """What one child serves.

    ``context_length`` is tokens for each of ``slots`` requests, ``memory`` the
    estimated bytes that it will take. None leaves a choice to llama.cpp.
    ``prompt_cache_mib`` is host memory for the prompts of idle slots.
    ``cpu_moe`` leaves a mixture's experts in host memory.
    ``on_gpu`` tells whether a card computes: no flag, but what slots are handed out by.
    ``pooling`` is empty where the file says how to pool vectors, or nothing is embedded.
    ``reads_in_steps`` tells that a text to embed may be longer than ``ubatch``.
    ``draft`` is the most tokens that a slot drafts from the text, 0 for llama.cpp's own.
    """

    name: str
    model: Path
    context_length: int
    slots: int
    projector: Path | None = None
    adapters: tuple[Path, ...] = ()
    kv_cache_type: str = "f16"
    batch: int = 2048
    ubatch: int = 512
    gpu_layers: int | None = None
    on_gpu: bool = False
    cpu_moe: bool = False
    threads: int | None = None
    embeddings: bool = False
    pooling: str = ""
    reads_in_steps: bool = False
    speculative: str = "off"
    draft: int = 0
    memory: int = 0
    prompt_cache_mib: int = 8192


def arguments(config: EngineConfig, port: int) -> list[str]:
    """The flags, without the program."""
    found = [
        *("--model", str(config.model)),
        *("--alias", config.name),
        *("--host", LOOPBACK, "--port", str(port)),
        *("--ctx-size", str(config.context_length * config.slots)),
        *("--parallel", str(config.slots)),
        *("--batch-size", str(config.batch), "--ubatch-size", str(config.ubatch)),
        *("--cache-type-k", config.kv_cache_type, "--cache-type-v", config.kv_cache_type),
        *("--cache-ram", str(config.prompt_cache_mib)),
        *("--flash-attn", "auto" if config.kv_cache_type == "f16" else "on"),
        *("--no-kv-unified", "--jinja", "--no-webui", "--metrics", "--slots"),
    ]
    if config.projector:
        found += ["--mmproj", str(config.projector)]
    for adapter in config.adapters:
        found += ["--lora", str(adapter)]
    if config.gpu_layers is not None:
        found += ["--n-gpu-layers", str(config.gpu_layers)]
    if config.cpu_moe:
        found += ["--cpu-moe"]
    if config.threads is not None:
        found += ["--threads", str(config.threads)]
    if config.embeddings:
        found += ["--embeddings"]
    if config.pooling:
        found += ["--pooling", config.pooling]
    if config.speculative in SPECULATION:
        found += ["--spec-type", SPECULATION[config.speculative]]
    if config.draft:
        shortest = config.draft * 3 // 4  # llama.cpp's own: 48 of 64
        found += ["--spec-ngram-mod-n-max", str(config.draft)]
        found += ["--spec-ngram-mod-n-min", str(shortest)]
    return found


def command(config: EngineConfig, port: int, binary: Path | None) -> list[str]:
    """The whole command line of a child, which ends when its parent does."""
    program = (
        [str(binary)] if binary else [sys.executable, "-m", "inference.engine.xllamacpp_child"]
    )
    launcher = [sys.executable, "-m", "inference.engine.launcher"]
    return [*launcher, *program, *arguments(config, port)]


def require_engine(binary: Path | None) -> None:
    """Raise EngineError where no child could start for want of a library.

    The xllamacpp wheel for Linux is linked against GNU OpenMP and does not
    bring it.
    """
    if binary or sys.platform != "linux":
        return
    try:
        ctypes.CDLL(OPENMP)
    except OSError:
        raise EngineError(
            f"The engine needs the library {OPENMP}, which this machine lacks.",
            next_step="Install it (Debian and Ubuntu: apt-get install libgomp1).",
        ) from None
