"""Elements that a token takes at each stage of llama.cpp's graphs.

``ggml-alloc`` reuses memory, so that the widest stage decides. Each function
adds up what is alive then, following the graphs that ``src/llama-graph.cpp``
(``build_ffn``, ``build_moe_ffn``, ``build_attn_mha``) and ``src/models/*.cpp``
build, and the holes before it: freed tensors of the model's width and of the
queries, which what follows does not fit into.
"""

from __future__ import annotations

from wizard.registry.layer_patterns import ONE_SHARED_EXPERT
from wizard.registry.values import Architecture
from wizard.sizing import layers
from wizard.sizing.matrices import GATED_QUERIES, NOT_GATED

# Attention and feed-forward part start from the same normed input, which is kept,
# or (Llama 4) inputs are weighted before the experts.
_KEEPS_INPUT = frozenset(
    {"cohere2", "cohere2moe", "llama4", "phi2", "plamo2", "hrm_text"}
    | {"k2-horizon", "talkie"}
    | {"muse-glimmer"}
)
# Gate and up are each turned before they are multiplied (``LLM_FFN_SITU``).
_SITU = frozenset({"kimi-k3"})
# Of those that keep it, with experts: on several cards the attention's result lies among
# what experts leave.
_PARALLEL_MIXTURES = frozenset({"cohere2moe"})
# Four streams of the model's width, predicted and corrected at each layer.
_STREAMS = {"gemma3n": 6}
# The first of them is looked up, and lies in RAM as it is scaled.
SCALED_STREAMS = frozenset(_STREAMS)
# A scan runs before a feed-forward part of three matrices.
_SCANS_BEFORE = frozenset({"falcon-h1"})
# Attention reads what the layer before left as it is; norms come after it.
_PLAIN_INPUTS = frozenset({"exaone4", "exaone-moe"})
# A plain feed-forward part runs beside the experts.
_DENSE_BESIDE_EXPERTS = frozenset({"arctic"})
# Queries are read where the one matrix put them, with keys and values: positions are added
# to the scores, or to the input.
PLAIN_QUERIES = frozenset({"bloom", "gpt2", "jais", "mpt", "starcoder"})
# What a scan leaves is in pieces that gate and up in one do not fit into.
_BROKEN = {"plamo2": 3}
# Four streams, before and after a layer's part, and how they are mixed.
_HYPER_CONNECTIONS = {"deepseek4": 10, "hy_v4": 10, "qwen4exp": 7, "glm5-next": 7}
_HYPER_STREAMS = 4
# A step of theirs has text or vectors, never both (``llm_arch_supports_mixed_batch``).
_NOT_MIXED = frozenset({"cogvlm", "deepseek4", "graniteswitch"})
# A bias of each position to each other one is added to the scores.
_POSITION_BIASES = frozenset({"t5", "t5encoder"})
# ``build_attn_mha`` has no fused kernel for them.
NEVER_FUSED = frozenset({"grok"}) | _POSITION_BIASES
# A sparse attention keeps what it chose in each layer until the end: their graphs take a
# tensor of zeros as an input for it (``build_attn`` with ``top_k``).
_CHOOSES = frozenset({"deepseek32", "glm-dsa", "dots3note", "hy_v4"})
# Experts that CUDA's kernel adds up (``MOE_WEIGHTED_REDUCTION_MAX_EXPERTS``).
_MOST_REDUCED = 15


def queries(architecture: Architecture) -> int:
    """Elements of all heads' queries of one token, and of their gates."""
    each = architecture.heads * max(architecture.key_length, architecture.value_length)
    return 2 * each if architecture.name in GATED_QUERIES else each


def projected(architecture: Architecture) -> int:
    """Elements of a token's queries, keys and values together."""
    found = layers.kv_layers(architecture)
    return queries(architecture) + max((layer.keys + layer.values for layer in found), default=0)


def kept(architecture: Architecture) -> int:
    """What single families keep through a layer beside the residual."""
    rows = _deepstack(architecture) + _HYPER_CONNECTIONS.get(architecture.name, 0)
    if architecture.residual_block:
        # One row each so many layers, and room for the next while they are put together.
        rows += residuals(architecture, architecture.layers) + 3
    return carried(architecture) + architecture.embedding_length * rows + _turned(architecture)


def _turned(architecture: Architecture) -> int:
    """The hole that the layers' own embeddings leave as they are turned around.

    A feed-forward part that fits goes there (``project_per_layer_inputs``).
    """
    if architecture.name in _STREAMS:
        return 0
    each = architecture.layers * architecture.per_layer_embedding
    return each if each < architecture.feed_forward_length else 0


def residuals(architecture: Architecture, before: int) -> int:
    """Rows of the width that layers before this one left for all that come (Kimi-K3)."""
    return -(-before // architecture.residual_block) if architecture.residual_block else 0


def carried(architecture: Architecture) -> int:
    """What of it goes from one card to the next."""
    width = architecture.embedding_length
    more = width if architecture.name in _KEEPS_INPUT else 0
    more += width * _STREAMS.get(architecture.name, 0)
    if architecture.per_layer_embedding:
        more += width + architecture.layers * architecture.per_layer_embedding
    return more


def streams(architecture: Architecture) -> int:
    """Rows of the width that one layer hands to the next; HY-V4's in six pieces."""
    if architecture.name not in _HYPER_CONNECTIONS:
        return 1
    return _HYPER_STREAMS * (6 if architecture.name == "hy_v4" else 1)


def _deepstack(architecture: Architecture) -> int:
    """Rows of the width that inputs for several layers keep: given, padded and copied.

    Only what experts put out is too wide for the holes among them.
    """
    several = architecture.deepstack_layers
    return 4 * several + 2 if several and architecture.experts else several


def _around(architecture: Architecture) -> int:
    """What lies beside the widest stage: residual, normed input, and a hole.

    The hole is the queries', or those of inputs that were copied (`branches`).
    """
    width = architecture.embedding_length
    each = architecture.heads * max(architecture.key_length, architecture.value_length)
    hole = 0 if architecture.kv_lora_rank else each
    return 2 * width + max(hole, branches(architecture) * width) + kept(architecture)


def branches(architecture: Architecture) -> int:
    """Ways into a graph with rows of embeddings that are looked up, and rows that are given.

    A step has text, vectors of images and sound, or both, and the graph a branch for
    each (``build_inp_embd``): text and vectors, and again for the step that mixes them.
    """
    return 1 if architecture.name in _NOT_MIXED else 2


def given(architecture: Architecture) -> int:
    """Elements of a token's vectors of images and sound, of one branch."""
    return architecture.embedding_length * (1 + architecture.deepstack_layers)


def buckets(architecture: Architecture, span: int) -> int:
    """Elements of a token's position buckets: once in RAM, and for each layer on a card."""
    return span if architecture.name in _POSITION_BIASES else 0


def feed_forward(architecture: Architecture) -> int:
    """The dense part: gate, up and their product; up alone where nothing gates it."""
    copies = 1 if architecture.name in NOT_GATED else 3
    wide = copies * architecture.feed_forward_length
    has_dense = architecture.dense_layers or architecture.mixture_step > 1
    if architecture.experts and not has_dense:
        wide = copies * architecture.shared_feed_forward_length
    return wide + _around(architecture) + _scanned(architecture)


def _scanned(architecture: Architecture) -> int:
    """The holes of Falcon-H1's scan, where a feed-forward matrix is too wide for them."""
    if architecture.name not in _SCANS_BEFORE:
        return 0
    inner, groups = architecture.ssm_inner_size, architecture.ssm_group_count
    convolved = inner + 2 * groups * architecture.ssm_state_size
    hole = inner + 2 * convolved + 2 * architecture.embedding_length
    return hole if architecture.feed_forward_length > hole - architecture.embedding_length else 0


def _expert_outputs(architecture: Architecture) -> int:
    width = architecture.expert_embedding_length or architecture.embedding_length
    return architecture.experts_used * width


def experts(architecture: Architecture, *, cards: int, cast: int) -> int:
    """The experts that a token uses, their outputs, and the router's scores.

    Outputs go into the holes that gate and up leave where they are small enough.
    """
    used = architecture.experts_used
    if not architecture.experts or not used:
        return 0
    return (
        _mixture(architecture, cards=cards, cast=cast)
        + 4 * architecture.experts
        + _around(architecture)
    )


def _mixture(architecture: Architecture, *, cards: int, cast: int) -> int:
    """Gate, up, their product and the outputs, as best fit places them.

    CUDA weighs and adds the outputs in one kernel, which keeps them until both are
    done (``ggml_cuda_match_moe_weighted_reduction``): they lie there twice, and
    their sum beside.
    """
    used = architecture.experts_used
    each = architecture.expert_feed_forward_length or architecture.feed_forward_length
    inner, outputs = used * each, _expert_outputs(architecture)
    copies = 1 if architecture.name in NOT_GATED else 3 + (architecture.name in _SITU)
    twice = cards > 0 and 2 <= used <= _MOST_REDUCED
    # CUDA runs a shared expert of the same width right behind, in the others' hole.
    is_grouped = cards > 0 and copies > 1 and architecture.shared_feed_forward_length == each
    taken = copies * each if is_grouped else 0
    total = architecture.embedding_length if twice else 0
    if outputs <= (copies - 1) * inner - taken:
        return max(copies * inner, 2 * outputs + total if twice else 0)
    # Gate or up lie where a cache was that had been cast.
    is_broken = _is_broken(architecture, cards)
    is_broken = is_broken or (cast > 0 and cast + queries(architecture) > inner)
    fits_later = outputs <= copies * inner - taken and not is_broken
    return copies * inner + outputs * (2 if twice and not fits_later else 1) + total


def _is_broken(architecture: Architecture, cards: int) -> bool:
    """Whether something that is kept lies among what gate and up leave."""
    if architecture.name in _SITU:
        return True
    is_hybrid = architecture.kv_lora_rank and architecture.recurrent_layers
    return cards > 1 and bool(is_hybrid or architecture.name in _PARALLEL_MIXTURES)


def pieces(architecture: Architecture) -> int:
    """Elements of holes that a card has where RAM, which embeddings are looked up in, has none."""
    return _BROKEN.get(architecture.name, 0) * architecture.embedding_length


def _shared(architecture: Architecture) -> int:
    """A shared expert, which runs when the others' sum lies behind the hole they left."""
    wide = architecture.shared_feed_forward_length
    if not architecture.experts or not wide or architecture.name in ONE_SHARED_EXPERT:
        return 0
    hole = 2 * _expert_outputs(architecture)
    outside = 3 - min(3, hole // wide)
    return hole + architecture.embedding_length + outside * wide + _around(architecture)


def attention(architecture: Architecture, span: int, *, fused: bool) -> int:
    """Queries, the attention's result and new keys; all scores where it is not fused.

    ``span`` is the cells that one token attends to. Beside scores, as beside a
    cache that is unpacked, lie the holes that the layer before left.
    """
    if not architecture.heads:
        return 0
    scores = 0 if fused else architecture.heads * span
    if architecture.name in _POSITION_BIASES:
        scores = 3 * architecture.heads * span
    scores += _indexer(architecture, span)
    if architecture.kv_lora_rank:
        # Scores lie behind the holes of rows that are put together for them.
        holes = 0 if fused else 3 * architecture.embedding_length
        return scores + _latent(architecture) + holes + kept(architecture)
    return scores + (_fused(architecture) if fused else beside_scores(architecture, fused=False))


def beside_scores(architecture: Architecture, *, fused: bool) -> int:
    """Queries as projected, normed and turned, keys and values, and the holes around."""
    shares = architecture.experts and architecture.shared_feed_forward_length
    is_odd = shares or architecture.recurrent_layers or not architecture.causal
    if is_odd or architecture.deepstack_layers or architecture.name in _DENSE_BESIDE_EXPERTS:
        return _beside_others(architecture)
    row = _beside_cache(architecture)
    if fused or not architecture.experts:
        return row
    # Scores do not fit into what experts left; a cache is unpacked behind a result that does.
    return row + _expert_outputs(architecture) + 2 * architecture.embedding_length


def _beside_cache(architecture: Architecture) -> int:
    """Queries, the residual, inputs as they came, and the hole of the normed input.

    Keys and values lie in the cache by then, and what they came in is free at the end;
    queries wider than the model are turned in a place of their own. Where nothing turns
    them they are a part of what they came in.
    """
    asked, width = queries(architecture), architecture.embedding_length
    found = layers.kv_layers(architecture)
    new = max((layer.keys + layer.values for layer in found), default=0)
    rows = 4 + (new >= 2 * width or architecture.name in _PLAIN_INPUTS)
    again = asked if asked > width else 0
    again += new if architecture.name in PLAIN_QUERIES else 0
    return asked + again + rows * width + kept(architecture)


def _beside_others(architecture: Architecture) -> int:
    """The same between experts or states, which leave holes of other sizes."""
    found = layers.kv_layers(architecture)
    new = max((layer.keys + layer.values for layer in found), default=0)
    rows = 2 + 2 * branches(architecture)
    if architecture.deepstack_layers and not architecture.experts:
        # The inputs of several layers are there in both branches, padded and copied.
        rows += architecture.deepstack_layers + 3
    holes = rows * architecture.embedding_length + _expert_outputs(architecture)
    return 3 * queries(architecture) + 2 * new + holes + kept(architecture)


def _latent(architecture: Architecture) -> int:
    """MLA: each head's query as it is, absorbed, rotated, and put together."""
    row = architecture.kv_lora_rank + architecture.rope_dimension
    head = (
        architecture.kv_lora_rank
        + row
        + architecture.rope_dimension
        + architecture.latent_key_length
    )
    return architecture.heads * head + 4 * architecture.embedding_length


def _indexer(architecture: Architecture, span: int) -> int:
    """A sparse attention's indexer: its queries, scores of all cells, and masks made of them.

    MiniMax-M3 scores blocks for each of the indexer's heads, and turns the scores around.
    """
    if not architecture.indexer_length:
        return 0
    asked = architecture.indexer_heads * architecture.indexer_length
    scored = 2 * architecture.indexer_heads if architecture.name == "minimax-m3" else 0
    return asked + (scored + 1) * span


def chosen(architecture: Architecture, span: int) -> int:
    """Elements of a token that sparse attention keeps of all layers till the end."""
    if architecture.name not in _CHOOSES:
        return 0
    choosing = sum(1 for layer in layers.kv_layers(architecture) if not layer.window)
    return choosing * min(architecture.indexer_top_k, span)


def widest(architecture: Architecture, span: int, *, fused: bool, cards: int, cast: int = 0) -> int:
    """Elements a token at the widest stage of a step that is not a recurrent layer's.

    ``cast`` are those of a layer's cache that is unpacked on a card, for each token.
    """
    attended = _fused(architecture)
    if not fused or _always_wide(architecture):
        attended = attention(architecture, span, fused=fused)
    several = architecture.deepstack_layers
    inputs = (2 + 4 * (1 + several)) * architecture.embedding_length if several else 0
    stage = max(
        inputs,
        feed_forward(architecture),
        experts(architecture, cards=cards, cast=cast),
        _shared(architecture) if cards else 0,
        attended,
    )
    return stage + chosen(architecture, span)


def _always_wide(architecture: Architecture) -> bool:
    return bool(architecture.kv_lora_rank or architecture.indexer_length)


def _fused(architecture: Architecture) -> int:
    """Attention with one kernel: queries, their result, new keys and values."""
    found = layers.kv_layers(architecture)
    new = max((layer.keys + layer.values for layer in found), default=0)
    return 2 * queries(architecture) + new + 2 * architecture.embedding_length
