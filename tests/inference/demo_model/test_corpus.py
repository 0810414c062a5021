"""The corpus: what is kept aside is never trained, and a broken line is refused."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest

from inference.demo_model import corpus
from inference.demo_model.conversations import Conversation, Sampler
from inference.demo_model.corpus import Corpus, load, plain

DRAWN = 4000


@pytest.fixture(scope="module")
def loaded() -> Corpus:
    return load()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(corpus.FOLDER, tmp_path / "corpus")
    monkeypatch.setattr(corpus, "FOLDER", tmp_path / "corpus")
    return tmp_path / "corpus"


def _drawn(corpus: Corpus, seed: int, count: int) -> list[Conversation]:
    sampler = Sampler(corpus, random.Random(seed))  # noqa: S311  (no secret)
    return [sampler() for _ in range(count)]


def test_it_works(loaded: Corpus) -> None:
    answers = {question: fact.answer for fact in loaded for question in fact.questions}
    assert answers["What is the capital of Japan?"] == "The capital of Japan is Tokyo."
    assert answers["3 + 4 = ?"] == "3 + 4 = 7."
    assert "llama.cpp" in answers["What is GGUF?"]


def test_a_seed_draws_the_same_conversations_again(loaded: Corpus) -> None:
    assert _drawn(loaded, 5, 50) == _drawn(loaded, 5, 50)
    assert _drawn(loaded, 5, 50) != _drawn(loaded, 6, 50)


def test_no_question_that_is_kept_aside_is_trained(loaded: Corpus) -> None:
    asked = {
        plain(message["content"])
        for conversation in _drawn(loaded, 7, DRAWN)
        for message in conversation.messages
        if message["role"] == "user"
    }
    assert len(asked) > DRAWN / 4
    assert not asked & loaded.kept_aside


def test_every_fact_has_questions_left_to_train(loaded: Corpus) -> None:
    assert all(fact.questions for fact in loaded)


def test_a_tool_is_called_with_the_city_that_was_asked_for(loaded: Corpus) -> None:
    calls = [
        (conversation, call["function"])
        for conversation in _drawn(loaded, 8, 500)
        for message in conversation.messages
        for call in message.get("tool_calls", ())
    ]
    assert calls
    for conversation, function in calls:
        (city,) = function["arguments"].values()
        assert any(city in message["content"] for message in conversation.messages)
        if conversation.tools:
            assert function["name"] == conversation.tools[0]["function"]["name"]


def test_a_line_without_a_sign_is_refused(folder: Path) -> None:
    with (folder / "unknown.txt").open("a", encoding="utf-8") as file:
        file.write("Who is that?\n")
    with pytest.raises(ValueError, match=r"a line of unknown\.txt begins with none of"):
        load()


def test_an_entry_without_an_answer_is_refused(folder: Path) -> None:
    with (folder / "everyday.txt").open("a", encoding="utf-8") as file:
        file.write("\n? Who is that?\n")
    with pytest.raises(ValueError, match="must have one answer"):
        load()


def test_two_answers_to_one_question_are_refused(folder: Path) -> None:
    with (folder / "everyday.txt").open("a", encoding="utf-8") as file:
        file.write("\n= It is green.\n? why is the sky BLUE\n")
    with pytest.raises(ValueError, match="two answers"):
        load()
