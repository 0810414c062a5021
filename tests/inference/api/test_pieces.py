"""Small parts of the API: thoughts, templates, options."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.api import go_template, ollama_chat, options
from inference.api.errors import ApiError
from inference.api.thinking import Splitter


def _split(parts: list[str], *, inside: bool = False) -> tuple[str, str]:
    splitter = Splitter(inside=inside)
    told = [*(splitter.feed(part) for part in parts), splitter.close()]
    return "".join(thought for thought, _ in told), "".join(text for _, text in told)


@pytest.mark.parametrize(
    ("text", "inside", "expected"),
    [
        ("<think>a b</think>\n\nc", False, ("a b", "c")),
        ("\n<think>a</think>c", False, ("a", "c")),
        ("a</think>c", True, ("a", "c")),
        ("no thoughts", False, ("", "no thoughts")),
        ("<thin", False, ("", "<thin")),
        ("<think>endless </thi", False, ("endless </thi", "")),
        ("", True, ("", "")),
    ],
)
def test_thoughts(text: str, inside: bool, expected: tuple[str, str]) -> None:
    assert _split([text], inside=inside) == expected
    thought, answer = _split(list(text), inside=inside)
    assert (thought, answer.lstrip()) == expected


@given(st.lists(st.text(alphabet="<think>/ a\n", max_size=12), max_size=12))
def test_nothing_of_an_answer_without_thoughts_is_lost(parts: list[str]) -> None:
    text = "x" + "".join(parts)
    assert _split(["x", *parts]) == ("", text)


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{{ .Prompt }}", "p"),
        ("{{.System}}-{{.Prompt}}", "s-p"),
        ("{{ if .System }}S{{ else }}N{{ end }}", "S"),
        ("{{ if .Suffix }}S{{ else }}N{{ end }}", "N"),
        ("a {{- .Prompt -}} b", "apb"),
        ("{{ .Prompt }} {{ .Response }} never", "p "),
        ("no action", "no action"),
        ("{{ if .Suffix }}{{ if .System }}x{{ end }}{{ end }}y", "y"),
    ],
)
def test_templates(template: str, expected: str) -> None:
    assert go_template.render(template, {"Prompt": "p", "System": "s"}) == expected


def test_a_chat_of_any_length_is_shortened_in_one_pass() -> None:
    """Adding up what is left at each step took hours for as many."""
    chat = [{"role": "user", "content": "x"}] * 400_000
    shorter = ollama_chat._shortened(chat, {"n_prompt_tokens": 400_000, "n_ctx": 1000})
    assert shorter == chat[:900]


def test_what_a_tool_answered_goes_to_the_last_call_of_its_name() -> None:
    """Looking through all calls for each answer took hours for as many."""
    calls = [{"function": {"name": name}} for name in ("sun", "rain", "sun")]
    answers = [{"role": "tool", "tool_name": name} for name in ("sun", "rain", "", "snow")]
    chat = [{"role": "assistant", "tool_calls": calls}, *answers]
    told = [(item["tool_call_id"], item["name"]) for item in ollama_chat.messages(chat)[1:]]
    assert told == [("call_2", "sun"), ("call_1", "rain"), ("call_2", "sun"), ("call_0", "snow")]
    flood = [{"role": "assistant", "tool_calls": calls * 50_000}, *answers[3:] * 100_000]
    assert len(ollama_chat.messages(flood)) == 100_001


@pytest.mark.parametrize("template", ["{{" + " " * 60_000, "{{" * 30_000, "{{-\n" * 15_000])
def test_a_template_whose_action_never_ends_is_a_text(template: str) -> None:
    """And is found to be one at once, where it would take a regular expression hours."""
    assert go_template.render(template, {}) == template


@pytest.mark.parametrize(
    "template",
    ["{{ range .Messages }}", "{{ if .System }}", "{{ end }}", "{{ .Secret }}", "x" * 70_000],
)
def test_templates_that_are_not_understood(template: str) -> None:
    with pytest.raises(ApiError):
        go_template.render(template, {})


@given(st.dictionaries(st.sampled_from(sorted(options.SAMPLING)), st.none() | st.integers()))
def test_options_are_read_or_refused(given_options: dict[str, Any]) -> None:
    try:
        fields = options.for_engine(options.read(given_options), {}, 4096)
    except ApiError as error:
        assert error.status in (400, 500)
    else:
        assert isinstance(fields["temperature"], float)


def test_the_callers_options_count_more_than_the_models() -> None:
    own = {"temperature": 0.1, "stop": "x", "top_k": "nonsense"}
    fields = options.for_engine({"temperature": 0.5}, own, 4096)
    assert (fields["temperature"], fields["stop"], fields["top_k"]) == (0.5, ["x"], 40)


def test_an_endless_answer_is_bounded() -> None:
    assert options.for_engine({}, {}, 4096)["n_predict"] == 40960
    assert options.for_engine({"num_ctx": 512}, {}, 4096)["n_predict"] == 5120
    assert options.for_engine({"num_predict": 7}, {}, 4096)["n_predict"] == 7
