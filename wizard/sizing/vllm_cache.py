"""vLLM's KV cache: layers in groups, whose pages come from one pool of blocks.

Sources: ``vllm/v1/kv_cache_interface.py`` (what a page takes, what a request
holds), ``vllm/v1/core/kv_cache_planning.py`` (groups) and
``vllm/platforms/interface.py`` (``_align_hybrid_block_size``).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

from wizard.registry.values import Architecture
from wizard.sizing import layers, vllm_compressed, vllm_kernels, vllm_stages
from wizard.sizing.values import KvType, Workload

# Tokens of one block (``CacheConfig.DEFAULT_BLOCK_SIZE``); sparse attention's kernels
# read 64 at once, MiniMax-M3's 128.
BLOCK, _SPARSE_BLOCK, _CHOOSING_BLOCK = 16, 64, 128
# Hopper's kernel for 8-bit caches of such heads reads 64 tokens at once, too
# (``FlashAttentionBackend._get_sm90_fa4_fp8_kv_block_size``).
_WIDE_HEAD = 512
# One row of MLA and of its rotated part, with scales (``fp8_ds_mla``): Hopper's where 8 bits
# are asked for, not where the checkpoint asks, and always that of workstations' Blackwell.
# The kernels of other cards read plain rows (``_canonicalize_sparse_mla_kv_cache_dtype``).
_PACKED_ROW, _ALWAYS_PACKED = 656, 12
# An indexer's key is 8 bits, with a 32-bit scale for each 128 of it.
_SCALED = 128
# Blocks of state that a request holds: the last and the one being written, and where
# layers export it a checkpoint of the prompt (``MambaSpec``, ``mamba_cache_mode`` “align”).
_STATE_BLOCKS, _CHECKPOINTED_STATE_BLOCKS = 2, 3
_EXPORT_NO_CHECKPOINT = ("olmo_hybrid", "kimi_linear")
# Kimi-K3's text is of that type, and does (``KimiK3ForConditionalGeneration``).
_EXPORTS = "KimiK3"
# Blocks keep to a multiple of these where layers recur.
_CHECKPOINT, _LATENT_ALIGNMENT = 64, 128
# An image is never cut by a step (``EngineArgs._get_min_mm_batched_tokens``).
_WHOLE_ITEMS = ("gemma4",)
_DELTA_NETS = ("qwen3_next", "qwen3_5", "qwen4_exp")


@dataclass(frozen=True)
class _Kind:
    """Layers alike: which, a token's bytes on one card, and the tokens that are kept.

    ``indexer`` are those of the bytes that an indexer's key takes.
    """

    indices: tuple[int, ...]
    token_bytes: int
    indexer: int = 0
    window: int = 0
    block: int = BLOCK

    @property
    def count(self) -> int:
        return len(self.indices)

    @property
    def page(self) -> int:
        return self.block * self.token_bytes


@dataclass(frozen=True)
class _Card:
    """What decides how a token lies in the cache."""

    gpus: int
    is_hopper: bool
    generation: int


def _token_bytes(layer: layers.KvLayer, card: _Card, kv_type: KvType, *, packs: bool) -> int:
    """Bytes of one token on one card: whole heads, at least one; MLA's row on every card."""
    each = 1 if kv_type is KvType.FP8 else 2
    if layer.is_latent:
        return _PACKED_ROW if packs else layer.keys * each
    heads = max(1, layer.heads // card.gpus)
    return (layer.keys + layer.values) // layer.heads * heads * each


def _indexer_bytes(layer: layers.KvLayer, pool: int) -> int:
    """Bytes that an indexer's key takes for one token, of as many as share it."""
    if not layer.is_latent:
        return 2 * layer.indexer
    return (layer.indexer and layer.indexer + 4 * -(-layer.indexer // _SCALED)) // pool


def _packs(architecture: Architecture, card: _Card, kv_type: KvType) -> bool:
    """Whether rows of a sparse attention are packed with their scales."""
    if not architecture.indexer_length:
        return False
    return card.generation == _ALWAYS_PACKED or (card.is_hopper and kv_type is KvType.FP8)


def _usual_block(architecture: Architecture, card: _Card, kv_type: KvType) -> int:
    """Tokens of a block of a layer that keeps nothing but keys and values."""
    if architecture.indexer_length:
        return _SPARSE_BLOCK if architecture.kv_lora_rank else _CHOOSING_BLOCK
    is_wide = architecture.key_length == _WIDE_HEAD and kv_type is KvType.FP8
    return _SPARSE_BLOCK if is_wide and card.is_hopper else BLOCK


@lru_cache(maxsize=512)
def _kinds(
    architecture: Architecture, card: _Card, kv_type: KvType, *, packs: bool
) -> tuple[_Kind, ...]:
    """Kinds of layers with keys and values, in all stages."""
    block = _usual_block(architecture, card, kv_type)
    found: dict[tuple[int, int, int, int], list[int]] = {}
    for index, layer in layers.kv_layers(architecture).items():
        indexer = _indexer_bytes(layer, architecture.indexer_pool)
        each = indexer + _token_bytes(layer, card, kv_type, packs=packs)
        found.setdefault((each, indexer, layer.window, block), []).append(index)
    return tuple(_Kind(tuple(indices), *kind) for kind, indices in found.items())


def _of(architecture: Architecture, workload: Workload) -> tuple[_Kind, ...]:
    generation = workload.card.compute_capability[0] if workload.pads_experts else 0
    card = _Card(max(1, workload.gpus), not workload.pads_experts, generation)
    packs = _packs(architecture, card, workload.kv_type)
    kv_type = vllm_kernels.cache_type(architecture, workload)
    return _kinds(architecture, card, kv_type, packs=packs)


def _fullest(
    architecture: Architecture, workload: Workload, found: tuple[_Kind, ...], *, pages: bool
) -> int:
    """Bytes of a token, or of a page, in all layers of the stage with the most of them."""
    return max(
        sum(
            (kind.page if pages else kind.token_bytes)
            * (kind.count if workload.nodes == 1 else sum(i in stage for i in kind.indices))
            for kind in found
        )
        for stage in vllm_stages.stages(architecture.layers, workload.nodes)
    )


def bytes_per_token(architecture: Architecture, workload: Workload) -> int:
    """Bytes of one token in all layers on one card, as if none had a window."""
    if architecture.compress_ratios:
        return vllm_compressed.bytes_per_token(architecture)
    return _fullest(architecture, workload, _of(architecture, workload), pages=False)


def in_flight(architecture: Architecture, workload: Workload) -> int:
    """Tokens of steps that are not settled yet: one step runs while the next is prepared.

    What looks at images both ways has steps as long as the largest of them.
    """
    is_whole = architecture.name.startswith(_WHOLE_ITEMS)
    item = architecture.encoder_item_tokens if is_whole else 0
    return (workload.nodes + 1) * max(workload.batched_tokens, item)


def _tokens_held(kind: _Kind, architecture: Architecture, workload: Workload) -> int:
    if not kind.window:
        return workload.context_length
    window = kind.window - (0 if architecture.chunked_attention else 1)
    flying = in_flight(architecture, workload)
    return min(window + flying, workload.context_length)


def _blocks(kind: _Kind, architecture: Architecture, workload: Workload) -> int:
    """Blocks that one request of full length holds in such a layer."""
    whole = -(-_tokens_held(kind, architecture, workload) // kind.block)
    return whole + (1 if kind.window and not architecture.chunked_attention else 0)


def state_bytes(architecture: Architecture, gpus: int) -> int:
    """Bytes of one request's recurrent state in one layer on one card."""
    if layers.has_missing_state(architecture):
        return 2 * 2 * architecture.embedding_length * (128 + 3) // gpus
    groups = architecture.ssm_group_count
    shared = 2 * groups * architecture.ssm_state_size
    if groups and groups % gpus:
        # Every card has the groups of its heads (``extra_groups_for_head_shards``).
        shared = 2 * gpus * architecture.ssm_state_size
    kernel = max(0, architecture.ssm_conv_kernel - 1)
    convolution = kernel * (architecture.ssm_inner_size + shared) // gpus
    state = layers.state_elements(architecture) // gpus
    return 2 * convolution + (4 if architecture.wide_state else 2) * state


@dataclass(frozen=True)
class Request:
    """Bytes on one card that a request of full length holds: caches, recurrent state.

    ``block`` is what one block of recurrent layers takes, 0 without such layers.
    """

    cache: int
    state: int
    block: int = 0


def request(architecture: Architecture, workload: Workload) -> Request:
    """What one request takes of the pool, in whole blocks of all groups.

    Layers are grouped so that each group has as many as the rarest kind, or as
    the most frequent one where they are nearly as many; a block is as large as
    a group's pages (``_get_kv_cache_groups_uniform_page_size``).
    """
    if architecture.compress_ratios:
        return Request(vllm_compressed.request_bytes(architecture, workload), 0)
    found, recurrent = _of(architecture, workload), layers.recurrent_layers(architecture)
    state = state_bytes(architecture, max(1, workload.gpus)) if recurrent else 0
    depth, nodes = architecture.layers, workload.nodes
    if not found:
        bare = vllm_stages.most(recurrent, depth, nodes) * state
        return Request(0, bare, bare)
    if len({kind.window for kind in found}) == 1 and not recurrent:
        longest = max(_blocks(kind, architecture, workload) for kind in found)
        return Request(longest * _fullest(architecture, workload, found, pages=True), 0)
    aligned = _aligned(architecture, workload, found, state)
    members = [kind.indices for kind in aligned] + ([recurrent] if recurrent else [])
    groups = _groups(members)
    widest = max(vllm_stages.most(group, depth, nodes) for kind in groups for group in kind)
    block = widest * max(kind.page for kind in aligned)
    blocks = sum(
        len(kind_groups) * _blocks(kind, architecture, workload)
        for kind, kind_groups in zip(aligned, groups, strict=False)
    )
    # What an indexer's next key is made of has a block of its own (``CircularBufferSpec``).
    blocks += architecture.indexer_pool > 1
    has_checkpoint = _has_checkpoint(architecture, workload)
    held = _CHECKPOINTED_STATE_BLOCKS if has_checkpoint else _STATE_BLOCKS
    if not recurrent:
        return Request(blocks * block, 0)
    return Request(blocks * block, len(groups[-1]) * held * block, block)


def _groups(members: list[tuple[int, ...]]) -> list[list[tuple[int, ...]]]:
    """Each kind's layers dealt out to as many groups as its number asks for."""
    size = _group_size([len(each) for each in members])
    counts = [-(-len(each) // size) for each in members]
    return [
        [each[place::count] for place in range(count)]
        for each, count in zip(members, counts, strict=True)
    ]


def _aligned(
    architecture: Architecture, workload: Workload, found: tuple[_Kind, ...], state: int
) -> tuple[_Kind, ...]:
    """Blocks so long that all pages are alike, and none is smaller than a state."""
    if state:
        # What is aligned is attention's own page (``get_attn_page_size``).
        widest = max(kind.token_bytes - kind.indexer for kind in found)
        exports = workload.exports_states and _is_delta_net(architecture)
        step = _CHECKPOINT if exports else BLOCK
        step = _LATENT_ALIGNMENT if architecture.kv_lora_rank else step
        tokens = -(-state // (step * widest)) * step
        found = tuple(replace(kind, block=max(kind.block, tokens)) for kind in found)
    page = max(kind.page for kind in found)
    return tuple(replace(kind, block=kind.block * _times(page, kind.page)) for kind in found)


def _times(page: int, own: int) -> int:
    """How many of its own pages fill one; a page that does not divide it is padded."""
    return page // own if page % own == 0 else 1


def _is_delta_net(architecture: Architecture) -> bool:
    return architecture.name.startswith(_DELTA_NETS)


def _has_checkpoint(architecture: Architecture, workload: Workload) -> bool:
    """Mamba 2 and gated delta nets have groups of keys, Mamba 1 and convolutions none.

    Delta nets' states are exported by FlashInfer's kernel alone
    (``qwen_gdn_linear_attn.py``).
    """
    if _is_delta_net(architecture) and not workload.exports_states:
        return False
    exports = architecture.name not in _EXPORT_NO_CHECKPOINT
    exports |= any(name.startswith(_EXPORTS) for name in architecture.hf_architectures)
    return bool(architecture.ssm_group_count) and exports


def _group_size(counts: list[int]) -> int:
    least, most = min(counts), max(counts)
    return most if most < 1.5 * least else least
