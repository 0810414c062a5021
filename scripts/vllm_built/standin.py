"""A card that answers vLLM's questions and holds nothing, and groups of one process.

vLLM asks CUDA for a card's generation, memory and processors before it chooses
kernels, and NCCL for the size of its groups. Both are answered here, so that model
classes are built as on a machine with these cards; what they would put on a card
becomes a tensor without content (PyTorch's meta device).
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from typing import Any
from unittest.mock import MagicMock

os.environ |= {
    "VLLM_LOGGING_LEVEL": os.environ.get("VLLM_LOGGING_LEVEL", "ERROR"),
    "HF_HUB_OFFLINE": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "CUDA_VISIBLE_DEVICES": "",
    "VLLM_USE_DEEP_GEMM": "0",
    "VLLM_HOST_IP": "127.0.0.1",
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
    "VLLM_PLUGINS": "",
}
warnings.filterwarnings("ignore")

import torch  # noqa: E402
from vllm import platforms  # noqa: E402
from vllm.platforms.cuda import NonNvmlCudaPlatform  # noqa: E402
from vllm.platforms.interface import DeviceCapability  # noqa: E402

META = torch.device("meta")
_GIB = 1 << 30
_MOST_CARDS = 64


@dataclass(frozen=True)
class Card:
    """What vLLM asks of a card: its name, CUDA generation, bytes and multiprocessors."""

    name: str
    capability: tuple[int, int]
    memory: int
    multiprocessors: int


CARDS = {
    "h100": Card("NVIDIA H100 80GB HBM3", (9, 0), 80 * _GIB, 132),
    "a100": Card("NVIDIA A100-SXM4-80GB", (8, 0), 80 * _GIB, 108),
    "rtx4090": Card("NVIDIA GeForce RTX 4090", (8, 9), 24 * _GIB, 128),
    "b200": Card("NVIDIA B200", (10, 0), 180 * _GIB, 148),
}


class _Nothing:
    """A stream, an event or a communicator: every call does nothing."""

    def __init__(self, *_args: object, **_options: object) -> None:
        self.device, self.device_index, self.cuda_stream = META, 0, 0

    def __getattr__(self, name: str) -> Callable[..., None]:
        if name.startswith("__"):
            raise AttributeError(name)
        return lambda *_args, **_options: None

    def __enter__(self) -> _Nothing:
        return self

    def __exit__(self, *_error: object) -> None: ...


class _Processes:
    """A process group as far as its size is asked."""

    def __init__(self, size: int, rank: int) -> None:
        self._size, self._rank = size, rank

    def size(self) -> int:
        return self._size

    def rank(self) -> int:
        return self._rank


class _Group:
    """A ``GroupCoordinator`` of ``size`` ranks, of which only ``rank`` is here."""

    def __init__(self, name: str, size: int, rank: int = 0) -> None:
        self.unique_name, self.world_size = f"{name}:0", size
        self.rank = self.rank_in_group = self.local_rank = rank
        self.ranks = list(range(size))
        self.first_rank, self.last_rank = 0, size - 1
        self.is_first_rank, self.is_last_rank = rank == 0, rank == size - 1
        self.next_rank, self.prev_rank = (rank + 1) % size, (rank - 1) % size
        self.cpu_group = self.device_group = _Processes(size, rank)
        self.device, self.backend = META, "nccl"
        self.use_device_communicator = self.use_custom_op_call = False
        self.device_communicator = self.mq_broadcaster = None

    def __getattr__(self, name: str) -> Callable[..., Any]:
        """Collective operations give back what they were given."""
        if name.startswith("__"):
            raise AttributeError(name)
        return lambda *args, **_options: args[0] if args else None


def use_groups(tensor_parallel: int, pipeline_parallel: int = 1, stage: int = 0) -> None:
    """Become the first card of a stage of the pipeline."""
    from vllm.distributed import parallel_state as groups

    world = tensor_parallel * pipeline_parallel
    sizes = {"_WORLD": world, "_TP": tensor_parallel, "_EP": tensor_parallel}
    sizes |= dict.fromkeys(("_DP", "_DCP", "_PCP", "_EPLB", "_INNER_DP_WORLD"), 1)
    for name, size in sizes.items():
        if hasattr(groups, name):
            setattr(groups, name, _Group(name[1:].lower(), size))
    groups._PP = _Group("pp", pipeline_parallel, stage)
    groups._NODE_COUNT = 1


class _Used:
    """The card that answers now. vLLM's modules keep the platform that they first saw."""

    card = CARDS["h100"]


def use_card(name: str) -> None:
    """Answer as `_MOST_CARDS` of these cards, all linked with each other."""
    _Used.card = CARDS[name]


def _number(capability: Any) -> tuple[int, int]:
    return capability if isinstance(capability, tuple) else divmod(capability, 10)


_ANSWERS: dict[str, Callable[..., Any]] = {
    "get_device_capability": lambda *_: DeviceCapability(*_Used.card.capability),
    "has_device_capability": lambda _, asked, *_more: _Used.card.capability >= _number(asked),
    "is_device_capability": lambda _, asked, *_more: _Used.card.capability == _number(asked),
    "is_device_capability_family": lambda _, asked, *_more: (
        _Used.card.capability[0] == _number(asked)[0]
    ),
    "get_device_name": lambda *_: _Used.card.name,
    "get_device_total_memory": lambda *_: _Used.card.memory,
    "num_compute_units": lambda *_: _Used.card.multiprocessors,
    "device_count": lambda *_: _MOST_CARDS,
    "is_fully_connected": lambda *_: True,
    "get_cuda_runtime_major": lambda *_: 13,
    "set_device": lambda *_: None,
}


def _properties(*_device: object) -> Any:
    card = _Used.card
    facts = {
        "name": card.name,
        "major": card.capability[0],
        "minor": card.capability[1],
        "total_memory": card.memory,
        "multi_processor_count": card.multiprocessors,
        "shared_memory_per_block_optin": 232_448,
        "warp_size": 32,
        "L2_cache_size": 50 << 20,
        "regs_per_multiprocessor": 65_536,
        "max_threads_per_multi_processor": 2048,
    }
    return type("Properties", (), facts)()


def _stand_in() -> None:
    methods = {name: classmethod(answer) for name, answer in _ANSWERS.items()}
    platforms._current_platform = type("CountingPlatform", (NonNvmlCudaPlatform,), methods)()
    torch.cuda.get_device_properties = _properties
    torch.cuda.get_device_capability = lambda *_: _Used.card.capability
    torch.cuda.get_device_name = lambda *_: _Used.card.name
    torch.cuda.mem_get_info = lambda *_: (_Used.card.memory, _Used.card.memory)
    torch.cuda.is_available = lambda: True
    torch.cuda.is_initialized = lambda: False
    torch.cuda.device_count = lambda: _MOST_CARDS
    torch.cuda.current_device = lambda: 0
    torch.cuda._lazy_init = lambda: None
    torch.cuda.Stream = torch.cuda.Event = _Nothing
    torch.cuda.current_stream = torch.cuda.stream = lambda *_: _Nothing()
    torch.cuda.synchronize = lambda *_: None
    torch.distributed.is_initialized = lambda: True
    torch.distributed.get_rank = lambda *_: 0
    torch.distributed.get_world_size = lambda *_: 1
    for name in ("all_reduce", "broadcast", "barrier"):
        setattr(torch.distributed, name, lambda *_args, **_options: None)
    # Only now: a module keeps the platform that it finds while it is imported.
    from vllm.model_executor.models import registry

    # Otherwise each class is looked at in a process of its own, which takes seconds.
    registry._LazyRegisteredModel.inspect_model_cls = lambda model: (
        registry._ModelInfo.from_model_cls(model.load_model_cls())
    )


_stand_in()


class _NoCompiler(MetaPathFinder, Loader):
    """CUTLASS's compiler, which some kernels import and which loads beside a driver only."""

    def find_spec(self, name: str, *_: object) -> ModuleSpec | None:
        return ModuleSpec(name, self, is_package=True) if name.startswith("cutlass") else None

    def create_module(self, spec: ModuleSpec) -> Any:
        return MagicMock(__path__=[], __spec__=spec)

    def exec_module(self, module: object) -> None: ...


def use_no_compiler() -> None:
    """Let kernels import a compiler that does nothing."""
    sys.meta_path.insert(0, _NoCompiler())


class OnMeta(torch.overrides.TorchFunctionMode):  # type: ignore[misc]
    """What asks for CUDA's memory gets none, and goes on."""

    def __torch_function__(
        self, func: Any, _types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        options, name = dict(kwargs or {}), getattr(func, "__name__", "")
        if _is_device(options.get("device")):
            options["device"] = META
        if name in ("cuda", "cpu"):
            return args[0]
        if name == "to" and len(args) > 1 and _is_device(args[1]):
            args = (args[0], META, *args[2:])
        if name in ("tolist", "item") and args[0].is_meta:
            return [0.0] * args[0].numel() if name == "tolist" else 0.0
        return func(*args, **options)


def _is_device(asked: object) -> bool:
    return asked == 0 or (isinstance(asked, str | torch.device) and str(asked) != "meta")
