"""Reads the corpus: facts with the questions that are trained, and those that are kept aside.

    python -m inference.demo_model.corpus

counts them. The signs in ``corpus/*.txt`` are explained at the top of
``corpus/project.txt``; a broken line, or two answers to one question, raise
ValueError. A question that is kept aside anywhere is trained nowhere.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
FOLDER = HERE / "corpus"
TEXTS = ("project", "conversation", "everyday", "unknown")
LARGEST_TERM = 6


@dataclass(frozen=True)
class Fact:
    """One answer and the ways to ask for it; ``held_out`` questions are never trained."""

    kind: str
    answer: str
    short: str
    questions: tuple[str, ...]
    held_out: tuple[str, ...]

    @property
    def is_json(self) -> bool:
        return self.answer.startswith("{")

    @property
    def as_json(self) -> str:
        """The answer to the same question when JSON is asked for."""
        return self.answer if self.is_json else f'{{"answer": "{self.short.removesuffix(".")}"}}'


@dataclass(frozen=True)
class Tone:
    """What a system prompt does to an answer."""

    name: str
    before: str
    after: str
    short: bool
    systems: tuple[str, ...]
    held_out: tuple[str, ...]

    def apply(self, fact: Fact) -> str:
        if fact.is_json:
            return fact.answer
        return self.before + (fact.short if self.short else fact.answer) + self.after


@dataclass(frozen=True)
class Corpus:
    """All facts by their kind, and the words around them."""

    facts: Mapping[str, tuple[Fact, ...]]
    tones: tuple[Tone, ...]
    frames: Mapping[str, Sequence[str]]
    tools: Mapping[str, Sequence[str]]
    kept_aside: frozenset[str]

    def __iter__(self) -> Iterator[Fact]:
        for facts in self.facts.values():
            yield from facts


def plain(question: str) -> str:
    """A question without case and punctuation: two that are equal here are the same."""
    return " ".join(re.findall(r"[a-z0-9+*-]+", question.lower()))


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _fact(kind: str, lines: Iterable[str], frames: Mapping[str, Sequence[str]]) -> Fact:
    signs: dict[str, list[str]] = {sign: [] for sign in "=~@?!"}
    for line in lines:
        if line[:1] not in signs or line[1:2] != " ":
            raise ValueError(f"a line of {kind}.txt begins with none of = ~ @ ? !: {line}")
        signs[line[0]].append(line[2:].strip())
    if len(signs["="]) != 1:
        raise ValueError(f"an entry of {kind}.txt must have one answer: {signs['=']}")
    answer = signs["="][0]
    framed = [
        frame.format(subject=subject) for frame in frames["questions"] for subject in signs["@"]
    ]
    aside = [
        frame.format(subject=subject) for frame in frames["held_out"] for subject in signs["@"]
    ]
    return Fact(
        kind=kind,
        answer=answer,
        short=(signs["~"] or [answer])[0],
        questions=tuple(_sentence(question) for question in (*signs["?"], *framed)),
        held_out=tuple(_sentence(question) for question in (*signs["!"], *aside)),
    )


def _text(kind: str, frames: Mapping[str, Sequence[str]]) -> tuple[Fact, ...]:
    text = (FOLDER / f"{kind}.txt").read_text(encoding="utf-8")
    blocks = re.sub(r"(?m)^#.*\n", "", text).strip().split("\n\n")
    return tuple(_fact(kind, block.strip().splitlines(), frames) for block in blocks)


def _table(table: Mapping[str, Any], kind: str) -> Iterator[Fact]:
    for key, value in table["entries"].items():
        filled = {"key": key, "value": value, "compact": key.replace(" ", "")}
        yield Fact(
            kind=kind,
            answer=_sentence(table["answer"].format(**filled)),
            short=_sentence(table["short"].format(**filled)),
            questions=tuple(_sentence(each.format(**filled)) for each in table["questions"]),
            held_out=tuple(_sentence(each.format(**filled)) for each in table["held_out"]),
        )


def _sums() -> Iterator[tuple[str, str]]:
    for left in range(LARGEST_TERM + 1):
        for right in range(LARGEST_TERM + 1):
            yield f"{left} + {right}", str(left + right)
            yield f"{left} * {right}", str(left * right)
            if left >= right:
                yield f"{left} - {right}", str(left - right)


def _arithmetic() -> dict[str, Any]:
    return {
        "answer": "{key} = {value}.",
        "short": "{value}.",
        "questions": [
            *("What is {key}?", "{key}", "How much is {key}?", "{key} = ?", "{compact}"),
            *("Calculate {key}.", "What is {compact}?", "What does {key} make?", "Compute {key}."),
        ],
        "held_out": ["Can you calculate {key}?", "Tell me what {key} is."],
        "entries": dict(_sums()),
    }


def _tone(entry: Mapping[str, Any]) -> Tone:
    return Tone(
        name=entry["name"],
        before=entry["before"],
        after=entry["after"],
        short=entry["short"],
        systems=tuple(entry["systems"]),
        held_out=tuple(entry["held_out"]),
    )


def _without(fact: Fact, kept_aside: frozenset[str]) -> Fact:
    questions = tuple(each for each in fact.questions if plain(each) not in kept_aside)
    return replace(fact, questions=questions)


def _check(corpus: Corpus) -> None:
    answers: dict[str, str] = {}
    for fact in corpus:
        for question in fact.questions:
            if answers.setdefault(plain(question), fact.answer) != fact.answer:
                raise ValueError(f"two answers: {question}")


def load() -> Corpus:
    """The whole corpus, checked."""
    frames = tomllib.loads((FOLDER / "frames.toml").read_text(encoding="utf-8"))
    tables = tomllib.loads((FOLDER / "tables.toml").read_text(encoding="utf-8"))["table"]
    facts = {kind: _text(kind, frames) for kind in TEXTS}
    facts["tables"] = tuple(fact for table in tables for fact in _table(table, "tables"))
    facts["arithmetic"] = tuple(_table(_arithmetic(), "arithmetic"))
    aside = frozenset(
        plain(question) for kind in facts.values() for fact in kind for question in fact.held_out
    )
    corpus = Corpus(
        facts={kind: tuple(_without(fact, aside) for fact in facts[kind]) for kind in facts},
        tones=tuple(_tone(entry) for entry in frames.pop("tone")),
        frames=frames,
        tools=tomllib.loads((FOLDER / "tools.toml").read_text(encoding="utf-8")),
        kept_aside=aside,
    )
    _check(corpus)
    return corpus


def main() -> None:
    """Print how many facts and questions there are."""
    for kind, facts in load().facts.items():
        trained = sum(len(fact.questions) for fact in facts)
        aside = sum(len(fact.held_out) for fact in facts)
        print(f"{kind:<13}{len(facts):>4} facts {trained:>5} questions {aside:>5} held out")


if __name__ == "__main__":
    main()
