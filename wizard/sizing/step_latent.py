"""What attention with latent keys (MLA) takes of a card, tensor by tensor (``deepseek2.cpp``)."""

from __future__ import annotations

from wizard.sizing.allocator import Block
from wizard.sizing.cells import row_bytes
from wizard.sizing.step_attention import StepAttention


class StepLatent(StepAttention):
    """Attention of any kind: latent keys are cached as they are, or as they are unpacked."""

    def enter(self, index: int) -> None:
        """Turns to a layer; latent values are a part of its keys, and all heads share them."""
        super().enter(index)
        architecture = self.architecture
        if architecture.kv_lora_rank:
            self.kv = self.kv._replace(values=architecture.kv_lora_rank)
            self.heads = architecture.heads * architecture.kv_lora_rank

    def _attention(self, normed: Block | None) -> Block | None:
        if self.architecture.kv_lora_rank:
            queries = self._absorbed(normed)
        elif self.architecture.unpacked_rank:
            queries = self._unfolded(normed)
        else:
            return super()._attention(normed)
        return self._fused(queries) if self.is_fused else self._scored(queries)

    def _narrowed(self, asked: int, inputs: dict[str, int]) -> Block:
        """Queries, made in two steps where they have a rank."""
        rank = self.architecture.query_rank
        if not rank:
            return self._product(self.width, asked, self.bits.query, inputs=inputs)
        narrow = self._product(self.width, rank, self.bits.base)
        return self._product(rank, asked, self.bits.base, narrow, inputs=inputs)

    def _absorbed(self, normed: Block | None) -> Block:
        """Queries as long as latent keys, and the latent keys to be stored."""
        architecture, heads = self.architecture, self.architecture.heads
        rank, rope = architecture.kv_lora_rank, architecture.rope_dimension
        plain = self._narrowed(heads * architecture.latent_key_length, {})
        left = architecture.latent_key_length - rope
        absorbed = self._product(left, rank * heads, self.bits.base, inputs=self._positions())
        turned = self._row(heads * rope)
        self._free(plain)
        queries = self._row(heads * (rank + rope))
        self._free(absorbed, turned)
        made = self._product(self.width, rank + rope, self.bits.base, normed)
        parts = [self._row(rank), self._row(rope)]
        self._free(made)
        keys = self._row(rank + rope)
        self._free(*parts, keys)
        self._used(self._own("keys"))
        return queries

    def _unfolded(self, normed: Block | None) -> Block:
        """Queries, and keys and values of all heads to be stored."""
        architecture, heads = self.architecture, self.architecture.heads
        rank, rope = architecture.unpacked_rank, architecture.rope_dimension
        queries = self._moved(self.asked, self._narrowed(self.asked, self._positions()), 1)
        made = self._product(self.width, rank + rope, self.bits.base, normed)
        normed_keys = self._row(rank)
        rows = self.kv.keys - heads * rope + self.kv.values
        both = self._product(rank, rows, self.bits.base, normed_keys)
        values, turned = self._row(self.kv.values), self._row(rope)
        self._free(made)
        repeated = self._row(heads * rope)
        self._free(turned)
        keys = self._row(self.kv.keys)
        self._free(both, repeated, keys, values)
        self._used(self._own("keys"), self._own("values"))
        return queries

    def _cached_values(self) -> Block | None:
        """Of latent keys their values are seen, to the last of them, but come apart."""
        if not self.architecture.kv_lora_rank or not self.visits:
            return super()._cached_values()
        kind = self.workload.kv_type
        rest = row_bytes(self.architecture.rope_dimension, kind)
        return self.buffer.take(row_bytes(self.kv.keys, kind) * self.cells - rest)

    def _joined(self, found: Block | None, times: int) -> Block | None:
        if not self.architecture.kv_lora_rank:
            return super()._joined(found, times)
        rank, heads = self.architecture.kv_lora_rank, self.architecture.heads
        self.heads = heads * self.architecture.latent_value_length
        made = self._product(rank, self.heads, self.bits.base, found)
        return self._moved(self.heads, made, 1)
