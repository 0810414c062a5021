"""ggml's allocator of a compute buffer, ``ggml_dyn_tallocr``: the best fitting hole, or the end."""

from __future__ import annotations

from bisect import bisect

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
        best, room = -1, _ENDLESS
        for index, (_, hole) in enumerate(self.free):
            if wanted <= hole <= room:
                best, room = index, hole
        offset, _ = self.free[best]
        if room == wanted:
            del self.free[best]
        else:
            self.free[best] = (offset + wanted, room - wanted)
        self.most = max(self.most, offset + wanted)
        return offset, wanted

    def give(self, *blocks: Block) -> None:
        """Frees tensors, whose holes become one with those beside them."""
        for block in blocks:
            if block[1]:
                self._give(*block)

    def _give(self, offset: int, size: int) -> None:
        start = stop = bisect(self.free, (offset, size))
        behind, more = self.free[stop]
        if behind == offset + size:
            size, stop = size + more, stop + 1
        if start:
            before, hole = self.free[start - 1]
            if before + hole == offset:
                offset, size, start = before, hole + size, start - 1
        self.free[start:stop] = [(offset, size)]
