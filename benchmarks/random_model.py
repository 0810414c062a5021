"""A llama of random weights, for measuring without a download.

    python -m benchmarks.random_model MODEL.gguf [--layers 12] [--width 768] [--period 0]

The same file each time: 163 MB in Q8_0 by default, 32,000 tokens, ChatML. Its
answers are letters without a meaning, and it never ends one by itself, so that
every answer has the length that was asked for. With a period each token has one that
follows it, and a text comes back to its beginning after so many tokens; a token costs
what it costs without.
Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

import argparse
import random
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice, product
from math import prod
from pathlib import Path
from string import ascii_lowercase

from tests.standins import gguf

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
SPECIALS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
_F32, _Q8_0, _MOSTLY_Q8_0 = 0, 8, 7
_BLOCK, _BLOCK_BYTES = 32, 34
# The standard deviation of the signed bytes that a block's scale multiplies.
_SPREAD = 73.9
_SPACE = "Ġ"


@dataclass(frozen=True)
class Shape:
    """The network: lengths of its vectors, and how many tokens it knows.

    ``period`` is the tokens after which its text begins again, 0 for never.
    """

    layers: int = 12
    width: int = 768
    hidden: int = 3072
    head: int = 64
    kv_heads: int = 4
    vocabulary: int = 32000
    context: int = 32768
    period: int = 0


@dataclass(frozen=True)
class Tensor:
    """A tensor of ``rows`` × ``columns``; ``deviation`` 0 means ones, in full precision.

    Rows in ``dead`` are zero: their tokens are never said.
    """

    name: str
    rows: int
    columns: int
    deviation: float = 0.0
    dead: frozenset[int] = frozenset()

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.columns, self.rows) if self.deviation else (self.columns,)

    @property
    def size(self) -> int:
        """Bytes, without what aligns the next one."""
        count = prod(self.shape)
        return count // _BLOCK * _BLOCK_BYTES if self.deviation else count * 4


def write(path: Path, shape: Shape | None = None, seed: int = 7) -> Path:
    """Write the model; answers ``path``."""
    shape = shape or Shape()
    tensors = list(_tensors(shape))
    head = bytearray(gguf.header(_keys(shape)))
    struct.pack_into("<Q", head, 8, len(tensors))
    offset = 0
    for tensor in tensors:
        kind = _Q8_0 if tensor.deviation else _F32
        sizes = struct.pack(f"<I{len(tensor.shape)}Q", len(tensor.shape), *tensor.shape)
        head += gguf.string(tensor.name) + sizes + struct.pack("<IQ", kind, offset)
        offset += _aligned(tensor.size)
    draw = random.Random(seed)
    data = {tensor.name: _data(tensor, draw) for tensor in tensors}
    if shape.period:
        data |= _repeating(data, shape)
    with path.open("wb") as file:
        file.write(head.ljust(_aligned(len(head)), b"\0"))
        for tensor in tensors:
            file.write(data[tensor.name].ljust(_aligned(tensor.size), b"\0"))
    return path


def _repeating(data: Mapping[str, bytes], shape: Shape) -> dict[str, bytes]:
    """What makes a model say one token after another in circles.

    The blocks add nothing to a token's own vector, and the next token's row of the
    output matrix is that vector.
    """
    silent = ("attn_output.weight", "ffn_down.weight")
    found = {name: bytes(len(raw)) for name, raw in data.items() if name.endswith(silent)}
    row = shape.width // _BLOCK * _BLOCK_BYTES
    embeddings, output = data["token_embd.weight"], bytearray(data["output.weight"])
    said = sorted(set(range(shape.vocabulary)) - _unsaid(shape))
    for first in range(0, len(said), shape.period):
        circle = said[first : first + shape.period]
        for token, following in zip(circle, (*circle[1:], circle[0]), strict=True):
            vector = embeddings[token * row : (token + 1) * row]
            output[following * row : (following + 1) * row] = vector
    return {**found, "output.weight": bytes(output)}


def _tensors(shape: Shape) -> Iterator[Tensor]:
    width, kv = shape.width, shape.head * shape.kv_heads
    deep, wide = width**-0.5, shape.hidden**-0.5
    yield Tensor("token_embd.weight", shape.vocabulary, width, 1.0)
    for layer in range(shape.layers):
        block = f"blk.{layer}."
        yield Tensor(f"{block}attn_norm.weight", 1, width)
        yield Tensor(f"{block}attn_q.weight", width, width, deep)
        yield Tensor(f"{block}attn_k.weight", kv, width, deep)
        yield Tensor(f"{block}attn_v.weight", kv, width, deep)
        yield Tensor(f"{block}attn_output.weight", width, width, deep)
        yield Tensor(f"{block}ffn_norm.weight", 1, width)
        yield Tensor(f"{block}ffn_gate.weight", shape.hidden, width, deep)
        yield Tensor(f"{block}ffn_up.weight", shape.hidden, width, deep)
        yield Tensor(f"{block}ffn_down.weight", width, shape.hidden, wide)
    yield Tensor("output_norm.weight", 1, width)
    yield Tensor("output.weight", shape.vocabulary, width, 4 * deep, _unsaid(shape))


def _unsaid(shape: Shape) -> frozenset[int]:
    """Tokens that are no readable text, or end an answer."""
    specials = range(shape.vocabulary - len(SPECIALS), shape.vocabulary)
    return frozenset((*range(32), *range(127, 256), *specials))


def _data(tensor: Tensor, draw: random.Random) -> bytes:
    if not tensor.deviation:
        return struct.pack("<f", 1.0) * tensor.columns
    blocks = tensor.size // _BLOCK_BYTES
    data = bytearray(draw.randbytes(tensor.size))
    low, high = struct.pack("<e", tensor.deviation / _SPREAD)
    data[0::_BLOCK_BYTES], data[1::_BLOCK_BYTES] = bytes([low]) * blocks, bytes([high]) * blocks
    row = tensor.columns // _BLOCK * _BLOCK_BYTES
    for dead in tensor.dead:
        data[dead * row : (dead + 1) * row] = bytes(row)
    return bytes(data)


def _keys(shape: Shape) -> dict[str, gguf.Value]:
    merges = [*islice(_merges(), shape.vocabulary - 256 - len(SPECIALS))]
    tokens = [*_bytes(), *(left + right for left, right in merges), *SPECIALS]
    base = len(tokens) - len(SPECIALS)
    signed = 5
    return {
        "general.architecture": "llama",
        "general.name": "random-llama",
        "general.file_type": _MOSTLY_Q8_0,
        "general.quantization_version": 2,
        "llama.context_length": shape.context,
        "llama.embedding_length": shape.width,
        "llama.block_count": shape.layers,
        "llama.feed_forward_length": shape.hidden,
        "llama.attention.head_count": shape.width // shape.head,
        "llama.attention.head_count_kv": shape.kv_heads,
        "llama.attention.layer_norm_rms_epsilon": 1e-5,
        "llama.rope.dimension_count": shape.head,
        "llama.vocab_size": len(tokens),
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "gpt-2",
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.token_type": [
            gguf.Typed(signed, 3 if token in SPECIALS else 1) for token in tokens
        ],
        "tokenizer.ggml.merges": [f"{left} {right}" for left, right in merges],
        "tokenizer.ggml.bos_token_id": base,
        "tokenizer.ggml.eos_token_id": base + 2,
        "tokenizer.ggml.padding_token_id": base,
        "tokenizer.ggml.add_bos_token": False,
        "tokenizer.chat_template": CHATML,
    }


def _bytes() -> list[str]:
    """GPT-2's printable name of each byte, in the order of the bytes."""
    plain = {*range(33, 127), *range(161, 173), *range(174, 256)}
    spare = iter(range(256, 512))
    return [chr(byte) if byte in plain else chr(next(spare)) for byte in range(256)]


def _merges() -> Iterator[tuple[str, str]]:
    """Two letters, three, and four, with and without a blank before them."""
    letters = ascii_lowercase
    pairs = ["".join(pair) for pair in product(letters, repeat=2)]
    yield from product(letters, letters)
    yield from product(_SPACE, letters)
    yield from product((_SPACE + letter for letter in letters), letters)
    yield from product(pairs, letters)
    yield from product((_SPACE + pair for pair in pairs), letters)


def _aligned(size: int) -> int:
    return -(-size // gguf.ALIGNMENT) * gguf.ALIGNMENT


def main() -> None:
    """Write one."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("path", type=Path)
    parser.add_argument("--layers", type=int, default=Shape.layers)
    parser.add_argument("--width", type=int, default=Shape.width)
    parser.add_argument("--period", type=int, default=Shape.period)
    told = parser.parse_args()
    shape = Shape(told.layers, told.width, 4 * told.width, period=told.period)
    path = write(told.path, shape)
    print(f"{path}: {path.stat().st_size / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
