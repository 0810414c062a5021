"""What the demo's parts hand each other. Sizes are bytes, times are seconds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from inference.images import MOST_PIXELS


class Dialect(StrEnum):
    """Whose clients are spoken to, or whose API an upstream has."""

    OLLAMA = "ollama"
    OPENAI = "openai"


class Kind(StrEnum):
    """What an upstream is. Our runtime speaks both dialects, the others one.

    Ollama's own ``/v1`` is not used: it takes no context length, so that the
    operator's choice would be lost there.
    """

    RUNTIME = "runtime"
    OLLAMA = "ollama"
    VLLM = "vllm"
    OPENAI = "openai"

    @property
    def dialects(self) -> tuple[Dialect, ...]:
        if self is Kind.RUNTIME:
            return (Dialect.OLLAMA, Dialect.OPENAI)
        return (Dialect.OLLAMA,) if self is Kind.OLLAMA else (Dialect.OPENAI,)


@dataclass(frozen=True)
class Offer:
    """A model as visitors name it (``alias``) and as its upstream names it (``model``).

    ``capabilities``, in Ollama's words, are what an operator says of a model
    whose upstream has no way to say it; none are not known.
    """

    alias: str
    model: str
    capabilities: tuple[str, ...] = ()


@dataclass(frozen=True)
class Upstream:
    """A server that answers: where it is, what it speaks, what it offers.

    ``parallel`` answers run there at the same time; ``context`` is the tokens
    that one may use, 0 where the upstream decides. ``stand_in_for`` are names
    that its first model answers to as well, without being listed.
    """

    name: str
    url: str
    kind: Kind
    offers: tuple[Offer, ...]
    key: str = field(default="", repr=False)
    parallel: int = 4
    context: int = 0
    stand_in_for: tuple[str, ...] = ()

    def offers_it(self, model: str) -> bool:
        wanted = model.removesuffix(":latest")
        return wanted in self.stand_in_for or any(
            offer.alias.removesuffix(":latest") == wanted for offer in self.offers
        )

    def offer(self, model: str) -> Offer:
        """What it has under a name; ``:latest`` may be said or not. Only where it offers it."""
        wanted = model.removesuffix(":latest")
        named = (item for item in self.offers if item.alias.removesuffix(":latest") == wanted)
        return next(named, self.offers[0])

    def speaks(self, dialect: Dialect) -> bool:
        return dialect in self.kind.dialects


@dataclass(frozen=True)
class Limits:
    """What a visitor may use.

    ``rates`` (one address) and ``global_rates`` (all together) are in the words
    of the ``limits`` library. The deadline covers the wait in the queue too.
    """

    rates: str = "30/minute;1000/day"
    global_rates: str = "600/minute"
    streams_per_address: int = 2
    streams: int = 16
    queue: int = 32
    deadline: float = 120.0
    heartbeat: float = 15.0
    tokens_per_day: int = 2_000_000
    max_tokens: int = 1024
    prompt_characters: int = 32_000
    images: int = 4
    image_bytes: int = 2 << 20

    @property
    def image_pixels(self) -> int:
        """The most that an image may unpack to: an engine unpacks all of a request together."""
        return MOST_PIXELS // max(1, self.images)

    @property
    def body_bytes(self) -> int:
        """The largest request: its images in base64, its texts, and JSON around them."""
        return self.images * self.image_bytes * 4 // 3 + self.prompt_characters * 6 + (256 << 10)


@dataclass(frozen=True)
class Work:
    """A checked request, ready for an upstream that speaks its dialect.

    ``body`` was built from known fields only; its model's name is put in once
    the upstream is chosen. ``is_load`` asks for nothing but that the model is
    loaded; ``tells_usage`` wants the tokens counted at the end of a stream.
    """

    dialect: Dialect
    path: str
    model: str
    body: Mapping[str, Any]
    stream: bool
    is_load: bool = False
    tells_usage: bool = False
