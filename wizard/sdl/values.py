"""The plan: everything that an SDL is written from, decided and explained."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from wizard.hardware.values import Offer, PriceList
from wizard.registry.values import Architecture, Model, ModelRef, Variant
from wizard.sizing.values import KvType, MemoryEstimate


class Engine(StrEnum):
    """The server that the SDL runs."""

    RUNTIME = "runtime"
    VLLM = "vllm"
    OLLAMA = "ollama"
    LLAMA_SERVER = "llama-server"


class StorageClass(StrEnum):
    """Where weights live: Akash's persistent classes, or the ephemeral disk."""

    NVME = "beta3"
    SSD = "beta2"
    HDD = "beta1"
    EPHEMERAL = "ephemeral"


@dataclass(frozen=True)
class Choices:
    """What a person chose. None or empty means: our default, see Plan.reasons.

    ``gpus`` are SDL model names, optionally with the memory label
    (``a100:80Gi``). ``price_ceiling`` is USD per hour for one replica.
    ``extra_env`` is ``KEY=VALUE`` pairs. ``cpu_moe`` leaves a
    mixture's experts in RAM.
    """

    variant: str = ""
    engine: Engine | None = None
    context: int | None = None
    slots: int | None = None
    kv: KvType | None = None
    gpus: tuple[str, ...] = ()
    count: int | None = None
    nodes: int | None = None
    replicas: int | None = None
    region: str = ""
    audited: bool | None = None
    price_ceiling: float | None = None
    storage_class: StorageClass | None = None
    storage_gib: int | None = None
    cpu_only: bool | None = None
    cpu_moe: bool | None = None
    extra_env: tuple[tuple[str, str], ...] = ()
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True)
class Reason:
    """One plain sentence why a choice has the value it has."""

    field: str
    sentence: str


@dataclass(frozen=True)
class Image:
    """A container image by tag, and whether its registry was seen to have it.

    ``known`` is True (seen), False (seen to be missing) or None (not asked, or
    the registry was out of reach).
    """

    reference: str
    known: bool | None = None


@dataclass(frozen=True)
class Resources:
    """What the compute profile asks for. Bytes, except CPU units (cores)."""

    cpu: float
    memory: int
    root_disk: int
    volume: int
    shared_memory: int


@dataclass(frozen=True)
class Plan:
    """A whole configuration: facts, choices with defaults filled in, and offers.

    ``offers`` holds every GPU × count that was looked at, fitting ones first
    and cheapest first; ``chosen`` those that the SDL names (one count, several
    GPU models), cheapest first, empty for a CPU plan. ``price_ceiling`` is USD
    per hour for one replica on one node, ``amount_uact`` the same per block as
    the SDL has it. ``problems`` are things that stop a download (nothing fits,
    gated without a word), ``warnings`` things to know.
    """

    ref: ModelRef
    model: Model
    variant: Variant
    architecture: Architecture
    engine: Engine
    engines: tuple[Engine, ...]
    image: Image
    context: int
    largest_context: int
    slots: int
    kv: KvType
    count: int
    nodes: int
    replicas: int
    region: str
    audited: bool
    storage_class: StorageClass
    resources: Resources
    estimate: MemoryEstimate
    offers: tuple[Offer, ...]
    chosen: tuple[Offer, ...]
    usd_per_hour: float | None
    price_ceiling: float
    amount_uact: int
    price_list: PriceList
    extra_env: tuple[tuple[str, str], ...]
    reasons: tuple[Reason, ...]
    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    cpu_moe: bool = False


@dataclass(frozen=True)
class Secrets:
    """What the file needs of secrets, for one response and never kept.

    Our runtime takes ``api_key_sha256`` only. The other engines have to be
    given ``api_key`` itself; where it is empty the file carries
    ``API_KEY_PLACEHOLDER`` and the page's own script replaces it. The Hugging
    Face token is always the placeholder: the page's script fills it in.
    """

    api_key_sha256: str = ""
    api_key: str = ""


API_KEY_PLACEHOLDER = "PASTE-YOUR-API-KEY-HERE"
API_KEY_SHA256_PLACEHOLDER = "PASTE-THE-SHA256-OF-YOUR-API-KEY-HERE"
HF_TOKEN_PLACEHOLDER = "PASTE-YOUR-HUGGING-FACE-TOKEN-HERE"
PLACEHOLDERS = (API_KEY_PLACEHOLDER, API_KEY_SHA256_PLACEHOLDER, HF_TOKEN_PLACEHOLDER)


@dataclass(frozen=True)
class Problem:
    """A rule that a document breaks: where, what, and how to mend it."""

    path: str
    sentence: str
    fix: str
    rule: str = ""
    is_error: bool = True
