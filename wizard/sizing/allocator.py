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
        free, room = self.free, _ENDLESS
        best = 0
        for index, (_, hole) in enumerate(free):
            if wanted <= hole <= room:
                best, room = index, hole
        offset, _ = free[best]
        if room == wanted:
            del free[best]
        else:
            free[best] = (offset + wanted, room - wanted)
        self.most = max(self.most, offset + wanted)
        return offset, wanted

    def give(self, *blocks: Block | None) -> None:
        """Frees the tensors that there are; their holes become one with those beside them."""
        free = self.free
        for offset, taken in filter(None, blocks):
            if not taken:
                continue
            index, size = bisect(free, (offset, taken)), taken
            behind, hole = free[index]
            if offset + taken == behind:
                size = taken + hole
                del free[index]
            before, hole = free[index - 1] if index else (0, -1)
            if before + hole == offset:
                free[index - 1] = (before, hole + size)
            else:
                free.insert(index, (offset, size))
