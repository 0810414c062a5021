"""A card's compute buffer where some layers of a model lie in RAM.

A long prompt of theirs is computed on the first card. What fits where another tensor was is
told by no sum: so each tensor is given its place and freed as ``ggml_gallocr_alloc_graph_impl``
does, in the order of ``build_attn``, ``build_ffn``, ``build_moe_ffn`` and ``src/models/*.cpp``.
"""

from __future__ import annotations

from wizard.registry.values import Architecture
from wizard.sizing import (
    deepstack,
    kernels,
    matrices,
    mixtures,
    placement,
    residual,
    step_inputs,
)
from wizard.sizing import layer_orders as orders
from wizard.sizing.allocator import Block
from wizard.sizing.attention import NEVER_FUSED
from wizard.sizing.step_latent import StepLatent
from wizard.sizing.step_tensors import FLOAT, InRam, State
from wizard.sizing.values import Workload


def applies(architecture: Architecture, workload: Workload) -> bool:
    """Whether its layers are of attention and a feed-forward part or experts, and nothing else."""
    has_more = (
        workload.experts_on_host and workload.gpus > 1,
        architecture.recurrent_layers,
        architecture.indexer_length,
        architecture.shared_kv_layers,
        architecture.weight_layers or 0 in architecture.kv_heads,
        architecture.name in NEVER_FUSED | orders.ODD,
        architecture.name not in orders.PARALLEL | orders.GATED
        and residual.kept(deepstack.behind_first(architecture)),
    )
    return bool(architecture.causal and architecture.heads) and not any(has_more)


def card_bytes(
    architecture: Architecture, workload: Workload, matrices_in_ram: InRam, card: int
) -> int:
    """Bytes of one card's buffer; the first computes for layers in RAM, too."""
    walk = _StepLayers(architecture, workload, matrices_in_ram, card)
    state, known = walk.state, dict[tuple[object, State], State]()
    for index in walk.here:
        found = (walk.kind(index), state)
        # Layers that are alike leave the same, and take no more.
        if found not in known:
            walk.state = state
            walk.layer(index)
            known[found] = walk.state
        state = known[found]
    walk.state = state
    if card == placement.output_card(architecture, workload):
        walk.output()
    return walk.buffer.most


class _StepLayers(StepLatent):
    """A step's layers, one after the other."""

    def layer(self, index: int) -> None:
        """One layer, from its input to the next one's."""
        self.enter(index)
        self._through()
        if index == self.architecture.deepstack_layers - 1:
            self._free(self.inputs)

    def output(self) -> None:
        """Logits, when nothing but the last layer's normed result is there any more."""
        normed = self._row(self.width)
        self._free(self.given, *self.once.values())
        self._row(self.architecture.vocab_size)
        self._free(normed)

    def _through(self) -> None:
        name = self.architecture.name
        normed = None if name in orders.NORMS_AFTER else self._normed()
        if self.card and self.given is None:
            self.given = self._arrive()
        attended = self._attention(normed)
        if name in orders.PARALLEL:
            self._beside(normed, attended)
            return
        inputs = self._input_of(orders.GROUP_NORMS)
        added = self._product(self.heads, self.width, self.bits.out, attended, inputs=inputs)
        self.given = self.given or self.once.pop("given", None)
        if self.index == self.last:
            added = self._asked_for(added)
        self._free(None if self.given is self.inputs else self.given)
        if self.visits and self.tokens < kernels.OFFLOADED_ROWS:
            self.given = added
            return
        found = self._forward(None if name in orders.NORMS_AFTER else self._normed())
        self.given, freed = (added, found) if name in orders.ADDED_TO_INPUT else (found, added)
        self.buffer.give(freed)

    def _normed(self) -> Block:
        """A normed input; one of groups is weighed in a place of its own."""
        is_weighed = self.architecture.name in orders.GROUP_NORMS
        if is_weighed and self.given and self.index == 0 and not self.once:
            # The first input is normed in RAM, and comes itself behind attention.
            found, self.given = self.given, None
        else:
            found = self._row(self.width)
        if not is_weighed:
            return found
        weight = self.buffer.take(FLOAT * self.width) if self.visits else None
        weighed = self._row(self.width)
        self._free(found, weight)
        return weighed

    def _arrive(self) -> Block:
        """What comes to a further card at its start: the layer before's result, and inputs."""
        self._keep(self._inputs())
        given = self._row(self.width)
        self._keep(self._inputs_from(self.index))
        return given

    def _asked_for(self, added: Block) -> Block:
        """Of the last layer's result the rows that anybody asked the output of."""
        self.tokens = step_inputs.output_count(self.architecture, self.workload)
        found = self._row(self.width)
        self.buffer.give(added)
        return found

    def _beside(self, normed: Block | None, attended: Block | None) -> None:
        """A feed-forward part beside attention, and both added to the layer's input."""
        if self.architecture.name in orders.OWN_NORMS:
            normed = self._row(self.width)
        if self.index == self.last:
            self.tokens = step_inputs.output_count(self.architecture, self.workload)
        if self.architecture.name in orders.ATTENTION_FIRST:
            found = self._product(self.heads, self.width, self.bits.out, attended)
            added = self._forward(normed)
        else:
            found = self._forward(normed)
            if self.architecture.name not in orders.INPUT_LAST:
                self._free(self.given)
                self.given = None
            if attended and self.is_fused and self.turns_values:
                attended = self._moved(self.heads, attended, 1)
            added = self._product(
                self.heads, self.width, self.bits.out, attended, inputs=self._next_inputs()
            )
        self._free(self.given, added)
        self.given = found

    def _forward(self, normed: Block | None) -> Block:
        """The feed-forward part, or experts; with its last matrix in RAM further inputs come."""
        name, inputs = self.architecture.name, self._next_inputs()
        if name in orders.PARALLEL - orders.ATTENTION_FIRST:
            inputs = {}
        is_followed = self.visits and name in orders.FOLLOWED
        with_matrix = {} if is_followed else inputs
        if matrices.is_mixture(self.architecture, self.index):
            found = self._mixture(normed, with_matrix)
        else:
            found = self._dense(self._inner(), normed, with_matrix)
        self._keep(inputs)
        return found

    def _next_inputs(self) -> dict[str, int]:
        """What comes with the layer's last matrix in RAM, until the next of which none comes."""
        is_mixture = matrices.is_mixture(self.architecture, self.index)
        has_more = self.visits and self.index < self.first - 1
        if has_more or not (self.visits or (self.experts_visit and is_mixture)):
            return {}
        return self._inputs_from(self.index + 1)

    def _inner(self) -> int:
        own, inner = self.architecture.feed_forward_lengths, self.architecture.feed_forward_length
        return own[self.index] if self.index < len(own) else inner

    def _dense(self, inner: int, normed: Block | None, inputs: dict[str, int]) -> Block:
        """Gate and up, or up alone, and the matrix down, with what comes beside it."""
        active = self._active(inner, normed)
        return self._product(inner, self.width, self.bits.down, active, inputs=inputs)

    def _active(self, inner: int, normed: Block | None) -> Block:
        """What the matrix down reads."""
        if self.architecture.name in matrices.NOT_GATED:
            return self._product(self.width, inner, self.bits.up, normed)
        gate = None
        if self.architecture.name in matrices.FUSED_UP:
            up = self._product(self.width, 2 * inner, self.bits.up, normed)
        else:
            gate = self._product(self.width, inner, self.bits.up)
            up = self._product(self.width, inner, self.bits.up, normed)
        active = self._row(inner)
        self._free(gate, up)
        return active

    def _routed(self) -> tuple[Block, Block]:
        """Which experts a token takes, and their weights.

        CUDA finds both in one kernel, unless a bias of the scores comes from RAM in between.
        """
        name, used = self.architecture.name, self.architecture.experts_used
        count, is_biased = self.architecture.experts, name in orders.BIASED_ROUTERS
        is_one = not (is_biased and self.visits)
        router = self.buffer.take(FLOAT * count * self.width) if self.visits else None
        scores = [self._row(count)]
        self._free(router)
        if is_one:
            scores.append(self._row(count))
        biased = self._row(count) if is_biased else None
        order = self._row(count)
        if not is_one:
            self._free(biased)
            biased = None
        chosen = self._row(used)
        if name in orders.PLAIN_WEIGHTS:
            self._free(biased, *scores)
            return order, chosen
        if not is_one:
            self._free(*scores)
            scores = []
        scores += [self._row(1) for _ in range(1 + is_one)]
        weights = self._row(used)
        self._free(chosen, biased, *scores)
        return order, weights

    def _mixture(self, normed: Block | None, inputs: dict[str, int]) -> Block:
        """Experts that are chosen, and one that all tokens use behind them."""
        architecture, used = self.architecture, self.architecture.experts_used
        order, weights = self._routed()
        shared = architecture.shared_feed_forward_length
        inner = architecture.expert_feed_forward_length or architecture.feed_forward_length
        freed, gate = None if shared else normed, None
        if self.is_merged:
            up = self._experts(self.width, 2 * inner, self.bits.up, {}, freed)
        else:
            gate = self._experts(self.width, inner, self.bits.up, {})
            up = self._experts(self.width, inner, self.bits.up, {}, freed)
        active = self._row(used * inner)
        self._free(gate, up)
        # CUDA runs one as wide as the others among them, up to the matrix down.
        is_among = mixtures.is_grouped(architecture) and not (self.experts_visit or self.is_merged)
        beside = self._active(shared, None) if is_among else None
        if is_among:
            self._free(normed)
        # A shared expert's matrices lie in RAM where the layer does, and come last.
        is_last = not (shared and self.visits)
        is_followed = not self.visits and architecture.name in orders.BIASED_EXPERTS
        down = inputs if is_last and not is_followed else {}
        results = self._experts(inner, self.width, self.bits.down, down, active, order)
        self._keep(inputs if is_followed else {})
        weighed = self._row(used * self.width) if mixtures.is_reduced(architecture) else None
        found = self._row(self.width)
        self._free(weighed, results, weights)
        if beside:
            self._free(self._product(shared, self.width, self.bits.down, beside))
        elif shared:
            self._free(self._dense(shared, normed, {} if is_last else inputs))
        return found

    def _experts(
        self, row: int, rows: int, bits: float, inputs: dict[str, int], *freed: Block | None
    ) -> Block:
        """A product of each token with its experts' matrices; those of all experts come."""
        count, used = self.architecture.experts, self.architecture.experts_used
        visiting = (
            self.buffer.take(self._matrix(row, count * rows, bits)) if self.experts_visit else None
        )
        self._keep(inputs)
        found = self._row(used * rows)
        self._free(visiting, *freed)
        return found
