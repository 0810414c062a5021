"""One step's tensors on a card, where layers in RAM are computed on it one by one.

Their matrices come to the card one after the other, and their caches (``op_offload``). What a
split of the graph reads from elsewhere comes at the split's start, and a further matrix from
RAM begins a new one (``ggml_backend_sched_split_graph``).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from wizard.registry.values import Architecture
from wizard.sizing import kernels, layers, matrices, matrix_types, placement, residual
from wizard.sizing import layer_orders as orders
from wizard.sizing.allocator import Block, Buffer
from wizard.sizing.cells import PLAIN, cells, step
from wizard.sizing.values import Workload

HALF, FLOAT, INDEX = 2, 4, 8
# Heads are turned by matrices of at least so many rows before they are quantised.
TURNING = 64
ROW_PADDING, _BLOCK = 512, 32


@dataclass(frozen=True)
class InRam:
    """Matrices of layers in RAM: the bytes of the largest, and the quantisation's name.

    Gate and up of experts are one of them where ``is_merged``. ``looped`` are bytes of layers
    whose matrices further layers use, too; ``moved`` what of experts that ``--cpu-moe`` leaves
    in RAM is on the card at a time.
    """

    largest: int = 0
    name: str = ""
    is_merged: bool = False
    looped: int = 0
    moved: int = 0


NOTHING = InRam()

# What the layer before left, if that is a tensor of its own, and what is free in the buffer.
State = tuple[Block | None, tuple[Block, ...]]


class StepTensors(ABC):
    """Places of a step's tensors."""

    def __init__(
        self, architecture: Architecture, workload: Workload, in_ram: InRam, card: int
    ) -> None:
        self.architecture, self.workload = architecture, workload
        self.first = placement.first_on_card(architecture, workload)
        self.card, self.last = card, architecture.layers - 1
        self.is_merged = in_ram.is_merged
        self.types = matrix_types.of_layers(architecture, in_ram.name)
        usual = matrix_types.largest(architecture, in_ram.name, is_merged=self.is_merged)
        # A maker's own mix has other bits than its name tells; what of experts is elsewhere.
        self.expert_layers = placement.expert_layers(architecture, workload)
        in_part = max(self.first, self.expert_layers)
        is_dense = bool(architecture.experts) and in_part <= architecture.dense_layers
        self.each = (1.0 if is_dense or not usual else in_ram.largest / usual) / 8
        self.tokens = -(-step(workload) // workload.slots) * workload.slots
        self.all_layers = layers.all_layers(architecture)
        self.here = self._computed()
        # The last layer on the card that slides, and that does not.
        self.ends = {bool(self.all_layers[index].window): index for index in self.here}
        # Some layers bring inputs or free them, and are like no other.
        self.own = {self.first - 1, self.last, *self.ends.values()}
        self.own.update(range(architecture.deepstack_layers))
        self.alike = matrices.first_alike(architecture, in_ram.name)
        self.width, self.span = architecture.embedding_length, cells(architecture, workload)
        self.is_fused = kernels.is_fused(architecture, workload)
        self.is_hosted = kernels.attends_in_ram(architecture, workload)
        is_latent = architecture.kv_lora_rank > 0
        self.turns_keys = not is_latent and self._turns(
            workload.kv_type in PLAIN, architecture.key_length
        )
        self.turns_values = not is_latent and self._turns(
            workload.values_type in PLAIN, architecture.value_length
        )
        self.buffer = Buffer()
        self.once: dict[str, Block] = {}
        # Elements of a token that come from RAM with the next matrix.
        self.awaited = 0
        self.enter(0)
        # What several layers take of the inputs stays until the last of them.
        is_stacked = architecture.deepstack_layers and not card
        self.inputs = self._stacked() if is_stacked else None
        self.given = None if card else self.inputs or self._embedded()

    @staticmethod
    def _turns(is_plain: bool, length: int) -> bool:
        """Whether heads are turned before they are quantised (``attn_rot_k``)."""
        return not is_plain and length % TURNING == 0

    def _computed(self) -> range:
        """The layers that are computed on the card: the first computes for those in RAM."""
        here = placement.layers_on(self.card, self.architecture, self.workload)
        return here if self.card else range(here.stop)

    @property
    def state(self) -> State:
        """What a layer finds, and leaves to the next one."""
        return self.given, tuple(self.buffer.free)

    @state.setter
    def state(self, found: State) -> None:
        self.given, self.buffer.free = found[0], [*found[1]]

    def kind(self, index: int) -> tuple[object, ...]:
        """What a layer shares with those that are like it.

        With the last of its experts from RAM comes what the next layer reads, if it is new.
        """
        if index in self.own:
            return (index,)
        is_fourth = self.architecture.name in orders.PLAIN_FOURTH and index % 4 == 3
        found = (self.alike[index], index < self.first, is_fourth)
        if not self.expert_layers:
            return found
        places = (index < self.expert_layers, index + 1 < self.expert_layers)
        return (*found, *places, self.alike[index + 1], len(self.once))

    def _is_plain(self, index: int) -> bool:
        """Whether no positions are turned into a layer's queries."""
        name = self.architecture.name
        is_fourth = name in orders.PLAIN_FOURTH and index % 4 == 3
        is_full = name in orders.PLAIN_FULL and not self.all_layers[index].window
        is_larger = orders.PLAIN_LARGER.get(name) == self.architecture.layers
        return name in orders.PLAIN or is_full or is_fourth or is_larger

    def enter(self, index: int) -> None:
        """Turns to a layer."""
        self.index, self.visits = index, index < self.first
        self.experts_visit = index < max(self.first, self.expert_layers)
        self.bits = self.types[index]
        self.kv = self.all_layers[index]
        self.asked = self.architecture.heads * (self.kv.keys // self.kv.heads)
        self.heads = self.architecture.heads * (self.kv.values // self.kv.heads)
        self.is_plain = self._is_plain(index)
        # How often queries and keys are moved to a place of their own: parts of one matrix's
        # result are made to follow each other before they are turned.
        is_part = self.turns_keys and self.architecture.name in matrices.FUSED_QUERIES
        self.times = (is_part or not self.is_plain) + self.turns_keys
        slides, span = bool(self.kv.window), self.span
        self.cells = span.sliding if slides else span.full
        self.seen = span.sliding_mask if slides else span.full_mask

    def _row(self, elements: int) -> Block:
        return self.buffer.take(FLOAT * self.tokens * elements)

    def _keep(self, inputs: dict[str, int]) -> None:
        """Takes inputs that stay until the end, where they are not there yet."""
        for name, size in inputs.items():
            if name not in self.once:
                self.once[name] = self.buffer.take(size)

    @abstractmethod
    def _inputs_from(self, start: int) -> dict[str, int]:
        """Inputs that come to the card together, from a layer on."""

    def _used(self, *inputs: str) -> None:
        """Frees inputs that no further layer reads; of its own kind, which slides or not."""
        if self.index == self.ends[bool(self.kv.window)]:
            self._free(*(self.once.pop(name, None) for name in inputs))

    def _embedded(self) -> Block | None:
        """The first layer's input; the rows for vectors of images stay, where there are any."""
        if self.architecture.learned_positions:
            given, positions = self._row(self.width), self._row(self.width)
            self.buffer.give(positions)
            return given
        if residual.branches(self.architecture) == 1:
            return self._row(self.width)
        vectors, text = self._row(self.width), self._row(self.width)
        where = self.buffer.take(INDEX * self.tokens)
        if self.architecture.name in orders.NORMS_AFTER:
            # What no norm reads comes with the first matrix.
            self._row(self.width)
            self.buffer.give(vectors, text, where)
            return None
        given = self._row(self.width)
        if not self.visits:
            self._keep(self._inputs_from(0))
        is_scaled = self.architecture.name in orders.SCALED_ROWS
        factors = self.buffer.take(FLOAT * self.tokens) if is_scaled else None
        self._row(self.width)
        self.buffer.give(vectors, text, where)
        self._free(factors)
        return given

    def _stacked(self) -> Block:
        """Inputs of several layers: text as it is and padded, and where vectors are mixed in."""
        given = residual.given(self.architecture)
        text, again, vectors = self._row(self.width), self._row(self.width), self._row(given)
        where = self.buffer.take(INDEX * self.tokens)
        if not self.visits:
            self._keep(self._inputs_from(0))
        padded = self._row(given)
        self.buffer.give(text)
        mixed = self._row(given)
        self.buffer.give(again)
        self._row(given)
        self.buffer.give(vectors, mixed, where)
        return padded

    def _product(
        self,
        row: int,
        rows: int,
        bits: float,
        *freed: Block | None,
        inputs: dict[str, int] | None = None,
    ) -> Block:
        """A product with a matrix of so many rows, which visits the card if it lies in RAM."""
        visiting = self.buffer.take(self._matrix(row, rows, bits)) if self.visits else None
        self._keep(inputs or {})
        arrived = self._row(self.awaited) if self.awaited else None
        self.awaited = 0
        found = self._row(rows)
        self._free(visiting, arrived, *freed)
        return found

    def _matrix(self, row: int, rows: int, bits: float) -> float:
        """Bytes of a matrix; rows that no block divides are not quantised, others padded."""
        if row % _BLOCK:
            return HALF * row * rows
        return (row * rows + -row % ROW_PADDING) * bits * self.each

    def _moved(self, elements: int, block: Block, times: int, *, kept: bool = False) -> Block:
        """What is turned, or normed from another shape, so many times: in a place of its own."""
        for _ in range(times):
            found = self._row(elements)
            if not kept:
                self.buffer.give(block)
            block, kept = found, False
        return block

    def _free(self, *blocks: Block | None) -> None:
        """Frees what there is of them."""
        self.buffer.give(*blocks)
