"""The first card's compute buffer where some layers of a model lie in RAM.

A long prompt of theirs is computed on the card. What fits where another tensor was is told by
no sum: so each tensor is given its place and freed as ``ggml_gallocr_alloc_graph_impl`` does, in
the order of ``build_attn``, ``build_ffn``, ``build_moe_ffn`` and ``src/models/*.cpp``.
"""

from __future__ import annotations

from wizard.registry.values import Architecture
from wizard.sizing import deepstack, layers, matrices, placement, residual
from wizard.sizing import layer_orders as orders
from wizard.sizing.allocator import Block
from wizard.sizing.attention import NEVER_FUSED
from wizard.sizing.step_attention import StepAttention
from wizard.sizing.step_tensors import FLOAT, INDEX, InRam
from wizard.sizing.values import Workload


def applies(architecture: Architecture, workload: Workload) -> bool:
    """Whether its layers are of attention and a feed-forward part or experts, and nothing else."""
    has_more = (
        workload.experts_on_host,
        architecture.recurrent_layers,
        architecture.kv_lora_rank or architecture.unpacked_rank,
        architecture.shared_kv_layers,
        architecture.weight_layers or 0 in architecture.kv_heads,
        architecture.name in NEVER_FUSED | orders.ODD,
        architecture.name not in orders.PARALLEL
        and residual.kept(deepstack.behind_first(architecture)),
    )
    return bool(architecture.causal and architecture.heads) and not any(has_more)


def card_bytes(architecture: Architecture, workload: Workload, matrices_in_ram: InRam) -> int:
    """Bytes of the first card's buffer, logits aside."""
    walk = _StepLayers(architecture, workload, matrices_in_ram)
    seen: set[tuple[object, ...]] = set()
    for index in range(architecture.layers):
        if placement.card_of(index, architecture, workload) > 0:
            break
        kind = (index < walk.first, matrices.is_mixture(architecture, index))
        state = (*kind, walk.given, *walk.buffer.free)
        is_own = index == walk.first - 1 or index < architecture.deepstack_layers
        # Layers that are alike soon repeat what they take.
        if state in seen and not is_own and not any(architecture.sliding_layers):
            continue
        seen.add(state)
        walk.layer(index)
    return walk.buffer.most


class _StepLayers(StepAttention):
    """A step's layers, one after the other."""

    def layer(self, index: int) -> None:
        """One layer, from its input to the next one's."""
        self.enter(index)
        self._through()
        if index == self.architecture.deepstack_layers - 1:
            self._free(self.inputs)

    def _through(self) -> None:
        name = self.architecture.name
        normed = None if name in orders.NORMS_AFTER else self._row(self.width)
        attended = self._attention(normed)
        if name in orders.PARALLEL:
            self._beside(normed, attended)
            return
        added = self._product(self.heads, self.width, self.bits.out, attended)
        self._free(None if self.given is self.inputs else self.given)
        found = self._forward(None if name in orders.NORMS_AFTER else self._row(self.width))
        self.given, freed = (added, found) if name in orders.ADDED_TO_INPUT else (found, added)
        self.buffer.give(freed)

    def _beside(self, normed: Block | None, attended: Block) -> None:
        """A feed-forward part beside attention, and both added to the layer's input."""
        if self.architecture.name in orders.OWN_NORMS:
            normed = self._row(self.width)
        if self.architecture.name in orders.ATTENTION_FIRST:
            found = self._product(self.heads, self.width, self.bits.out, attended)
            added = self._forward(normed)
        else:
            found = self._forward(normed)
            added = self._product(self.heads, self.width, self.bits.out, attended)
        self.buffer.give(self.given, added)
        self.given = found

    def _forward(self, normed: Block | None) -> Block:
        """The feed-forward part, or experts; behind the last in RAM the card's inputs come."""
        inputs = self._indexes() if self.index == self.first - 1 else {}
        if matrices.is_mixture(self.architecture, self.index):
            found = self._mixture(normed)
        elif self.architecture.name not in orders.FOLLOWED:
            return self._dense(self._inner(), normed, inputs)
        else:
            found = self._dense(self._inner(), normed, {})
        self._keep(inputs)
        return found

    def _inner(self) -> int:
        own, inner = self.architecture.feed_forward_lengths, self.architecture.feed_forward_length
        return own[self.index] if self.index < len(own) else inner

    def _dense(self, inner: int, normed: Block | None, inputs: dict[str, int]) -> Block:
        """Gate and up, or up alone, and the matrix down, with what comes beside it."""
        gate = None
        if self.architecture.name in matrices.NOT_GATED:
            active = self._product(self.width, inner, self.bits.up, normed)
            return self._product(inner, self.width, self.bits.down, active, inputs=inputs)
        if self.architecture.name in matrices.FUSED_UP:
            up = self._product(self.width, 2 * inner, self.bits.up, normed)
        else:
            gate = self._product(self.width, inner, self.bits.up)
            up = self._product(self.width, inner, self.bits.up, normed)
        active = self._row(inner)
        self._free(gate, up)
        return self._product(inner, self.width, self.bits.down, active, inputs=inputs)

    def _mixture(self, normed: Block | None) -> Block:
        """Experts that are chosen, and one that all tokens use behind them."""
        architecture, used = self.architecture, self.architecture.experts_used
        router = (
            self.buffer.take(FLOAT * architecture.experts * self.width) if self.visits else None
        )
        routed = [self._row(architecture.experts)]
        self._free(router)
        routed += [self._row(size) for size in (architecture.experts, used, 1, used)]
        shared = architecture.shared_feed_forward_length
        inner = architecture.expert_feed_forward_length or architecture.feed_forward_length
        freed, gate = None if shared else normed, None
        if self.is_merged:
            up = self._experts(self.width, 2 * inner, self.bits.up, freed)
        else:
            gate = self._experts(self.width, inner, self.bits.up)
            up = self._experts(self.width, inner, self.bits.up, freed)
        active = self._row(used * inner)
        self._free(gate, up)
        results = self._experts(inner, self.width, self.bits.down, active)
        found = self._row(self.width)
        self._free(results, *routed)
        if shared:
            self._free(self._dense(shared, normed, {}))
        return found

    def _experts(self, row: int, rows: int, bits: float, *freed: Block | None) -> Block:
        """A product of each token with its experts' matrices; those of all experts come."""
        count, used = self.architecture.experts, self.architecture.experts_used
        visiting = self.buffer.take(self._matrix(row, count * rows, bits)) if self.visits else None
        found = self._row(used * rows)
        self._free(visiting, *freed)
        return found

    def _indexes(self) -> dict[str, int]:
        """Where keys and values go in a cache on the card; one for each transposed element."""
        if self.first >= self.architecture.layers:
            return {}
        found = layers.kv_layers(self.architecture)
        widest = max((layer.values for layer in found), default=1)
        values = self.tokens * (1 if self.workload.flash_attention else widest)
        sizes = {"keys": INDEX * self.tokens, "values": INDEX * values}
        if any(self.architecture.sliding_layers):
            sizes |= {f"sliding {name}": size for name, size in sizes.items()}
        return sizes | {"outputs": FLOAT * self.workload.slots}
