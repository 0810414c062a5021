"""What attention of one layer takes of the first card, tensor by tensor (``build_attn``)."""

from __future__ import annotations

from wizard.sizing import kernels, matrices
from wizard.sizing import layer_orders as orders
from wizard.sizing.allocator import Block
from wizard.sizing.cells import row_bytes
from wizard.sizing.scores import PLAIN_QUERIES
from wizard.sizing.step_tensors import FLOAT, HALF, TURNING, StepTensors
from wizard.sizing.values import KvType


class StepAttention(StepTensors):
    """Attention of the layer that it is at."""

    def _attention(self, normed: Block | None) -> Block:
        """Queries, keys and values, and what attention makes of them."""
        freed = None if self.architecture.name in orders.PARALLEL - orders.OWN_NORMS else normed
        is_one = self.architecture.name in matrices.FUSED_QUERIES
        queries = self._from_one(freed) if is_one else self._from_three(freed)
        return self._fused(queries) if self.is_fused else self._scored(queries)

    def _own(self, name: str) -> str:
        """The name of an input that caches of sliding layers have one more of."""
        return f"sliding {name}" if self.kv.window else name

    def _positions(self) -> dict[str, int]:
        """Inputs that queries are turned by."""
        if self.architecture.name in PLAIN_QUERIES:
            return {}
        found = {"positions": FLOAT * self.tokens}
        side = TURNING
        while self.architecture.key_length % (2 * side) == 0:
            side *= 2
        return found | ({self._own("turning keys"): FLOAT * side**2} if self.turns_keys else {})

    def _values_input(self) -> dict[str, int]:
        return {self._own("turning values"): FLOAT * TURNING**2} if self.turns_values else {}

    def _behind(self, elements: int, inputs: dict[str, int]) -> None:
        """Inputs that come with a bias or a norm, which lies in RAM as the matrix before it."""
        visiting = self.buffer.take(FLOAT * elements) if self.visits else None
        self._keep(inputs)
        self._free(visiting)

    def _from_three(self, freed: Block | None) -> Block:
        """Three matrices: queries, then values and keys, or keys first where layers slide."""
        name, width, times = self.architecture.name, self.width, self.times
        late = name in orders.BEHIND_QUERIES | orders.NORMED_HEADS
        queries = self._product(
            width, self.asked, self.bits.query, inputs={} if late else self._positions()
        )
        if name in orders.NORMED_HEADS:
            queries = self._moved(self.asked, queries, 1)
            self._behind(self.kv.keys // self.kv.heads, self._positions())
            queries = self._moved(self.asked, queries, times - 1)
        else:
            if late:
                self._behind(self.asked, self._positions())
            queries = self._moved(self.asked, queries, times)
        if any(self.architecture.sliding_layers):
            keys = self._moved(
                self.kv.keys, self._product(width, self.kv.keys, self.bits.key), times
            )
            values = self._valued(freed)
        else:
            values = self._valued(None)
            keys = self._product(width, self.kv.keys, self.bits.key, freed)
            keys = self._moved(self.kv.keys, keys, times)
        self.buffer.give(keys, values)
        return queries

    def _valued(self, freed: Block | None) -> Block:
        inputs, is_biased = self._values_input(), self.architecture.name in orders.BIASED
        values = self._product(
            self.width, self.kv.values, self.bits.value, freed, inputs={} if is_biased else inputs
        )
        if is_biased:
            self._behind(self.kv.values, inputs)
        return self._moved(self.kv.values, values, int(self.turns_values))

    def _from_one(self, freed: Block | None) -> Block:
        """One matrix of all three, of which keys and queries are turned in their own places."""
        rows = self.asked + self.kv.keys + self.kv.values
        inputs = self._positions() | self._values_input()
        if self.architecture.name in orders.BIASED:
            made = self._product(self.width, rows, self.bits.value, freed)
            self._behind(rows, inputs)
        else:
            made = self._product(self.width, rows, self.bits.value, freed, inputs=inputs)
        queries = self._moved(self.asked, made, self.times, kept=True)
        # Values are made to follow each other first.
        values = self._moved(self.kv.values, made, 2 * self.turns_values, kept=True)
        keys = self._moved(self.kv.keys, made, self.times, kept=True)
        parts = {made, keys, values} - {queries}
        self.buffer.give(*sorted(parts))
        return queries

    def _cached(self, elements: int, kv_type: KvType) -> Block | None:
        """Keys or values of a layer's cache that come from RAM."""
        return self.buffer.take(row_bytes(elements, kv_type) * self.cells) if self.visits else None

    def _mask(self, each: int) -> dict[str, int]:
        return {self._own("mask"): each * self.tokens * self.seen}

    def _fused(self, queries: Block) -> Block:
        """Flash attention, whose result has a quantised cache unpacked behind it."""
        keys = self._cached(self.kv.keys, self.workload.kv_type)
        values = self._cached(self.kv.values, self.workload.values_type)
        self._keep(self._mask(HALF) | self._values_input())
        found = self.buffer.take(FLOAT * self.tokens * self.heads + self._unpacked())
        self._free(queries, keys, values)
        return self._moved(self.heads, found, int(self.turns_values))

    def _unpacked(self) -> int:
        """Bytes of keys and values as the card's kernels read them."""
        if not kernels.has_kernels(self.architecture, self.workload):
            return 0
        keys = 0 if self.workload.kv_type is KvType.F16 else self.kv.keys
        values = 0 if self.workload.values_type is KvType.F16 else self.kv.values
        return HALF * (keys + values) * self.cells

    def _scored(self, queries: Block) -> Block:
        """All scores, and values that are turned around where the cache does not hold them so."""
        is_turned = self.workload.flash_attention
        values = self._cached(self.kv.values, self.workload.values_type) if is_turned else None
        keys = self._cached(self.kv.keys, self.workload.kv_type)
        self._keep(self._mask(FLOAT))
        if is_turned:
            turned = self.buffer.take(HALF * self.kv.values * self.cells)
            self._free(values)
        else:
            values = self._cached(self.kv.values, self.workload.values_type)
        scores = self._row(self.architecture.heads * self.seen)
        self._free(keys, queries)
        found = self._row(self.heads)
        self._free(turned if is_turned else values, scores)
        return self._moved(self.heads, found, 1)
