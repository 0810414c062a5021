"""GGUF keys → Architecture, the way llama.cpp reads them (``load_arch_hparams``)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from wizard.registry import architectures, vocabularies
from wizard.registry import layer_patterns as patterns
from wizard.registry.errors import UnreadableHeader
from wizard.registry.gguf_keys import MAX_VALUE, Value
from wizard.registry.gguf_layers import LayerKeys
from wizard.registry.values import Architecture

# ``LLAMA_POOLING_TYPE_LAST`` and ``_RANK``.
_POOLED_AT_END = (3, 4)
_NEEDED = ("block_count", "embedding_length", "context_length")


def missing(keys: Mapping[str, Value]) -> tuple[str, ...]:
    """The needed keys that are not there yet."""
    name = keys.get("general.architecture")
    if not isinstance(name, str):
        return ("general.architecture",)
    needed = [f"{name}.{key}" for key in _NEEDED]
    if name not in patterns.RECURRENT_ONLY:
        needed.append(f"{name}.attention.head_count")
    return tuple(key for key in needed if key not in keys)


def architecture(
    keys: Mapping[str, Value],
    array_lengths: Mapping[str, int],
    tensors: Mapping[str, int] | None = None,
) -> Architecture:
    """Read the keys. ``layers`` is without the MTP blocks that ``block_count`` has.

    Raises UnreadableHeader where keys are missing or make no sense.
    """
    _refuse_projector(keys)
    absent = missing(keys)
    if absent:
        raise UnreadableHeader(f"This file's header lacks {', '.join(absent)}.")
    return _Keys(str(keys["general.architecture"]), keys, array_lengths).architecture(tensors)


def _refuse_projector(keys: Mapping[str, Value]) -> None:
    if keys.get("general.architecture") == "clip" or keys.get("general.type") == "mmproj":
        raise UnreadableHeader(
            "This file is a vision projector, not a language model.",
            next_step="Give the model's own file, and this one's bytes as --projector-bytes.",
        )
    if keys.get("general.type") == "adapter":
        raise UnreadableHeader(
            "This file is an adapter (LoRA), not a whole model.",
            next_step="Give the model's own file, and this one's bytes as --lora-bytes.",
        )


@dataclass(frozen=True)
class _Keys(LayerKeys):
    """What the keys of one architecture mean."""

    array_lengths: Mapping[str, int]

    def architecture(self, tensors: Mapping[str, int] | None) -> Architecture:
        nextn = self.number("nextn_predict_layers")
        layers = self.layers(nextn)
        embedding, heads = self.number("embedding_length"), self.heads(layers)
        for key in ("embedding_length", "context_length"):
            if not self.number(key):
                raise self.nonsense(key)
        first = self.first_heads() or heads
        head_size = embedding // first if first else 0
        key_length = self.number("attention.key_length", head_size)
        kv_heads = self.kv_heads(layers, heads)
        window, sliding = self.sliding(layers, kv_heads)
        told = self.vocab_size()
        vocab = told or vocabularies.size(self.keys, self.name)
        is_mla = self.number("attention.key_length_mla") > 0
        recurrent = self.recurrent(layers, kv_heads)
        indexer = self.indexer_layers(layers, recurrent)
        conv, inner, state, group = self.state_sizes(embedding, first, key_length)
        return Architecture(
            name=self.name,
            layers=layers,
            embedding_length=embedding,
            heads=heads,
            kv_heads=kv_heads,
            key_length=key_length,
            value_length=self.number("attention.value_length", head_size),
            context_length=self.number("context_length"),
            vocab_size=vocab,
            feed_forward_length=self.feed_forward(layers),
            feed_forward_lengths=self.feed_forward_lengths(layers),
            key_length_swa=self.number("attention.key_length_swa"),
            value_length_swa=self.number("attention.value_length_swa"),
            sliding_window=window,
            sliding_layers=sliding,
            shared_kv_layers=self.shared_kv_layers(layers),
            kv_lora_rank=self.number("attention.kv_lora_rank") if is_mla else 0,
            unpacked_rank=0 if is_mla else self.number("attention.kv_lora_rank"),
            rope_dimension=self.rope_dimension(key_length, kv_heads, is_mla=is_mla),
            recurrent_layers=recurrent if any(recurrent) else (),
            ssm_conv_kernel=conv,
            ssm_inner_size=inner,
            ssm_state_size=state,
            ssm_group_count=group,
            ssm_time_step_rank=self.number("ssm.time_step_rank"),
            extra_state=self.extra_state(embedding),
            weight_layers=self.weight_layers(layers),
            residual_block=self.number("attn_res.block_size"),
            nextn_layers=nextn,
            experts=self.number("expert_count"),
            experts_used=self.number("expert_used_count"),
            expert_feed_forward_length=self.expert_feed_forward(layers),
            expert_embedding_length=self.number(
                "expert_latent_length", self.number("moe_latent_size")
            ),
            shared_feed_forward_length=self.shared_feed_forward(),
            dense_layers=min(layers, self.number("leading_dense_block_count")),
            mixture_step=self.mixture_step(),
            latent_key_length=self.number("attention.key_length_mla"),
            latent_value_length=self.number("attention.value_length_mla"),
            query_rank=self.number("attention.q_lora_rank"),
            indexer_length=self.indexer_length(indexer),
            indexer_value_length=self.indexer_values(head_size),
            indexer_heads=self.number("attention.indexer.head_count"),
            indexer_top_k=self.number("attention.indexer.top_k"),
            indexer_layers=indexer,
            compress_ratios=self.compress_ratios(layers),
            per_layer_embedding=self.per_layer_embedding(),
            deepstack_layers=self.number("n_deepstack_layers"),
            pools=self.number("pooling_type") > 0,
            pools_at_end=self.number("pooling_type") in _POOLED_AT_END and self.is_causal(),
            bidirectional_cache=self.name not in patterns.NO_CACHE and not self.is_causal(),
            tied_embeddings=self.is_tied(tensors, embedding, vocab),
            tie_is_guessed=not tensors and patterns.may_tie_or_not(self.name),
            has_output=self.name not in patterns.NO_OUTPUT,
            learned_positions=self.name in patterns.LEARNED_POSITIONS,
            causal=self.is_causal(),
            exact=told > 0 and self.name in architectures.LLAMA_CPP - patterns.ROUGH,
        )

    def rope_dimension(self, key_length: int, kv_heads: tuple[int, ...], *, is_mla: bool) -> int:
        """Rotated dimensions; under MLA what a cached row has beside the compressed part."""
        if not is_mla:
            return self.number("rope.dimension_count")
        row = key_length * max(kv_heads, default=1)
        return max(0, row - self.number("attention.kv_lora_rank"))

    def vocab_size(self) -> int:
        tokens = self.array_lengths.get("tokenizer.ggml.tokens", 0)
        return min(self.number("vocab_size") or tokens, MAX_VALUE)

    def feed_forward(self, layers: int) -> int:
        """Width of the widest dense part; the first Qwen tells the two matrices up together."""
        widest = max(self.per_layer("feed_forward_length", layers, 0), default=0)
        return widest // 2 if self.name == "qwen" else widest

    def expert_feed_forward(self, layers: int) -> int:
        """Width of an expert (``n_ff_exp``), which headers of the first Qwen MoE do not tell."""
        told, used = self.number("expert_feed_forward_length"), self.number("expert_used_count")
        if told or not used or self.name not in patterns.DIVIDED_EXPERTS:
            return told
        return self.feed_forward(layers) // used

    def shared_feed_forward(self) -> int:
        """Width of the shared experts together (``n_ff_shexp``, else by their count)."""
        told = self.number("expert_shared_feed_forward_length")
        each = self.number("expert_feed_forward_length")
        count = self.number("expert_shared_count", int(self.name in patterns.ONE_SHARED_EXPERT))
        return told or each * count

    def mixture_step(self) -> int:
        """Every so many layers there are experts."""
        steps = (self.number("interleave_moe_layer_step"), self.number("moe_every_n_layers"))
        return max(1, *steps)

    def indexer_length(self, indexer: tuple[bool, ...]) -> int:
        """Elements that an indexer caches of a token: with pooling also gate and pooled key."""
        if not any(indexer) and self.name != "deepseek4":
            return 0
        rows = patterns.POOLED_ROWS.get(self.name, 1) if self.pools() else 1
        return self.number("attention.indexer.key_length") * rows

    def pools(self) -> bool:
        """Whether an indexer keeps a pooled key beside each token's own."""
        told = self.number("attention.indexer.kpool"), self.number("attention.compress_ratios")
        return any(told)

    def indexer_values(self, head_size: int) -> int:
        """MiniMax-M3's indexer cache has values too, a head's length."""
        if self.name != "minimax-m3":
            return 0
        return self.number("attention.value_length", head_size)

    def per_layer_embedding(self) -> int:
        """Elements that each layer takes of a token's second embedding, in small Gemmas."""
        if self.name not in patterns.PER_LAYER_EMBEDDINGS:
            return 0
        return self.number("embedding_length_per_layer_input")

    def extra_state(self, embedding: int) -> int:
        """Elements of the n-gram embeddings' history (``ple_conv_state``), in all layers."""
        layers = self.array_lengths.get(f"{self.name}.ple.layers", 0)
        kernel = self.number("ple.conv_kernel")
        if not layers or not kernel:
            return 0
        width = self.number("ple.ngram_size") * self.number("hyper_connection.count") * embedding
        return layers * (kernel - 1) * width

    def state_sizes(self, embedding: int, heads: int, key_length: int) -> tuple[int, int, int, int]:
        """Convolution kernel, inner size, state size and groups of a recurrent layer.

        Other kinds of state are put so that ``(conv − 1)·(inner + 2·groups·state)``
        and ``state·inner`` give their elements (llama.cpp ``n_embd_r``, ``n_embd_s``).
        """
        if short := self.number("shortconv.l_cache"):
            return short, embedding, 0, 0
        if wkv := self.number("wkv.head_size"):
            return self.number("token_shift_count", 2) + 1, embedding, wkv, 0
        if kda := self.number("kda.head_dim"):
            return self.number("ssm.conv_kernel") or 4, heads * kda, kda, heads
        if self.name in patterns.LIGHTNING:
            return 0, heads * key_length, key_length, 0
        return (
            self.number("ssm.conv_kernel"),
            self.number("ssm.inner_size"),
            self.number("ssm.state_size"),
            self.number("ssm.group_count"),
        )

    def is_tied(self, tensors: Mapping[str, int] | None, embedding: int, vocab: int) -> bool:
        if tensors:
            return "output.weight" not in tensors and self.name not in patterns.NO_OUTPUT
        return patterns.is_tied(self.name, embedding, vocab)

    def is_causal(self) -> bool:
        causal = self.keys.get(f"{self.name}.attention.causal")
        return self.name not in patterns.NOT_CAUSAL if causal is None else bool(causal)
