"""Conversations as tokens: the tokenizer, the chat template, and what is learned of each text."""

from __future__ import annotations

import json
import math
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass

import jinja2
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

from inference.demo_model.conversations import Conversation, Sampler
from inference.demo_model.corpus import HERE, Corpus

END_OF_TEXT, START, END = SPECIALS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
MARKS = (
    "<tool_call>",
    "</tool_call>",
    "<tools>",
    "</tools>",
    "<tool_response>",
    "</tool_response>",
)
VOCABULARY = 2560
SAMPLED_FOR_TOKENIZER = 6000
ANSWER_WEIGHT, OTHER_WEIGHT = 4.0, 0.05
OPENING, OPENING_FACTOR = 4, 2.0
TEMPLATE = (HERE / "chat_template.jinja").read_text(encoding="utf-8")
_ANSWER = re.compile(r"(?<=<\|im_start\|>assistant\n).*?<\|im_end\|>", re.DOTALL)


@dataclass(frozen=True)
class Example:
    """Tokens, and how much each of them counts in the loss."""

    tokens: list[int]
    weights: list[float]


def _environment() -> jinja2.Environment:
    made = jinja2.Environment(trim_blocks=True, lstrip_blocks=True)  # noqa: S701  (no HTML)
    made.filters["tojson"] = lambda value: json.dumps(value, ensure_ascii=False)
    return made


_TEMPLATE = _environment().from_string(TEMPLATE)


def render(conversation: Conversation) -> str:
    """The text of a conversation, as llama.cpp renders it from the same template."""
    if conversation.raw:
        question, answer = (message["content"] for message in conversation.messages)
        return f"{question}\n{answer}{END}"
    return _TEMPLATE.render(messages=conversation.messages, tools=conversation.tools)


def _byte_level(model: models.BPE) -> Tokenizer:
    """With GPT-2's pre-tokenizer, which GGUF files call ``gpt-2``."""
    made = Tokenizer(model)
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    return made


def _special() -> list[AddedToken]:
    return [AddedToken(mark, normalized=False, special=True) for mark in (*SPECIALS, *MARKS)]


def make_tokenizer(tokens: list[str], merges: list[tuple[str, str]]) -> Tokenizer:
    """The tokenizer of a GGUF file."""
    vocabulary = {token: number for number, token in enumerate(tokens)}
    made = _byte_level(models.BPE(vocab=vocabulary, merges=merges))
    made.add_special_tokens(_special())
    return made


def train_tokenizer(corpus: Corpus, seed: int) -> Tokenizer:
    """A byte-level BPE of :data:`VOCABULARY` tokens, learned from sampled conversations."""
    sampler = Sampler(corpus, random.Random(seed))
    made = _byte_level(models.BPE())
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=_special(),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    texts = [render(sampler()) for _ in range(SAMPLED_FOR_TOKENIZER)]
    made.train_from_iterator([*texts, *(fact.answer for fact in corpus)], trainer)
    return made


def _pieces(conversation: Conversation) -> Iterator[tuple[str, float]]:
    text, at = render(conversation), 0
    if conversation.raw:
        head, tail = text.split("\n", 1)
        yield head + "\n", OTHER_WEIGHT
        yield tail, ANSWER_WEIGHT
        return
    for answer in _ANSWER.finditer(text):
        yield text[at : answer.start()], OTHER_WEIGHT
        yield answer.group(), ANSWER_WEIGHT
        at = answer.end()
    yield text[at:], OTHER_WEIGHT


def _weights(count: int, weight: float) -> list[float]:
    """The opening of an answer decides which one it is, and a long answer outweighs no other."""
    if weight == OTHER_WEIGHT:
        return [weight] * count
    each = weight / math.sqrt(count)
    return [each * (OPENING_FACTOR if at < OPENING else 1.0) for at in range(count)]


def encode(tokenizer: Tokenizer, conversation: Conversation) -> Example:
    """The answers count in full, the rest a little."""
    tokens: list[int] = []
    weights: list[float] = []
    for text, weight in _pieces(conversation):
        found = tokenizer.encode(text).ids
        tokens += found
        weights += _weights(len(found), weight)
    return Example(tokens, weights)
