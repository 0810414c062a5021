"""Trains the demonstration model from the corpus, on the CPU, and writes its GGUF.

    python -m inference.demo_model.train oneclick-demo.gguf --steps 2000 --seed 7

Needs ``requirements.txt`` of this folder. All that is drawn by chance comes from the
seed. A checkpoint is written every 200 steps, from which ``--start`` goes on.
"""

from __future__ import annotations

import argparse
import math
import random
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import torch
import torch.nn.functional as F  # noqa: N812  (torch's own convention)
from tokenizers import Tokenizer
from torch import Tensor

from inference.demo_model.conversations import Sampler
from inference.demo_model.corpus import Corpus, load
from inference.demo_model.train_export import export, restore
from inference.demo_model.train_network import Network, Shape
from inference.demo_model.train_text import Example, encode, train_tokenizer

GRAIN = 16
WARM_UP = 40
LAST_RATE = 0.02
CHECKPOINT = 200
REPORT = 50
TOKENIZER_SEED = 7


def _padded(examples: list[Example], length: int) -> tuple[Tensor, Tensor]:
    tokens = torch.zeros(len(examples), length + 1, dtype=torch.long)
    weights = torch.zeros(len(examples), length + 1)
    for row, example in enumerate(examples):
        tokens[row, : len(example.tokens)] = torch.tensor(example.tokens)
        weights[row, : len(example.weights)] = torch.tensor(example.weights)
    return tokens, weights


def _batches(
    corpus: Corpus, tokenizer: Tokenizer, seed: int, size: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Conversations of similar length together, in few shapes: each new one costs a compilation."""
    sampler = Sampler(corpus, random.Random(seed))
    waiting: defaultdict[int, list[Example]] = defaultdict(list)
    while True:
        example = encode(tokenizer, sampler())
        length = math.ceil(len(example.tokens) / GRAIN) * GRAIN
        waiting[length].append(example)
        if (len(waiting[length]) + 1) * length > size:
            yield _padded(waiting.pop(length), length)


def _optimizer(network: Network, rate: float) -> torch.optim.Optimizer:
    matrices = [weights for weights in network.parameters() if weights.dim() > 1]
    scales = [weights for weights in network.parameters() if weights.dim() == 1]
    groups = [
        {"params": matrices, "weight_decay": 0.05},
        {"params": scales, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.95))


def _rate(step: int, steps: int, highest: float) -> float:
    fall = 0.5 * (1 + math.cos(math.pi * step / steps))
    return highest * min(1.0, (step + 1) / WARM_UP) * (LAST_RATE + (1 - LAST_RATE) * fall)


def _loss(network: Network, tokens: Tensor, weights: Tensor) -> Tensor:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        scores = network(tokens[:, :-1])
    each = F.cross_entropy(scores.float().flatten(0, 1), tokens[:, 1:].flatten(), reduction="none")
    counted = weights[:, 1:].flatten()
    return (each * counted).sum() / counted.sum()


def _step(network: Network, optimizer: torch.optim.Optimizer, loss: Tensor, rate: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = rate
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
    optimizer.step()


@dataclass(frozen=True)
class Run:
    """One stretch of training: ``size`` is tokens in a batch, ``rate`` the highest step size."""

    out: Path
    start: Path | None
    steps: int
    size: int
    seed: int
    rate: float
    threads: int


def _new(corpus: Corpus) -> tuple[Network, Tokenizer]:
    tokenizer = train_tokenizer(corpus, TOKENIZER_SEED)
    return Network(Shape(vocabulary=tokenizer.get_vocab_size())), tokenizer


def train(run: Run) -> None:
    """Train for the run's steps, from new weights or from those of ``start``, and write ``out``."""
    torch.manual_seed(run.seed)
    corpus, began, seen = load(), time.monotonic(), 0
    network, tokenizer = restore(run.start) if run.start else _new(corpus)
    optimizer = _optimizer(network, run.rate)
    batches = islice(_batches(corpus, tokenizer, run.seed, run.size), run.steps)
    for step, (tokens, weights) in enumerate(batches, 1):
        loss = _loss(network, tokens, weights)
        _step(network, optimizer, loss, _rate(step, run.steps, run.rate))
        seen += len(tokens)
        if step % REPORT == 0:
            seconds = time.monotonic() - began
            print(
                f"step {step} loss {loss.item():.4f} conversations {seen} {seconds:.0f} s",
                flush=True,
            )
        if step % CHECKPOINT == 0:
            export(run.out.with_suffix(f".step-{step}.gguf"), network, tokenizer)
    export(run.out, network, tokenizer)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--start", type=Path, help="a file of an earlier run to go on from")
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--size", type=int, default=2048, help="tokens in a batch")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--rate", type=float, default=3e-3)
    parser.add_argument("--threads", type=int, default=2)
    run = Run(**vars(parser.parse_args()))
    torch.set_num_threads(run.threads)
    train(run)


if __name__ == "__main__":
    main()
