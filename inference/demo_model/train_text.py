"""Conversations as tokens: the tokenizer, the chat template, and what is learned of each text."""

from __future__ import annotations

import json
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
OTHER_WEIGHT = 0.05
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


def train_tokenizer(corpus: Corpus, seed: int) -> Tokenizer:
    """A byte-level BPE with GPT-2's pre-tokenizer, which GGUF files call ``gpt-2``."""
    sampler = Sampler(corpus, random.Random(seed))
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    special = [*SPECIALS, *(AddedToken(mark, normalized=False) for mark in MARKS)]
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=special,
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
        yield tail, 1.0
        return
    for answer in _ANSWER.finditer(text):
        yield text[at : answer.start()], OTHER_WEIGHT
        yield answer.group(), 1.0
        at = answer.end()
    yield text[at:], OTHER_WEIGHT


def encode(tokenizer: Tokenizer, conversation: Conversation) -> Example:
    """The answers count in full, the rest a little."""
    tokens: list[int] = []
    weights: list[float] = []
    for text, weight in _pieces(conversation):
        found = tokenizer.encode(text).ids
        tokens += found
        weights += [weight] * len(found)
    return Example(tokens, weights)
