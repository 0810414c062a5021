"""The network: llama's architecture in torch, small enough for two CPU cores."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812  (torch's own convention)
from torch import Tensor, nn


@dataclass(frozen=True)
class Shape:
    """The sizes of the network; ``context`` is tokens."""

    vocabulary: int
    width: int = 192
    layers: int = 6
    heads: int = 6
    kv_heads: int = 2
    hidden: int = 512
    context: int = 2048
    rope_base: float = 10_000.0
    epsilon: float = 1e-5

    @property
    def head(self) -> int:
        return self.width // self.heads


class Norm(nn.Module):
    """Root mean square normalisation with a learned scale."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(shape.width))
        self._epsilon = shape.epsilon

    def forward(self, x: Tensor) -> Tensor:
        return F.rms_norm(x, (x.shape[-1],), self.weight, self._epsilon)


def _linear(inputs: int, outputs: int) -> nn.Linear:
    return nn.Linear(inputs, outputs, bias=False)


def _rotate(x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """RoPE over neighbouring pairs: llama.cpp's LLAMA_ROPE_TYPE_NORM."""
    length = x.shape[2]
    even, odd = x[..., 0::2], x[..., 1::2]
    c, s = cosine[:length], sine[:length]
    return torch.stack((even * c - odd * s, even * s + odd * c), -1).flatten(-2)


class Block(nn.Module):
    """Grouped-query attention and a SwiGLU feed-forward, each behind a norm."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        keys = shape.kv_heads * shape.head
        self.shape = shape
        self.attn_norm, self.ffn_norm = Norm(shape), Norm(shape)
        self.attn_q, self.attn_output = (_linear(shape.width, shape.width) for _ in range(2))
        self.attn_k, self.attn_v = (_linear(shape.width, keys) for _ in range(2))
        self.ffn_gate, self.ffn_up = (_linear(shape.width, shape.hidden) for _ in range(2))
        self.ffn_down = _linear(shape.hidden, shape.width)

    def _heads(self, x: Tensor) -> Tensor:
        return x.view(*x.shape[:2], -1, self.shape.head).transpose(1, 2)

    def _attend(self, x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
        q = _rotate(self._heads(self.attn_q(x)), cosine, sine)
        k = _rotate(self._heads(self.attn_k(x)), cosine, sine)
        v = self._heads(self.attn_v(x))
        repeats = self.shape.heads // self.shape.kv_heads
        k, v = k.repeat_interleave(repeats, 1), v.repeat_interleave(repeats, 1)
        found = F.scaled_dot_product_attention(q.to(v.dtype), k.to(v.dtype), v, is_causal=True)
        return self.attn_output(found.transpose(1, 2).reshape(x.shape))

    def forward(self, x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
        x = x + self._attend(self.attn_norm(x), cosine, sine)
        h = self.ffn_norm(x)
        return x + self.ffn_down(F.silu(self.ffn_gate(h)) * self.ffn_up(h))


class Network(nn.Module):
    """Tokens to the scores of the next token; the embedding serves as the output too."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.token_embd = nn.Embedding(shape.vocabulary, shape.width)
        self.blk = nn.ModuleList(Block(shape) for _ in range(shape.layers))
        self.output_norm = Norm(shape)
        for weights in self.parameters():
            if weights.dim() > 1:
                nn.init.normal_(weights, 0, 0.02)
        exponents = torch.arange(0, shape.head, 2).float() / shape.head
        angles = torch.outer(torch.arange(shape.context).float(), shape.rope_base**-exponents)
        self.register_buffer("cosine", angles.cos(), persistent=False)
        self.register_buffer("sine", angles.sin(), persistent=False)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.token_embd(tokens)
        for block in self.blk:
            x = block(x, self.cosine, self.sine)
        return self.output_norm(x) @ self.token_embd.weight.T
