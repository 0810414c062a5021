"""Where ggml's allocator puts tensors."""

from __future__ import annotations

from wizard.sizing.allocator import Buffer


def test_it_works() -> None:
    buffer = Buffer()
    first, second, third = buffer.take(1000), buffer.take(128), buffer.take(300)
    assert (first, second, third) == ((0, 1024), (1024, 128), (1152, 384))
    buffer.give(second)
    assert buffer.take(100) == (1024, 128)
    assert buffer.most == 1536


def test_the_best_hole_is_taken() -> None:
    buffer = Buffer()
    blocks = [buffer.take(size) for size in (1024, 128, 512, 128, 1024, 128)]
    buffer.give(blocks[0], blocks[2], blocks[4])
    assert buffer.take(512) == blocks[2]
    # Of holes that fit as well the last one.
    assert buffer.take(1024) == blocks[4]
    assert buffer.take(640) == (blocks[0][0], 640)


def test_holes_side_by_side_are_one() -> None:
    buffer = Buffer()
    blocks = [buffer.take(128) for _ in range(4)]
    buffer.give(blocks[2], blocks[0], blocks[1])
    assert buffer.free[0] == (0, 384)
    buffer.give(blocks[3])
    assert len(buffer.free) == 1
    assert buffer.most == 512


def test_what_takes_no_room_leaves_no_hole() -> None:
    buffer = Buffer()
    nothing = buffer.take(0)
    buffer.take(128)
    buffer.give(nothing)
    assert len(buffer.free) == 1
