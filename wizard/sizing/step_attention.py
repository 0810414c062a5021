"""What attention of one layer takes of a card, tensor by tensor (``build_attn``)."""

from __future__ import annotations

from wizard.sizing import kernels, layers, matrices
from wizard.sizing import layer_orders as orders
from wizard.sizing.allocator import Block
from wizard.sizing.cells import PLAIN, row_bytes
from wizard.sizing.step_tensors import FLOAT, HALF, INDEX, ROW_PADDING, TURNING, StepTensors
from wizard.sizing.values import KvType


class StepAttention(StepTensors):
    """Attention of the layer that it is at."""

    def _attention(self, normed: Block | None) -> Block | None:
        """Queries, keys and values, and what attention makes of them."""
        name = self.architecture.name
        is_gated = name in orders.GATED
        is_kept = is_gated or name in orders.PARALLEL - orders.OWN_NORMS
        freed = None if is_kept else normed
        is_one = name in matrices.FUSED_QUERIES
        queries = self._from_one(freed) if is_one else self._from_three(freed)
        found = self._fused(queries) if self.is_fused else self._scored(queries)
        return self._gated(found, normed) if is_gated else found

    def _input_of(self, names: frozenset[str]) -> dict[str, int]:
        """The first layer's input, in models that read it no earlier."""
        is_read = self.given or self.architecture.name not in names
        return {} if is_read else {"given": FLOAT * self.tokens * self.width}

    def _gated(self, found: Block | None, normed: Block | None) -> Block | None:
        """The result as a gate of the layer's input lets it through: in its place, if as large."""
        if self.architecture.name in orders.GATED_HEADS:
            gate = self._product(self.width, self.architecture.heads, self.bits.query, normed)
            through = self._row(self.heads)
            self._free(found, gate)
            return through
        gate = self._product(self.width, self.heads, self.bits.query, normed)
        found, gone = (gate, found) if self.is_fused else (found, gate)
        self._free(gone)
        return found

    def _own(self, name: str) -> str:
        """The name of an input that caches of sliding layers have one more of."""
        return f"sliding {name}" if self.kv.window else name

    def _positions(self) -> dict[str, int]:
        """Inputs that queries are turned by."""
        each = 4 if self.architecture.name in orders.FOUR_POSITIONS else 1
        found = {} if self.is_plain else {"positions": each * FLOAT * self.tokens}
        side = TURNING
        while self.architecture.key_length % (2 * side) == 0:
            side *= 2
        return found | ({self._own("turning keys"): FLOAT * side**2} if self.turns_keys else {})

    def _values_input(self) -> dict[str, int]:
        return {self._own("turning values"): FLOAT * TURNING**2} if self.turns_values else {}

    def _inputs(self) -> dict[str, int]:
        """All inputs of a layer whose cache lies on the card."""
        return self._positions() | self._values_input() | self._indexes() | self._mask()

    def _indexes(self) -> dict[str, int]:
        """Where keys and values go in the cache; one for each transposed element."""
        found = layers.kv_kinds(self.architecture)
        widest = 1 if self.workload.flash_attention else max(layer.values for layer in found)
        sizes = {"keys": INDEX * self.tokens}
        sizes |= {} if self.kv.is_latent else {"values": INDEX * self.tokens * widest}
        return {self._own(name): size for name, size in sizes.items()}

    def _inputs_from(self, start: int) -> dict[str, int]:
        """Inputs that come to the card together, up to the next layer with a matrix in RAM."""
        here, found, stop = self.index, dict[str, int](), self._next_visit(start)
        # The first that slides, and the first that does not, have the inputs of all like them.
        behind = reversed(range(start, stop))
        firsts = {bool(self.all_layers[index].window): index for index in behind}
        for index in sorted(firsts.values()):
            self.enter(index)
            found |= self._inputs()
        self.enter(here)
        if self.last >= stop:
            return found
        return found | {"outputs": FLOAT * self.workload.slots}

    def _next_visit(self, start: int) -> int:
        """Behind the next layer on the card whose experts lie in RAM, or behind the last."""
        with_experts = (
            index + 1
            for index in range(start, min(self.expert_layers, self.here.stop))
            if matrices.is_mixture(self.architecture, index)
        )
        return next(with_experts, self.here.stop)

    def _behind(self, elements: int, inputs: dict[str, int]) -> None:
        """Inputs that come with a bias or a norm, which lies in RAM as the matrix before it."""
        visiting = self.buffer.take(FLOAT * elements) if self.visits else None
        self._keep(inputs)
        self._free(visiting)

    def _from_three(self, freed: Block | None) -> Block:
        """Three matrices: queries, then values and keys, or keys first where layers slide."""
        name, width, times = self.architecture.name, self.width, self.times
        heads = self.architecture.heads
        late = name in orders.BEHIND_QUERIES | orders.NORMED_HEADS
        inputs = self._input_of(orders.NORMS_AFTER) | ({} if late else self._positions())
        queries = self._product(width, self.asked, self.bits.query, inputs=inputs)
        self.given = self.given or self.once.pop("given", None)
        if name in orders.NORMED_HEADS:
            queries = self._moved(self.asked, queries, 1)
            is_each = name in orders.GROUP_NORMS
            self._behind(self.asked if is_each else self.asked // heads, self._positions())
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
        self._used(self._own("keys"), self._own("values"))
        return queries

    def _valued(self, freed: Block | None) -> Block:
        inputs, is_biased = self._values_input(), self.architecture.name in orders.BIASED
        values = self._product(
            self.width, self.kv.values, self.bits.value, freed, inputs={} if is_biased else inputs
        )
        if is_biased:
            self._behind(self.kv.values, inputs)
        times = self.turns_values + (self.architecture.name in orders.NORMED_VALUES)
        return self._moved(self.kv.values, values, times)

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
        self._free(keys if keys not in (made, queries) else None)
        if not self.workload.flash_attention:
            values = self._row(self.kv.values)
        self.buffer.give(*sorted({made, values} - {queries}))
        self._used(self._own("keys"), self._own("values"))
        return queries

    def _cached(self, elements: int, kv_type: KvType) -> Block | None:
        """Keys or values of a layer's cache that come from RAM, the last head's row padded."""
        if not self.visits:
            return None
        padding = 0 if kv_type in PLAIN else -(elements // self.kv.heads) % ROW_PADDING
        size = row_bytes(elements, kv_type) * self.cells + row_bytes(padding, kv_type)
        return self.buffer.take(size)

    def _cached_values(self) -> Block | None:
        return self._cached(self.kv.values, self.workload.values_type)

    def _mask(self) -> dict[str, int]:
        if self.is_hosted:
            return {}
        each = HALF if self.is_fused else FLOAT
        return {self._own("mask"): each * self.tokens * self.seen}

    def _fused(self, queries: Block) -> Block | None:
        """Flash attention, whose result has a quantised cache unpacked behind it.

        It runs in RAM where the card has no kernel for it, and comes back.
        """
        if self.is_hosted:
            self._free(queries)
            self.awaited = self.heads
            return self._joined(None, 0)
        keys = self._cached(self.kv.keys, self.workload.kv_type)
        values = self._cached_values()
        self._keep(self._mask() | self._values_input())
        has_sinks = self.visits and self.architecture.name in orders.SINKS
        sinks = self.buffer.take(FLOAT * self.architecture.heads) if has_sinks else None
        found = self.buffer.take(FLOAT * self.tokens * self.heads + self._unpacked())
        self._free(queries, keys, values, sinks)
        self._used(self._own("mask"))
        is_later = self.architecture.name in orders.PARALLEL - orders.ATTENTION_FIRST
        return self._joined(found, int(self.turns_values and not is_later))

    def _joined(self, found: Block | None, times: int) -> Block | None:
        """The result as the matrix behind attention reads it."""
        return self._moved(self.heads, found, times) if found else None

    def _unpacked(self) -> int:
        """Bytes of keys and values as the card's kernels read them."""
        if not kernels.has_kernels(self.architecture, self.workload):
            return 0
        keys = 0 if self.workload.kv_type is KvType.F16 else self.kv.keys
        values = 0 if self.workload.values_type is KvType.F16 else self.kv.values
        return HALF * (keys + values) * self.cells

    def _scored(self, queries: Block) -> Block | None:
        """All scores, and values that are turned around where the cache does not hold them so."""
        is_turned = self.workload.flash_attention or self.kv.is_latent
        values = self._cached_values() if is_turned else None
        keys = self._cached(self.kv.keys, self.workload.kv_type)
        has_sinks = self.visits and self.architecture.name in orders.SINKS
        self._keep({} if has_sinks else self._mask())
        if is_turned:
            turned = self.buffer.take(HALF * self.kv.values * self.cells)
            self._free(values)
        elif not has_sinks:
            values = self._cached_values()
        scores = self._row(self.architecture.heads * self.seen)
        self._free(keys, queries)
        sinks = None
        if has_sinks:
            # A sink from RAM begins a split behind the scores.
            self._keep(self._mask())
            sinks = self.buffer.take(FLOAT * self.architecture.heads)
            values = values if is_turned else self._cached_values()
        self._used(self._own("mask"))
        self._free(sinks)
        found = self._row(self.heads)
        self._free(turned if is_turned else values, scores)
        return self._joined(found, 1)
