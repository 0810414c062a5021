"""GPUs that Akash has, and the offers made from them. Bytes; USD per hour."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from wizard.sizing.speed import usd_per_million_tokens


@dataclass(frozen=True)
class Gpu:
    """One GPU model at one memory size, as an SDL can ask for it.

    ``model`` is the SDL's name (``rtx3090``), ``ram_label`` the exact label
    (``24Gi``) or empty where the registry has none. ``usable_bytes`` is what a
    process can allocate, which is less than the label. ``compute_capability``
    is (8, 6) for 8.6, ``bandwidth`` in bytes a second. ``usd_per_hour`` is for one
    card, None where unknown.
    """

    model: str
    title: str
    ram_label: str
    vram_bytes: int
    usable_bytes: int
    compute_capability: tuple[int, int]
    bandwidth: int
    multiprocessors: int
    trial_blocked: bool
    usd_per_hour: float | None
    available: int | None = None


@dataclass(frozen=True)
class PriceList:
    """GPUs with their prices. ``live`` is false for the bundled fallback."""

    gpus: tuple[Gpu, ...]
    as_of: datetime
    live: bool
    notice: str = ""

    def __hash__(self) -> int:
        # What was worked out is looked up for each row of a page: not by every card each time.
        return hash((self.as_of, self.live))


class Fit(StrEnum):
    """Whether a workload fits: TIGHT is within 8 % of the usable memory."""

    FITS = "fits"
    TIGHT = "tight"
    NO = "no"


@dataclass(frozen=True)
class Offer:
    """One GPU × count (× nodes) and whether the workload fits on it.

    ``needed_bytes`` and ``headroom_bytes`` are for the fullest card;
    ``reason`` says in words why it doesn't fit, or what to know when it does.
    ``gpu`` is None for a CPU-only offer.
    """

    gpu: Gpu | None
    count: int
    nodes: int
    fit: Fit
    needed_bytes: int
    headroom_bytes: int
    usd_per_hour: float | None
    reason: str
    tokens_per_second: float | None = None

    @property
    def usd_per_million_tokens(self) -> float | None:
        """USD for a million tokens of one request at a time, an estimate; None where unknown."""
        if not self.gpu or not self.tokens_per_second:
            return None
        return usd_per_million_tokens(self.tokens_per_second, self.usd_per_hour)

    @property
    def title(self) -> str:
        """``2 × RTX 3090`` and the like."""
        if self.gpu is None:
            return "CPU only"
        nodes = f"{self.nodes} nodes of " if self.nodes > 1 else ""
        count = f"{self.count} × " if self.count > 1 else ""
        return f"{nodes}{count}{self.gpu.title}"
