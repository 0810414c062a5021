"""ggml's allocator of a compute buffer, ``ggml_dyn_tallocr``: the best fitting hole, or the end."""

from __future__ import annotations

from bisect import insort

# CUDA's buffers (``ggml_backend_cuda_buffer_type_get_alignment``).
_ALIGNMENT = 128
_ENDLESS = 1 << 62

# Offset and bytes of a tensor.
Block = tuple[int, int]


class Buffer:
    """A buffer that grows: what is free in it, and the most bytes that it ever held."""

    def __init__(self) -> None:
        self.free: list[Block] = [(0, _ENDLESS)]
        self.most = 0

    def take(self, size: float) -> Block:
        """Room for a tensor of so many bytes: of equal holes the last one is taken."""
        wanted = -(-int(size) // _ALIGNMENT) * _ALIGNMENT
        fitting = [
            (hole, -index) for index, (_, hole) in enumerate(self.free[:-1]) if hole >= wanted
        ]
        index = -min(fitting)[1] if fitting else len(self.free) - 1
        offset, hole = self.free[index]
        if hole == wanted:
            del self.free[index]
        else:
            self.free[index] = (offset + wanted, hole - wanted)
        self.most = max(self.most, offset + wanted)
        return offset, wanted

    def give(self, *blocks: Block) -> None:
        """Frees tensors, whose holes become one with those beside them."""
        for block in blocks:
            if block[1]:
                insort(self.free, block)
                self._merge(self.free.index(block))

    def _merge(self, index: int) -> None:
        for at in (index, index - 1):
            if 0 <= at < len(self.free) - 1:
                (offset, hole), (behind, more) = self.free[at : at + 2]
                if offset + hole == behind:
                    self.free[at : at + 2] = [(offset, hole + more)]
