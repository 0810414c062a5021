"""An estimate as the buffers that an engine reports, and where each of them lies."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from wizard.sizing.values import MemoryEstimate


@dataclass(frozen=True)
class Buffers:
    """Bytes of each buffer, over all cards.

    With cards ``kv_cache … runtime`` lie on them, and what ends in ``host`` in RAM;
    for CPU only everything lies in RAM, some weights twice: as mapped and,
    ``repacked``, as computed with. The prompt cache and checkpoints that a server
    may fill later are not counted. Under vLLM, whose cards all hold the same, the
    bytes are one card's.
    """

    weights_gpu: int
    weights_host: int
    kv_cache: int
    recurrent_state: int
    compute: int
    compute_host: int
    kv_cache_host: int
    recurrent_state_host: int
    repacked: int
    projector: int
    runtime: int
    total_gpu: int
    total_host: int

    def document(self) -> dict[str, int]:
        """The buffers by name, in bytes."""
        return asdict(self)


def buffers(found: MemoryEstimate, *, on_gpu: bool, alike: int = 1) -> Buffers:
    """The buffers of an estimate; ``alike`` is how many cards vLLM fills with the same."""
    weights_host = found.host_weights if on_gpu else found.weights
    beside = weights_host + found.host_compute + found.host_kv_cache + found.host_state
    return Buffers(
        weights_gpu=found.weights // alike if on_gpu else 0,
        weights_host=weights_host,
        kv_cache=found.kv_cache // alike,
        recurrent_state=found.recurrent_state // alike,
        compute=found.compute // alike,
        compute_host=found.host_compute,
        kv_cache_host=found.host_kv_cache,
        recurrent_state_host=found.host_state,
        repacked=found.repacked,
        projector=found.projector,
        runtime=found.runtime // alike,
        total_gpu=found.total // alike if on_gpu else 0,
        total_host=beside if on_gpu else found.total + found.repacked,
    )
