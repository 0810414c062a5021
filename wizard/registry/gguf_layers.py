"""What GGUF keys tell layer by layer: heads, windows, states, indexers."""

from __future__ import annotations

from dataclasses import dataclass

from wizard.registry import layer_patterns as patterns
from wizard.registry.errors import UnreadableHeader
from wizard.registry.gguf_keys import KeyReader, Value

# ``LLAMA_MAX_LAYERS`` in llama.cpp's ``src/llama-hparams.h``: it loads no more.
MAX_LAYERS = 512


@dataclass(frozen=True)
class LayerKeys(KeyReader):
    """The keys of one architecture that may differ between its layers."""

    def per_layer(self, key: str, layers: int, default: int) -> tuple[int, ...]:
        """A number for each layer, from an array or from one number."""
        value = self.keys.get(f"{self.name}.{key}", default)
        if not isinstance(value, tuple):
            return (self.whole(key, value),) * layers
        if self.name in patterns.LOOPED:
            value *= max(1, self.number("num_loops", 1))
        if self.name in patterns.ROUTER_LAYER and len(value) == layers - 1:
            value += (1,)
        if len(value) < layers:
            raise UnreadableHeader(
                f"This file's header has {len(value)} values for {self.name}.{key}, "
                f"and {layers} layers."
            )
        return tuple(self.whole(key, item) for item in value[:layers])

    def layers(self, nextn: int) -> int:
        """Layers that run; Nanbeige's and the router layer of Granite Switch counted."""
        layers = self.number("block_count") - nextn
        if self.name in patterns.LOOPED:
            layers *= max(1, self.number("num_loops", 1))
        layers += 1 if self.name in patterns.ROUTER_LAYER else 0
        if not 0 < layers <= MAX_LAYERS:
            raise self.nonsense("block_count")
        return layers

    def weight_layers(self, layers: int) -> tuple[int, ...]:
        """Where the weights of each layer of a looped model lie: with the loop's first."""
        if self.name in patterns.LOOPED:
            return patterns.loops(layers, max(1, self.number("num_loops", 1)))
        if self.name not in patterns.CYCLES:
            return ()
        own, low = self.number("hrm.layers_per_stack"), self.number("hrm.l_cycles")
        if not own or not low:
            raise self.nonsense("hrm.layers_per_stack")
        return patterns.cycles(layers, own, low)

    def heads(self, layers: int) -> int:
        found = self.keys.get(f"{self.name}.attention.head_count", 0)
        heads = max(self.per_layer("attention.head_count", self.told(found, layers), 0), default=0)
        if not heads and self.name not in patterns.RECURRENT_ONLY:
            raise self.nonsense("attention.head_count")
        return heads

    def first_heads(self) -> int:
        """Heads of the first layer, which divide the width where no length is told."""
        found = self.keys.get(f"{self.name}.attention.head_count", 0)
        return self.per_layer("attention.head_count", self.told(found, 1), 0)[0]

    def told(self, value: Value, layers: int) -> int:
        """Layers that an array tells of: fewer than run where a model loops over them."""
        return min(layers, len(value)) if isinstance(value, tuple) and value else layers

    def kv_heads(self, layers: int, heads: int) -> tuple[int, ...]:
        if self.name in patterns.RECURRENT_ONLY:
            return (0,) * layers
        kv_heads = self.per_layer("attention.head_count_kv", layers, heads)
        if self.name in patterns.RECURRENT_BY_INTERVAL:
            recurrent = self.by_interval(layers)
            return tuple(
                0 if out else count for out, count in zip(recurrent, kv_heads, strict=True)
            )
        if self.name in patterns.RECURRENT_WITHOUT_KV_OR_FFN:
            forward = self.per_layer("feed_forward_length", layers, 0)
            return tuple(0 if ffn else kv for kv, ffn in zip(kv_heads, forward, strict=True))
        if self.name in patterns.ROUTER_LAYER:
            return (*kv_heads[:-1], 1)
        return kv_heads

    def feed_forward_lengths(self, layers: int) -> tuple[int, ...]:
        """Each layer's own width, where they differ."""
        found = self.per_layer("feed_forward_length", layers, 0)
        return found if len(set(found)) > 1 else ()

    def sliding(self, layers: int, kv_heads: tuple[int, ...]) -> tuple[int, tuple[bool, ...]]:
        """The window, and the layers that slide."""
        key = "attention.sliding_window_pattern"
        told = f"{self.name}.attention.sliding_window" in self.keys
        window = self.number("attention.sliding_window") if told else None
        if self.name in patterns.SLIDING_WITH_WINDOW and window:
            return window, tuple(count > 0 for count in kv_heads)
        pattern = self.keys.get(f"{self.name}.{key}")
        period = self.whole(key, pattern) if isinstance(pattern, int | float) else None
        found, which = patterns.sliding(self.name, layers, window, period)
        marked = self.flags(key, layers) if isinstance(pattern, tuple) else None
        rule = patterns.SLIDING.get(self.name)
        if marked is None or rule is None or (rule.only_layers and not which):
            return found, which
        return rule.always or window or rule.window, marked

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
        marked = self.flags("attention.recurrent_layers", layers)
        if marked is not None:
            return marked
        usual = patterns.RECURRENT_BY_INTERVAL[self.name]
        interval = self.number("full_attention_interval", usual) or usual
        return tuple((layer + 1) % interval != 0 for layer in range(layers))

    def indexer_layers(self, layers: int, recurrent: tuple[bool, ...]) -> tuple[bool, ...]:
        """Layers whose sparse attention caches keys of its indexer."""
        if self.name not in patterns.INDEXER | patterns.INDEXER_IN_ATTENTION:
            return ()
        if not self.number("attention.indexer.top_k"):
            return ()
        marked = self.flags("attention.indexer.types", layers)
        if marked is None:
            leading = self.number("leading_dense_block_count")
            context = self.number("context_length")
            marked = patterns.indexer(self.name, layers, context, leading)
        recurs = recurrent or (False,) * layers
        return tuple(mark and not out for mark, out in zip(marked, recurs, strict=True))

    def compress_ratios(self, layers: int) -> tuple[int, ...]:
        if self.name != "deepseek4":
            return ()
        return self.per_layer("attention.compress_ratios", layers, 0)
