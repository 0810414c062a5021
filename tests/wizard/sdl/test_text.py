"""Pasted texts: read as Akash reads them, bounded, and refused with a line."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.judge.client import Judge
from tests.wizard.sdl import factory
from wizard.sdl import document, text, writer
from wizard.sdl.values import Engine, Problem, Secrets

GOOD = """
version: "2.0"
services:
  web:
    image: nginx:1.29
    expose:
      - port: 80
        to: [{global: true}]
        http_options: {max_body_size: 1048576}
profiles:
  compute:
    web:
      resources: {cpu: {units: 0.5}, memory: {size: 512Mi}, storage: {size: 1Gi}}
  placement:
    akash:
      pricing:
        web: {denom: uact, amount: 1e3}
deployment:
  web:
    akash: {profile: web, count: 1}
"""


def problems(pasted: str) -> dict[str, Problem]:
    return {problem.rule: problem for problem in text.check_text(pasted)[1]}


@pytest.mark.parametrize("engine", Engine)
def test_it_works(engine: Engine) -> None:
    built = document.build(factory.plan(engine), Secrets())
    assert text.check_text(writer.to_yaml(built)) == (built, [])


def test_a_file_by_hand_is_read() -> None:
    read, found = text.check_text(GOOD)
    assert isinstance(read, dict)
    assert [(problem.rule, problem.is_error) for problem in found] == [("yaml-version", False)]


@pytest.mark.parametrize(
    ("pasted", "rule", "line"),
    [
        ("a: 1\nb: [\n", "yaml", "line 3"),
        ("a: 1\n\tb: 2\n", "yaml", "line 2"),
        ("a: \x01", "yaml", ""),
        ("a: &x 1\nb: *x\n", "anchor", "line 1"),
        ("a: *x\n", "anchor", "line 1"),
        ("a: !!python/object:os.system x\n", "tag", "line 1"),
        ("a: 1\n---\nb: 2\n", "one-document", "line 2"),
        ("? [a]\n: b\n", "yaml-key", "line 1"),
        ("[" * 100 + "]" * 100, "depth", "line 1"),
        ("[" + "1," * 20_000 + "]", "nodes", "line 1"),
        ("x" * (text.MAX_BYTES + 1), "size", ""),
        ("é" * text.MAX_BYTES, "size", ""),
    ],
)
def test_what_cannot_be_read_is_refused(pasted: str, rule: str, line: str) -> None:
    read, found = text.check_text(pasted)
    assert read is None
    assert (found[-1].rule, found[-1].path, found[-1].is_error) == (rule, line, True)


def test_an_alias_bomb_is_refused_at_its_first_anchor() -> None:
    bomb = "a: &a [x, x]\n" + "".join(f"b{i}: &b{i} [*a, *a, *a]\n" for i in range(50))
    assert text.check_text(bomb)[1][0].rule == "anchor"


def test_a_key_that_is_there_twice_is_told_with_its_line() -> None:
    twice = problems(GOOD + "version: '2.0'\n")["duplicate-key"]
    assert twice.path == f"line {GOOD.count(chr(10)) + 1}"


@pytest.mark.parametrize("word", ["yes", "off", "0o17", "017", "1_000", "12:30", "2026-11-01", "="])
def test_words_that_readers_disagree_about_are_warned_of(word: str) -> None:
    found = problems(f"a: {word}\n")["yaml-version"]
    assert not found.is_error
    assert word in found.sentence


@pytest.mark.parametrize("word", ['"yes"', "'off'", "true", "12", "1.5", "text", "512Mi", "~"])
def test_other_words_are_not(word: str) -> None:
    assert "yaml-version" not in problems(f"a: {word}\n")


def test_unquoted_codes_and_folded_args_are_refused() -> None:
    cases = GOOD.replace("max_body_size: 1048576", "max_body_size: 1, next_cases: [500]")
    folded = GOOD.replace("image: nginx:1.29", "image: nginx:1.29\n    args: --a \\\n      --b")
    assert '"500"' in problems(cases)["next-cases"].fix
    assert problems(folded)["type"].path == "services.web.args"


def test_a_bare_version_is_a_number_and_refused() -> None:
    assert problems(GOOD.replace('"2.0"', "2.0"))["version"].is_error


@pytest.mark.parametrize("pasted", ["", "# nothing\n", "just words", "- a\n- b\n", "12"])
def test_a_text_that_is_no_document_is_refused_in_a_sentence(pasted: str) -> None:
    _, found = text.check_text(pasted)
    assert found[0].is_error
    assert "mapping" in found[0].sentence


SCALARS = [
    *("null", "~", "true", "False", "yes", "off", "12", "-3", "0x1F", "0o17", "1.5", "1e3", ".5"),
    *("text", "512Mi", "2.0", "-", "a b", "+1", "1.", "nginx:1.29"),
]


@pytest.mark.parametrize("scalar", SCALARS)
def test_scalars_are_what_js_yaml_takes_them_for(scalar: str, judge: Judge) -> None:
    pasted = f"a: {scalar}\n"
    read: Any = text.read(pasted)[0]
    verdict = judge.judge(pasted)
    if scalar != "-":
        assert read == verdict.document


@settings(max_examples=300, deadline=None, database=None)
@given(st.text(alphabet=st.sampled_from("ab:-[]{}\"'#&*!|>%@`,? \n\t0~\x00\u2028é"), max_size=60))
def test_any_text_is_answered_with_problems_and_no_traceback(pasted: str) -> None:
    _, found = text.check_text(pasted)
    assert any(problem.is_error for problem in found)
    assert all(problem.sentence.isprintable() for problem in found)
