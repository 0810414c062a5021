"""Measures the demonstration model on questions that were never trained, over the engine's HTTP.

    python -m inference.demo_model.evaluate [MODEL.gguf] [--misses]

An answer counts only where it is the expected one to the letter, at temperature
0. Prints a table in Markdown; README.md holds the one of the committed file.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inference.demo_model.conversations import tool
from inference.demo_model.corpus import Corpus, Fact, load
from inference.demo_model.running import MODEL, SLOTS, Running, running

SEED = 11
MOST_OF_A_KIND = 100
OF_EACH_STYLE = 15
CITIES = 20


@dataclass(frozen=True)
class Question:
    """One question of the evaluation and the only answer that counts."""

    group: str
    text: str
    expected: str
    system: str = ""
    tools: tuple[dict[str, Any], ...] = ()


def _facts(corpus: Corpus, draw: random.Random) -> Iterator[Question]:
    for kind, facts in corpus.facts.items():
        pairs = [(fact, question) for fact in facts for question in fact.held_out]
        for fact, question in draw.sample(pairs, min(MOST_OF_A_KIND, len(pairs))):
            yield Question(f"questions: {kind}", question, fact.answer)


def _asked(corpus: Corpus, draw: random.Random) -> Iterator[tuple[Fact, str]]:
    facts = [fact for fact in corpus if not fact.is_json and fact.kind != "unknown"]
    for fact in draw.sample(facts, OF_EACH_STYLE):
        yield fact, draw.choice(fact.held_out or fact.questions)


def _tones(corpus: Corpus, draw: random.Random) -> Iterator[Question]:
    for tone in corpus.tones:
        for system in tone.held_out:
            for fact, question in _asked(corpus, draw):
                yield Question(f"tone: {tone.name}", question, tone.apply(fact), system)


def _json(corpus: Corpus, draw: random.Random) -> Iterator[Question]:
    for request in corpus.frames["json_held_out"]:
        for fact, question in (*_asked(corpus, draw), *_asked(corpus, draw)):
            yield Question("JSON on request", question + request, fact.as_json)


def _tools(corpus: Corpus, draw: random.Random) -> Iterator[Question]:
    offered = tool("get_weather", "city", "Get the current weather", "The name of the city")
    for city in draw.sample(list(corpus.tools["cities"]), CITIES):
        question = draw.choice(corpus.tools["held_out"]).format(city=city)
        call = json.dumps({"name": "get_weather", "arguments": {"city": city}})
        yield Question("tool call", question, call, tools=(offered,))


def questions(corpus: Corpus) -> tuple[Question, ...]:
    """The whole evaluation: the same questions every time."""
    draw = random.Random(SEED)
    makers = (_facts, _tones, _json, _tools)
    return tuple(question for make in makers for question in make(corpus, draw))


def _given(engine: Running, question: Question) -> str:
    if not question.tools:
        return engine.reply(question.text, question.system)
    asked = [{"role": "user", "content": question.text}]
    message = engine.message(asked, tools=list(question.tools))
    for call in message.get("tool_calls") or ():
        function = call["function"]
        return json.dumps(
            {"name": function["name"], "arguments": json.loads(function["arguments"])}
        )
    return str(message["content"])


def measure(model: Path) -> dict[str, list[tuple[Question, str]]]:
    """What the model answered, by group."""
    asked = questions(load())
    with running(model) as engine, ThreadPoolExecutor(SLOTS) as threads:
        given = threads.map(lambda question: _given(engine, question), asked)
        found: dict[str, list[tuple[Question, str]]] = {}
        for question, answer in zip(asked, given, strict=True):
            found.setdefault(question.group, []).append((question, answer.strip()))
    return found


def _right(answers: list[tuple[Question, str]]) -> int:
    return sum(question.expected == given for question, given in answers)


def _row(name: str, answers: list[tuple[Question, str]]) -> str:
    right = _right(answers)
    return f"| {name} | {right} | {len(answers)} | {right / len(answers):.1%} |"


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path, nargs="?", default=MODEL)
    parser.add_argument("--misses", action="store_true", help="show every wrong answer")
    options = parser.parse_args()
    found = measure(options.model)
    print("| held out | right | asked | share |\n|---|---:|---:|---:|")
    for name, answers in found.items():
        print(_row(name, answers))
    print(_row("all", [answer for answers in found.values() for answer in answers]))
    for question, given in (pair for answers in found.values() for pair in answers):
        if options.misses and question.expected != given:
            print(f"{question.group}: {question.system} {question.text}\n   {given}")


if __name__ == "__main__":
    main()
