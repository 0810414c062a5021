"""Names and options of every kind come out as data, or are refused in a sentence."""

from __future__ import annotations

import random
import re
from dataclasses import replace
from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.judge.client import Judge
from tests.wizard.sdl import factory
from wizard.registry.values import ModelFile, ModelRef, Source
from wizard.sdl import compose, document, snippets, writer
from wizard.sdl.errors import SdlError
from wizard.sdl.values import Engine, Plan, Secrets

SEED = 20_261_101
COUNT = 1_000
YAML_TRAPS = (
    "yes|no|on|off|y|n|true|false|True|null|~|Null|1e3|1E3|.5|5.|0o17|017|0x1F|0b11|1_000|+1|-0"
    "|.inf|-.INF|.nan|12:30|190:20:30|2026-11-01|2026-11-01T00:00:00Z|=|<<|-|?|:|---|...|!!str"
    "|!!python/object:os.system|&a|*a|[a]|{a: b}|a: b|a #b|# a|'|\"|\\|`|%a|@a| a|a |"
)
SHELL_TRAPS = (
    "$(id)§`id`§; id§&& id§| id§$HOME§${HOME}§$$§$(API_KEY)§$$(API_KEY)§{$API_KEY}§{env.API_KEY}"
    "§{{7*7}}§{%x%}§%(x)s§\\$(id)§--help§-x§--trust-remote-code§'$(id)'§\"; id; \"§*§?§!§~root"
)
YAML_WORDS = YAML_TRAPS.split("|")
SHELL_WORDS = SHELL_TRAPS.split("§")
PATHS = ("../../etc/passwd", "/etc/passwd", "a/../b", "a//b", ".", "..", "C:\\x", "file:///x")
UNICODE = (
    "ünï", "模型", "🦙", "a\u00a0b", "a\u200bb", "a\u202eb", "a\u2028b", "a\u2029b", "a\u0085b",
    "\ufeffa", "a\x00b", "a\x1bb", "a\tb", "a\nb", "a\rb", "a\r\nMODEL=x", "\ud800", "e\u0301", "İ",
)  # fmt: skip
WORDS = (*YAML_WORDS, *SHELL_WORDS, *PATHS, *UNICODE)


def hostile() -> list[str]:
    """A thousand strings: each trap alone, then traps joined at random."""
    chance = random.Random(SEED)  # noqa: S311 - a fixed choice, not a secret
    found = list(dict.fromkeys(WORDS))
    while len(found) < COUNT:
        joined = chance.choice(("", " ", "/", ":", "-", "=", "\n", ".")).join(
            chance.choices(WORDS, k=chance.randint(2, 3))
        )
        if joined not in found:
            found.append(joined)
    return found


def attempts(word: str) -> list[Plan]:
    """Every place where a person's or a registry's text enters a plan."""
    ref = ModelRef(Source.HUGGING_FACE, "user", "repo")
    bad_file = replace(factory.gguf_variant(), files=(ModelFile(f"{word}.gguf", 1),))
    runtime = factory.plan(Engine.RUNTIME)
    return [
        replace(runtime, extra_env=(("VALUE", word),)),
        replace(runtime, extra_env=((word, "value"),)),
        replace(runtime, ref=replace(ref, namespace=word)),
        replace(runtime, ref=replace(ref, name=word)),
        replace(runtime, variant=bad_file),
        replace(runtime, region=word),
        replace(runtime, aliases=(word,)),
        factory.plan(Engine.RUNTIME, ref=ModelRef(Source.OLLAMA, word, "m", tag="t")),
        factory.plan(Engine.OLLAMA, variant=factory.gguf_variant(word)),
        factory.plan(Engine.VLLM, ref=replace(ref, name=word)),
        factory.plan(Engine.VLLM, aliases=(word,)),
        factory.plan(Engine.LLAMA_SERVER, variant=bad_file),
    ]


def kubernetes(text: str) -> str:
    """What a container gets: the kubelet's expansion, none of the names being known.

    https://github.com/kubernetes/kubernetes third_party/forked/golang/expansion/expand.go
    """
    return re.sub(r"\$\$|\$\([^)]*\)", lambda m: "$" if m[0] == "$$" else m[0], text)


def test_a_thousand_hostile_words_are_data_or_refused(judge: Judge) -> None:
    words = hostile()
    assert len(words) == COUNT
    written = refused = 0
    for word in words:
        for plan in attempts(word):
            try:
                built = document.build(plan, Secrets())
            except SdlError as error:
                refused += 1
                assert str(error)
                continue
            written += 1
            check_is_data(built, judge)
    assert written > COUNT
    assert refused > COUNT


def check_is_data(built: dict[str, object], judge: Judge) -> None:
    text = writer.to_yaml(built)
    # libyaml's reader: one more than PyYAML's own, and ten times as fast.
    assert yaml.load(text, yaml.CSafeLoader) == built
    verdict = judge.judge(text)
    assert verdict.document == built
    assert verdict.accepted, verdict.errors


@pytest.mark.parametrize("word", [word for word in hostile()[:150] if word.isprintable()])
def test_a_value_reaches_the_container_as_it_was_typed(word: str) -> None:
    plan = factory.plan(extra_env=(("VALUE", word),))
    built: Any = document.build(plan, Secrets())
    (value,) = [item for item in built["services"]["llm"]["env"] if item.startswith("VALUE=")]
    assert kubernetes(value) == f"VALUE={word}"


@pytest.mark.parametrize("word", [word for word in hostile()[:150] if word.isprintable()])
def test_compose_gets_the_value_as_it_was_typed(word: str) -> None:
    plan = factory.plan(extra_env=(("VALUE", word),))
    loaded = yaml.safe_load(writer.to_yaml(compose.build(plan, Secrets())))
    assert loaded["services"]["llm"]["environment"]["VALUE"].replace("$$", "$") == word


ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


@settings(max_examples=300, deadline=None, database=None)
@given(texts=st.lists(ANY_TEXT, min_size=1, max_size=8), key=ANY_TEXT)
@example(texts=[*YAML_WORDS], key="yes")
@example(texts=["a\nb", "a\u2028b", "\x85", "\ufeff", "\x00"], key="=")
def test_any_text_is_read_back_by_both_readers(texts: list[str], key: str, judge: Judge) -> None:
    built: dict[str, Any] = {"list": texts, "map": {key: texts[0], "n": 1, "on": True}}
    text = writer.to_yaml(built)
    assert yaml.safe_load(text) == built
    read = judge.judge(text).document
    if key != "__proto__":
        assert read == built


@settings(max_examples=200, deadline=None, database=None)
@given(comment=ANY_TEXT)
def test_a_comment_is_one_line_and_nothing_else(comment: str) -> None:
    text = writer.to_yaml({"a": 1}, (comment,))
    assert yaml.safe_load(text) == {"a": 1}
    assert text.splitlines()[0].startswith("#")
    assert len(text.splitlines()) == 3


def test_snippets_refuse_a_name_that_cannot_be_one() -> None:
    for word in hostile()[:200]:
        plan = factory.plan(Engine.VLLM, ref=ModelRef(Source.HUGGING_FACE, "user", word))
        try:
            found = snippets.snippets(plan)
        except SdlError:
            continue
        assert re.fullmatch(r"[A-Za-z0-9._-]+", word)
        assert all(f'"user/{word}"' in snippet.code for snippet in found)
