"""What a registry tells about a model, in one shape for every registry.

These values cross rooms: sizing, hardware, SDL and the pages read them and
nothing else of this package. Sizes are bytes, lengths are tokens.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Source(StrEnum):
    """The registry that a model comes from."""

    HUGGING_FACE = "hf"
    OLLAMA = "ollama"


class Origin(StrEnum):
    """Where a fact was read: decides what a page says about its age."""

    LIVE = "live"
    CATALOGUE = "catalogue"


class Gating(StrEnum):
    """Whether the files ask for an accepted licence (Hub field ``gated``)."""

    OPEN = "open"
    AUTO = "auto"
    MANUAL = "manual"


class Format(StrEnum):
    """The file format of a variant's weights."""

    GGUF = "gguf"
    SAFETENSORS = "safetensors"


@dataclass(frozen=True)
class ModelRef:
    """One model in one registry.

    ``namespace`` is the Hub's user or organisation, or Ollama's namespace
    (``library`` for its own models). ``name`` is the Hub's repository or
    Ollama's model. ``tag`` is Ollama's tag or a quantisation asked for on the
    Hub, ``file`` one exact file of a Hub repository; both may be empty.
    """

    source: Source
    namespace: str
    name: str
    tag: str = ""
    file: str = ""
    revision: str = ""

    @property
    def repo(self) -> str:
        """``user/repo`` on the Hub; ``name`` or ``namespace/name`` on Ollama."""
        if self.source is Source.OLLAMA and self.namespace == "library":
            return self.name
        return f"{self.namespace}/{self.name}"

    @property
    def reranks(self) -> bool:
        """Whether its name says that it tells how well texts answer a question.

        Few configs say so: what is made of a BERT looks like one that embeds.
        """
        return "rerank" in self.repo.lower()

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        prefix = "hf.co/" if self.source is Source.HUGGING_FACE else ""
        return f"{prefix}{self.repo}{tag}"


@dataclass(frozen=True)
class ModelFile:
    """One file or layer: its path (or digest), bytes, and SHA-256 where known."""

    path: str
    size: int
    sha256: str = ""


@dataclass(frozen=True)
class Architecture:
    """The hyper-parameters that decide how much memory a model needs.

    Per-layer tuples have ``layers`` items. ``exact`` is false where facts are
    missing and had to be derived; pages then mark the estimate as rough.
    Names follow GGUF's keys (``{arch}.attention.head_count_kv`` and so on),
    which is also what a ``config.json`` is translated to.

    ``feed_forward_lengths`` are those of each layer where they are not all alike.
    ``dense_layers`` come before those with experts, which every ``mixture_step``-th of
    the others is. Under MLA ``rope_dimension``
    is what is cached beside ``kv_lora_rank``, ``unpacked_rank`` is that of keys and values
    that are cached unpacked, ``latent_*_length`` the sizes of a
    head once unpacked. ``indexer_length`` is one key of a sparse attention's
    indexer, which stands for ``indexer_pool`` tokens, ``compress_ratios`` DeepSeek-V4's
    tokens a cell in each layer.
    ``weight_layers`` are, where a model loops, the blocks of its file that each layer uses;
    ``residual_block`` every so many of Kimi-K3's layers keep their input till the end.
    ``expert_embedding_length`` is what experts read and write, where not the model's width.
    ``extra_state`` are elements of further recurrent state in the whole model.
    ``tie_is_guessed`` tells that ``tied_embeddings`` is a family's habit only,
    ``has_output`` whether there is an output matrix at all.
    ``undivided_elements`` of encoders and projectors lie whole on each of vLLM's
    cards, ``encoder_elements`` where ``encoder_heads`` do not divide among them; vLLM
    refuses cards that they do not divide among where there are none of these.
    ``encoder_weight_elements`` are those of all encoders, divided or not.
    Encoding takes ``encoder_token_elements`` for each token that comes of an image or a
    sound, one of which may make ``encoder_item_tokens``. vLLM keeps ``step_elements`` on
    every card for each token of a step. ``plain_attention`` tells that attention's
    matrices have 16 bits in a quantised checkpoint, ``weight_groups`` how many groups
    with a scale lie beside each other in others, which vLLM's cards must divide.
    ``rotary_bytes`` are tables that vLLM keeps on every card, ``weight_bits`` what
    a quantised checkpoint's linear layers have (0 where it does not tell),
    ``kv_cache_type`` the cache that it brings scales for. ``chunked_attention``
    tells that windows are chunks, ``wide_state`` that recurrent states have 32 bits,
    ``has_voice`` that the files hold a voice, which vLLM does not load.
    ``pools`` tells an embedding model, whose file says how to pool; ``pools_at_end`` that
    it does so at the last token, and that no token looks ahead.
    ``bidirectional_cache`` tells that llama.cpp keeps a cache although nothing
    is generated.
    """

    name: str
    layers: int
    embedding_length: int
    heads: int
    kv_heads: tuple[int, ...]
    key_length: int
    value_length: int
    context_length: int
    vocab_size: int
    feed_forward_length: int = 0
    feed_forward_lengths: tuple[int, ...] = ()
    key_length_swa: int = 0
    value_length_swa: int = 0
    sliding_window: int = 0
    sliding_layers: tuple[bool, ...] = ()
    shared_kv_layers: int = 0
    kv_lora_rank: int = 0
    unpacked_rank: int = 0
    rope_dimension: int = 0
    recurrent_layers: tuple[bool, ...] = ()
    ssm_conv_kernel: int = 0
    ssm_inner_size: int = 0
    ssm_state_size: int = 0
    ssm_group_count: int = 0
    ssm_time_step_rank: int = 0
    extra_state: int = 0
    weight_layers: tuple[int, ...] = ()
    residual_block: int = 0
    expert_embedding_length: int = 0
    nextn_layers: int = 0
    experts: int = 0
    experts_used: int = 0
    expert_feed_forward_length: int = 0
    shared_feed_forward_length: int = 0
    dense_layers: int = 0
    mixture_step: int = 1
    latent_key_length: int = 0
    latent_value_length: int = 0
    query_rank: int = 0
    indexer_length: int = 0
    indexer_value_length: int = 0
    indexer_heads: int = 0
    indexer_pool: int = 1
    indexer_top_k: int = 0
    indexer_layers: tuple[bool, ...] = ()
    compress_ratios: tuple[int, ...] = ()
    per_layer_embedding: int = 0
    deepstack_layers: int = 0
    pools: bool = False
    pools_at_end: bool = False
    bidirectional_cache: bool = False
    tied_embeddings: bool = False
    tie_is_guessed: bool = False
    has_output: bool = True
    learned_positions: bool = False
    causal: bool = True
    dtype: str = ""
    quant_method: str = ""
    hf_architectures: tuple[str, ...] = ()
    weight_bits: float = 0.0
    plain_attention: bool = False
    weight_groups: tuple[int, ...] = ()
    kv_cache_type: str = ""
    rotary_bytes: int = 0
    undivided_elements: int = 0
    encoder_elements: int = 0
    encoder_heads: int = 0
    encoder_weight_elements: int = 0
    encoder_token_elements: int = 0
    encoder_item_tokens: int = 0
    step_elements: int = 0
    chunked_attention: bool = False
    wide_state: bool = False
    has_voice: bool = False
    custom_code: bool = False
    exact: bool = True

    def __hash__(self) -> int:
        """Of the few facts that tell models apart: one estimate asks for it fifty times."""
        own = (self.layers, self.embedding_length, self.context_length, self.vocab_size)
        return hash((self.name, *own))

    @property
    def embeds(self) -> bool:
        """Whether it makes vectors of texts, and answers no chats."""
        return self.pools or not self.causal


@dataclass(frozen=True)
class TensorSizes:
    """Bytes of a GGUF's tensors by the place that llama.cpp loads them to.

    ``inputs`` are the embeddings, which stay in RAM; of them ``tied`` also
    serve as the output. ``output`` is what comes after the last block,
    ``blocks`` what each block takes, ``experts`` the part of it that is experts,
    ``largest_expert`` the largest tensor of those. ``repacked`` are copied on the
    CPU, None where the tensors' types are not known. ``largest_matrix`` is the
    largest tensor of a block, of experts or not.
    """

    inputs: int
    tied: int
    output: int
    blocks: tuple[int, ...]
    experts: tuple[int, ...] = ()
    largest_expert: int = 0
    repacked: int | None = None
    largest_matrix: int = 0


@dataclass(frozen=True)
class Variant:
    """One way to download a model: a quantisation, or a tag.

    ``name`` is what a person chooses and what goes into a URL's ``variant=``
    (``Q4_K_M`` on the Hub, ``8b-q4_K_M`` on Ollama). ``files`` are the weights
    only, without the projector.
    """

    name: str
    format: Format
    quantisation: str
    files: tuple[ModelFile, ...]
    projector: ModelFile | None = None
    parameters: int | None = None
    context_length: int | None = None
    digest: str = ""
    size_is_exact: bool = True
    requires: str = ""
    architecture_name: str = ""
    tensors: TensorSizes | None = None
    tokenizer: str = ""

    @property
    def weight_bytes(self) -> int:
        """Bytes of the weight files together."""
        return sum(file.size for file in self.files)

    @property
    def download_bytes(self) -> int:
        """Bytes that a server downloads: weights and projector."""
        return self.weight_bytes + (self.projector.size if self.projector else 0)

    @property
    def bits_per_weight(self) -> float | None:
        """Average bits a parameter, or None where the parameters are unknown."""
        if not self.parameters:
            return None
        return self.weight_bytes * 8 / self.parameters


@dataclass(frozen=True)
class Model:
    """A model's facts. ``variants`` may be empty in a search result."""

    ref: ModelRef
    title: str
    origin: Origin
    as_of: datetime
    summary: str = ""
    licence: str = ""
    gating: Gating = Gating.OPEN
    task: str = ""
    tags: tuple[str, ...] = ()
    capabilities: frozenset[str] = field(default_factory=frozenset)
    parameters: int | None = None
    context_length: int | None = None
    downloads: int | None = None
    likes: int | None = None
    updated: datetime | None = None
    base_model: str = ""
    gguf_repos: tuple[str, ...] = ()
    chat_template: bool | None = None
    revision: str = ""
    architecture_name: str = ""
    variants: tuple[Variant, ...] = ()
    smallest_bytes: int | None = None

    @property
    def abilities(self) -> tuple[str, ...]:
        """What it can do, in pages' words, by the alphabet."""
        words = {"completion": "text"} | ({"embedding": "reranking"} if self.ref.reranks else {})
        return tuple(sorted(words.get(name, name) for name in self.capabilities))

    @property
    def is_gated(self) -> bool:
        """Whether a download wants somebody's token: only the Hub asks for one."""
        return self.ref.source is Source.HUGGING_FACE and self.gating is not Gating.OPEN


@dataclass(frozen=True)
class SearchQuery:
    """A search as a person states it. ``max_bytes`` bounds the download."""

    text: str = ""
    source: Source | None = None
    author: str = ""
    task: str = ""
    licence: str = ""
    max_bytes: int | None = None
    sort: str = "downloads"
    page: int = 1


@dataclass(frozen=True)
class SearchPage:
    """One page of results.

    ``notices`` are sentences for the person, such as which registry did not
    answer. ``total`` is None where a registry does not tell it.
    """

    models: tuple[Model, ...]
    page: int
    has_next: bool
    total: int | None
    origin: Origin
    as_of: datetime
    notices: tuple[str, ...] = ()
