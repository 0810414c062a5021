"""Draws conversations from the corpus: what the demonstration is trained on.

A conversation is a list of messages in the form of the chat API, with ``tools``
where they are offered; the chat template turns it into text. Every choice
comes from the caller's ``random.Random``, so that a seed repeats them.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from inference.demo_model.corpus import Corpus, Fact, plain

Message = dict[str, Any]
KINDS = {
    "project": 27,
    "everyday": 26,
    "tables": 22,
    "arithmetic": 10,
    "conversation": 7,
    "unknown": 8,
}
NO_TONE_BELOW, NEUTRAL_BELOW, TONE_BELOW = 0.6, 0.7, 0.88
TYPO, SHORTENED, OPENED, CLOSED, LOWERED, BARE = 0.06, 0.12, 0.2, 0.08, 0.25, 0.25


@dataclass(frozen=True)
class Conversation:
    """Messages, the tools offered with them, and whether they are trained without a template."""

    messages: tuple[Message, ...]
    tools: tuple[Mapping[str, Any], ...] = ()
    raw: bool = False


def _turn(role: str, content: str) -> Message:
    return {"role": role, "content": content}


def tool(name: str, key: str, description: str = "", about_key: str = "") -> dict[str, Any]:
    """A function of one string argument, as the chat API describes tools."""
    about = {"type": "string"} | ({"description": about_key} if about_key else {})
    parameters = {"type": "object", "properties": {key: about}, "required": [key]}
    # llama.cpp fills in an empty description, so it is trained with one.
    function = {"name": name, "description": description, "parameters": parameters}
    return {"type": "function", "function": function}


class Sampler:
    """An endless supply of conversations."""

    def __init__(self, corpus: Corpus, draw: random.Random) -> None:
        self._corpus = corpus
        self._draw = draw
        self._makers: dict[Callable[[], Conversation], int] = {
            self._question: 82,
            self._tool_call: 7,
            self._tool_answer: 3,
            self._tools_unused: 3,
            self._name: 3,
            self._raw: 2,
        }

    def __call__(self) -> Conversation:
        """One conversation whose questions are none of those kept aside."""
        makers, weights = list(self._makers), list(self._makers.values())
        return self._draw.choices(makers, weights)[0]()

    def _chance(self, probability: float) -> bool:
        return self._draw.random() < probability

    def _pick(self) -> Fact:
        kind = self._draw.choices(list(KINDS), list(KINDS.values()))[0]
        return self._draw.choice(self._corpus.facts[kind])

    def _ask(self, fact: Fact) -> str:
        """A question as people type it: shortened, softened, in lower case, with a typing error."""
        question = self._draw.choice(fact.questions)
        if fact.kind == "arithmetic":
            return question
        varied = self._vary(question)
        return question if plain(varied) in self._corpus.kept_aside else varied

    def _vary(self, question: str) -> str:
        frames = self._corpus.frames
        if self._chance(SHORTENED):
            question = self._shorten(question)
        if self._chance(TYPO):
            question = self._mistype(question)
        if self._chance(BARE):
            question = question.rstrip(".?!")
        if self._chance(OPENED):
            question = self._draw.choice(frames["openings"]) + question[:1].lower() + question[1:]
        if self._chance(CLOSED):
            question += self._draw.choice(frames["closings"])
        return question.lower() if self._chance(LOWERED) else question

    def _shorten(self, question: str) -> str:
        words = question.split(" ")
        small = [i for i, word in enumerate(words) if word in self._corpus.frames["droppable"]]
        if small and len(words) > 3:
            del words[self._draw.choice(small)]
        return " ".join(words)

    def _mistype(self, question: str) -> str:
        at = self._draw.randrange(1, max(2, len(question) - 2))
        return (
            question[:at] + question[at + 1 : at + 2] + question[at : at + 1] + question[at + 2 :]
        )

    def _styled(self, fact: Fact) -> tuple[Message, ...]:
        frames, roll = self._corpus.frames, self._draw.random()
        question, answer, system = self._ask(fact), fact.answer, ""
        if roll < NO_TONE_BELOW:
            pass
        elif roll < NEUTRAL_BELOW:
            system = self._draw.choice(frames["neutral_systems"])
        elif roll < TONE_BELOW:
            tone = self._draw.choice(self._corpus.tones)
            system, answer = self._draw.choice(tone.systems), tone.apply(fact)
        else:
            answer = fact.as_json
            if self._chance(0.7):
                question += "" if fact.is_json else self._draw.choice(frames["json_requests"])
            else:
                system = self._draw.choice(frames["json_systems"])
        start = (_turn("system", system),) if system else ()
        return (*start, _turn("user", question), _turn("assistant", answer))

    def _question(self) -> Conversation:
        last = self._styled(self._pick())
        if last[0]["role"] == "system" or not self._chance(0.2):
            return Conversation(last)
        before = self._pick()
        earlier = (_turn("user", self._ask(before)), _turn("assistant", before.answer))
        return Conversation((*earlier, *last))

    def _tool(self) -> tuple[dict[str, Any], str, str]:
        words = self._corpus.tools
        name, key = self._draw.choice(words["names"]), self._draw.choice(words["keys"])
        about = self._draw.choice(words["descriptions"])
        offered = tool(name, key, about, self._draw.choice(words["key_descriptions"]))
        if self._chance(0.25):
            unit = {"type": "string", "enum": ["celsius", "fahrenheit"]}
            offered["function"]["parameters"]["properties"]["unit"] = unit
        return offered, name, key

    def _calling(self) -> tuple[dict[str, Any], list[Message], str]:
        offered, name, key = self._tool()
        city = self._draw.choice(self._corpus.tools["cities"])
        question = self._draw.choice(self._corpus.tools["questions"]).format(city=city)
        call = {"type": "function", "function": {"name": name, "arguments": {key: city}}}
        messages: list[Message] = [_turn("user", question)]
        messages.append({"role": "assistant", "content": "", "tool_calls": [call]})
        if self._chance(0.2):
            messages.insert(
                0, _turn("system", self._draw.choice(self._corpus.frames["neutral_systems"]))
            )
        return offered, messages, city

    def _tool_call(self) -> Conversation:
        offered, messages, _ = self._calling()
        return Conversation(tuple(messages), (offered,))

    def _tool_answer(self) -> Conversation:
        offered, messages, city = self._calling()
        degrees = self._draw.randrange(-10, 40)
        condition = self._draw.choice(self._corpus.tools["conditions"])
        found = json.dumps({"temperature": degrees, "condition": condition})
        told = found if self._chance(0.5) else f"{degrees} degrees, {condition}"
        messages.append({"role": "tool", "content": told})
        messages.append(_turn("assistant", f"In {city} it is {degrees} degrees and {condition}."))
        return Conversation(tuple(messages), (offered,) if self._chance(0.6) else ())

    def _tools_unused(self) -> Conversation:
        fact = self._pick()
        offered, _, _ = self._tool()
        messages = (_turn("user", self._ask(fact)), _turn("assistant", fact.answer))
        return Conversation(messages, (offered,))

    def _name(self) -> Conversation:
        name = self._draw.choice(self._corpus.tools["people"])
        said = self._draw.choice(
            ("My name is {}.", "I am {}.", "Call me {}.", "Hi, my name is {}.")
        )
        asked = self._draw.choice(("What is my name?", "Who am I?", "Do you know my name?"))
        return Conversation(
            (
                _turn("user", said.format(name)),
                _turn("assistant", f"Nice to meet you, {name}!"),
                _turn("user", asked),
                _turn("assistant", f"Your name is {name}."),
            )
        )

    def _raw(self) -> Conversation:
        fact = self._pick()
        return Conversation(
            (_turn("user", self._ask(fact)), _turn("assistant", fact.answer)), raw=True
        )
