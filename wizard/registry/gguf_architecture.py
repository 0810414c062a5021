"""GGUF keys → Architecture, the way llama.cpp reads them (``load_arch_hparams``)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from wizard.registry import layer_patterns as patterns
from wizard.registry.errors import UnreadableHeader
from wizard.registry.values import Architecture

Scalar = int | float | bool | str
Value = Scalar | tuple[Scalar, ...]

MAX_LAYERS = 2048
MAX_VALUE = 1 << 40
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
    tensors: frozenset[str] | None = None,
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
        raise UnreadableHeader("This file is a vision projector, not a language model.")
    if keys.get("general.type") == "adapter":
        raise UnreadableHeader("This file is an adapter (LoRA), not a whole model.")


@dataclass(frozen=True)
class _Keys:
    name: str
    keys: Mapping[str, Value]
    array_lengths: Mapping[str, int]

    def architecture(self, tensors: frozenset[str] | None) -> Architecture:
        nextn = self.number("nextn_predict_layers")
        layers = self.layers(nextn)
        embedding, heads = self.number("embedding_length"), self.heads(layers)
        if not embedding:
            raise self.nonsense("embedding_length")
        head_size = embedding // heads if heads else 0
        key_length = self.number("attention.key_length", head_size)
        value_length = self.number("attention.value_length", head_size)
        kv_heads = self.kv_heads(layers, heads)
        window, sliding, sure = self.sliding(layers)
        vocab = self.vocab_size()
        is_mla = self.number("attention.key_length_mla") > 0
        recurrent = self.recurrent(layers, kv_heads)
        conv, inner, state, group = self.state_sizes(embedding, heads)
        return Architecture(
            name=self.name,
            layers=layers,
            embedding_length=embedding,
            heads=heads,
            kv_heads=kv_heads,
            key_length=key_length,
            value_length=value_length,
            context_length=self.number("context_length"),
            vocab_size=vocab,
            feed_forward_length=max(self.per_layer("feed_forward_length", layers, 0), default=0),
            key_length_swa=self.number("attention.key_length_swa"),
            value_length_swa=self.number("attention.value_length_swa"),
            sliding_window=window,
            sliding_layers=sliding,
            shared_kv_layers=self.shared_kv_layers(layers),
            kv_lora_rank=self.number("attention.kv_lora_rank") if is_mla else 0,
            rope_dimension=self.rope_dimension(is_mla=is_mla),
            recurrent_layers=recurrent if any(recurrent) else (),
            ssm_conv_kernel=conv,
            ssm_inner_size=inner,
            ssm_state_size=state,
            ssm_group_count=group,
            nextn_layers=nextn,
            experts=self.number("expert_count"),
            experts_used=self.number("expert_used_count"),
            tied_embeddings=self.is_tied(tensors, embedding, vocab),
            causal=self.is_causal(),
            exact=sure and vocab > 0 and self.name not in patterns.ROUGH,
        )

    def nonsense(self, key: str) -> UnreadableHeader:
        return UnreadableHeader(f"This file's header has no sane value for {self.name}.{key}.")

    def number(self, key: str, default: int = 0) -> int:
        """A whole number; the largest of an array."""
        value = self.keys.get(f"{self.name}.{key}", default)
        items = value if isinstance(value, tuple) else (value,)
        return max((self.whole(key, item) for item in items), default=default)

    def whole(self, key: str, value: Scalar) -> int:
        if isinstance(value, str | bool) or not 0 <= value <= MAX_VALUE or value != int(value):
            raise self.nonsense(key)
        return int(value)

    def per_layer(self, key: str, layers: int, default: int) -> tuple[int, ...]:
        """A number for each layer, from an array or from one number."""
        value = self.keys.get(f"{self.name}.{key}", default)
        if not isinstance(value, tuple):
            return (self.whole(key, value),) * layers
        if len(value) < layers:
            raise self.nonsense(key)
        return tuple(self.whole(key, item) for item in value[:layers])

    def layers(self, nextn: int) -> int:
        layers = self.number("block_count") - nextn
        if not 0 < layers <= MAX_LAYERS:
            raise self.nonsense("block_count")
        return layers

    def heads(self, layers: int) -> int:
        heads = max(self.per_layer("attention.head_count", layers, 0), default=0)
        if not heads and self.name not in patterns.RECURRENT_ONLY:
            raise self.nonsense("attention.head_count")
        return heads

    def kv_heads(self, layers: int, heads: int) -> tuple[int, ...]:
        if self.name in patterns.RECURRENT_ONLY:
            return (0,) * layers
        kv_heads = self.per_layer("attention.head_count_kv", layers, heads)
        if self.name in patterns.RECURRENT_BY_INTERVAL:
            recurrent = self.by_interval(layers)
            return tuple(
                0 if out else count for out, count in zip(recurrent, kv_heads, strict=True)
            )
        return kv_heads

    def rope_dimension(self, *, is_mla: bool) -> int:
        """Rotated dimensions; under MLA with the sparse indexer's key, cached beside them.

        ``llama_kv_cache_dsa``: one key of ``indexer.key_length`` a layer and token.
        """
        rope = self.number("rope.dimension_count")
        return rope + self.number("attention.indexer.key_length") if is_mla else rope

    def vocab_size(self) -> int:
        tokens = self.array_lengths.get("tokenizer.ggml.tokens", 0)
        return min(self.number("vocab_size") or tokens, MAX_VALUE)

    def sliding(self, layers: int) -> tuple[int, tuple[bool, ...], bool]:
        """Window, sliding layers, and whether that is sure."""
        window = self.number("attention.sliding_window")
        pattern = self.keys.get(f"{self.name}.attention.sliding_window_pattern")
        if pattern is None or not window:
            found, which = patterns.sliding(self.name, layers, window)
            known = bool(which) or not window
            return (
                found,
                which,
                known or self.name in patterns.FULL_ATTENTION | patterns.SLIDING.keys(),
            )
        if not isinstance(pattern, tuple):
            dense_first = self.name in patterns.SLIDING and patterns.SLIDING[self.name].dense_first
            period = self.whole("attention.sliding_window_pattern", pattern)
            return window, patterns.every(period, layers, dense_first=dense_first), True
        if not pattern:
            raise self.nonsense("attention.sliding_window_pattern")
        return window, tuple(bool(pattern[i % len(pattern)]) for i in range(layers)), True

    def shared_kv_layers(self, layers: int) -> int:
        own = patterns.SHARED_KV.get(self.name, layers)
        shared = self.number("attention.shared_kv_layers", max(0, layers - own))
        return min(shared, layers)

    def recurrent(self, layers: int, kv_heads: tuple[int, ...]) -> tuple[bool, ...]:
        if self.name in patterns.RECURRENT_ONLY | patterns.RECURRENT_AND_ATTENTION:
            return (True,) * layers
        if self.name in patterns.RECURRENT_BY_INTERVAL:
            return self.by_interval(layers)
        if self.name in patterns.RECURRENT_WITHOUT_KV:
            return tuple(count == 0 for count in kv_heads)
        if self.name in patterns.RECURRENT_WITHOUT_KV_OR_FFN:
            forward = self.per_layer("feed_forward_length", layers, 0)
            return tuple(not kv and not ffn for kv, ffn in zip(kv_heads, forward, strict=True))
        return ()

    def by_interval(self, layers: int) -> tuple[bool, ...]:
        interval = self.number("full_attention_interval", 4) or 4
        return tuple((layer + 1) % interval != 0 for layer in range(layers))

    def state_sizes(self, embedding: int, heads: int) -> tuple[int, int, int, int]:
        """Convolution kernel, inner size, state size and groups of a recurrent layer.

        Other kinds of state are put so that ``(conv − 1)·(inner + 2·groups·state)
        + state·inner`` gives their elements (llama.cpp ``n_embd_r``, ``n_embd_s``).
        """
        if short := self.number("shortconv.l_cache"):
            return short, embedding, 0, 0
        if wkv := self.number("wkv.head_size"):
            return self.number("token_shift_count", 2) + 1, embedding, wkv, 0
        if kda := self.number("kda.head_dim"):
            return self.number("ssm.conv_kernel", 4), heads * kda, kda, heads
        return (
            self.number("ssm.conv_kernel"),
            self.number("ssm.inner_size"),
            self.number("ssm.state_size"),
            self.number("ssm.group_count"),
        )

    def is_tied(self, tensors: frozenset[str] | None, embedding: int, vocab: int) -> bool:
        if tensors:
            return "output.weight" not in tensors
        return patterns.is_tied(self.name, embedding, vocab)

    def is_causal(self) -> bool:
        causal = self.keys.get(f"{self.name}.attention.causal")
        return self.name not in patterns.NOT_CAUSAL if causal is None else bool(causal)
