"""Requests as they are rebuilt: what is kept, clamped, left out and refused."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wizard.demo import ollama_fields, openai_fields
from wizard.demo.errors import BadOption, BadRequest, DemoError, ModelNotFound, TooLarge
from wizard.demo.values import Limits

LIMITS = Limits(max_tokens=100, prompt_characters=1000, images=2, image_bytes=1000)


def _png(width: int, height: int) -> str:
    sides = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    return base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(4) + b"IHDR" + sides).decode()


PICTURE = _png(8, 8)
HI = [{"role": "user", "content": "Hi"}]
DEEP: dict[str, Any] = {}
for _ in range(100):
    DEEP = {"properties": {"a": DEEP}}
# What orjson reads: larger integers become floats.
NUMBERS = st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=12,
)


def _chat(**more: Any) -> dict[str, Any]:
    return dict(ollama_fields.chat({"model": "m", "messages": HI, **more}, LIMITS).body)


def _generate(**more: Any) -> dict[str, Any]:
    return dict(ollama_fields.generate({"model": "m", "prompt": "Hi", **more}, LIMITS).body)


def _openai(**more: Any) -> dict[str, Any]:
    return dict(openai_fields.chat({"model": "m", "messages": HI, **more}, LIMITS).body)


def test_it_works() -> None:
    assert _chat() == {"messages": HI, "options": {"num_predict": 100}, "stream": True}
    assert _generate() == {"prompt": "Hi", "options": {"num_predict": 100}, "stream": True}
    assert _openai() == {"messages": HI, "max_tokens": 100, "stream": False}


def test_unknown_fields_are_left_out() -> None:
    more = {"keep_alive": 0, "api_base": "http://x", "extra_body": {"a": 1}, "options": {"x": 1}}
    assert _chat(**more) == _chat()
    assert _openai(user="me", api_base="http://x", metadata={}, guided_regex="(a+)+") == _openai()
    message = {"role": "user", "content": "Hi", "x": {"y": 1}}
    assert _chat(messages=[message]) == _chat()
    assert _openai(messages=[message]) == _openai()


@pytest.mark.parametrize(("wanted", "given_"), [(5, 5), (500, 100), (-1, 100), (-2, 100), (0, 0)])
def test_the_answers_length_is_clamped(wanted: int, given_: int) -> None:
    assert _chat(options={"num_predict": wanted})["options"]["num_predict"] == given_
    if wanted >= 0:
        assert _openai(max_tokens=wanted)["max_tokens"] == given_
        assert _openai(max_completion_tokens=wanted)["max_tokens"] == given_


def test_a_load_is_known() -> None:
    work = ollama_fields.generate({"model": "m"}, LIMITS)
    assert (work.is_load, work.stream) == (True, False)
    assert ollama_fields.chat({"model": "m"}, LIMITS).is_load


def test_what_ollama_takes_is_taken() -> None:
    """Roles in any case, lines broken in base64, and what to do at the context's end."""
    assert _chat(messages=[{"role": "User", "content": "Hi"}]) == _chat()
    broken = f"{PICTURE[:8]}\n{PICTURE[8:]}\r\n"
    assert _generate(images=[broken])["images"] == [PICTURE]
    assert _chat(truncate=False, shift=False) == {**_chat(), "truncate": False, "shift": False}
    assert _chat(think="max")["think"] == "max"


def test_schemas_that_refer_to_their_parts_are_taken() -> None:
    """As Pydantic writes a tree: https://docs.pydantic.dev/latest/concepts/json_schema/."""
    node = {"type": "object", "properties": {"children": {"items": {"$ref": "#/$defs/Node"}}}}
    tree = {"$defs": {"Node": node, "Root": {"$ref": "#/$defs/Node"}}, "$ref": "#/$defs/Root"}
    assert _chat(format=tree)["format"] == tree


def test_a_template_of_ones_own_is_taken() -> None:
    template = "{{- if .System }}{{ .System }}{{ else }}none{{ end -}} {{.Prompt}} {{ .Response }}"
    assert _generate(template=template)["template"] == template


def test_images_keep_their_data_alone() -> None:
    assert _generate(images=[f"data:image/png;base64,{PICTURE}"])["images"] == [PICTURE]
    part = {
        "type": "image_url",
        "image_url": {"url": f"data:image/x;base64,{PICTURE}", "detail": 1},
    }
    (sent,) = _openai(messages=[{"role": "user", "content": [part]}])["messages"][0]["content"]
    told = {"url": f"data:image/png;base64,{PICTURE}"}
    assert sent == {"type": "image_url", "image_url": told}


@pytest.mark.parametrize(
    ("body", "kind", "sentence"),
    [
        ({"model": ""}, BadRequest, "model is required"),
        ({"messages": "Hi"}, BadRequest, '"messages" must be of type array'),
        ({"messages": HI * 300}, BadRequest, "can have 200 messages"),
        ({"messages": [{"role": "god", "content": ""}]}, BadRequest, "invalid role: god"),
        ({"messages": [{"role": "user", "content": "x" * 1001}]}, TooLarge, "1001 characters"),
        ({"messages": [{**HI[0], "images": [PICTURE] * 3}]}, BadRequest, "2 images"),
        ({"messages": [{**HI[0], "images": ["!"]}]}, BadRequest, "illegal base64"),
        ({"messages": [{**HI[0], "images": ["http://x/y"]}]}, BadRequest, "not fetched"),
        ({"messages": [{**HI[0], "images": ["A" * 4000]}]}, TooLarge, "larger than 1000"),
        ({"messages": [{**HI[0], "images": ["AAAA"]}]}, BadRequest, "PNG, JPEG, GIF, BMP or WebP"),
        ({"messages": [{**HI[0], "images": [_png(26_000, 26_000)]}]}, BadRequest, "44,739,242 pix"),
        ({"stream": "yes"}, BadRequest, '"stream" must be of type boolean'),
        ({"options": []}, BadRequest, "options must be an object"),
        ({"options": {"top_k": "x"}}, BadOption, 'option "top_k" must be of type integer'),
        ({"options": {"num_ctx": "x"}}, BadOption, 'option "num_ctx" must be of type integer'),
        ({"options": {"stop": "x"}}, BadOption, 'option "stop" must be of type array'),
        ({"options": {"stop": ["x"] * 99}}, BadRequest, "can hold 16 texts"),
        ({"options": {"temperature": 99}}, BadRequest, "between 0 and 10"),
        ({"format": 5}, BadOption, "invalid format: 5"),
        ({"format": {"$ref": "http://x"}}, BadRequest, "another document"),
        ({"format": DEEP}, BadRequest, "nested too deeply"),
        ({"format": {"a": "x" * 9000}}, BadRequest, "larger than 8192 bytes"),
        ({"format": {"$ref": "#/a"}}, BadRequest, "has no part #/a"),
        ({"format": {"$ref": "#"}}, BadRequest, "leads back to itself"),
        ({"format": {"allOf": [{"$ref": "#/a"}], "a": {"$ref": "#/a"}}}, BadRequest, "to itself"),
        ({"format": {"a": [{"$ref": "#/a/0x"}]}}, BadRequest, "has no part"),
        ({"format": {"a": [{"$ref": "#"}] * 33}}, BadRequest, "its own parts 32 times"),
        ({"format": {"type": ["object", "object"]}}, BadRequest, "a type twice"),
        ({"think": "hard"}, BadRequest, "invalid think value"),
        ({"tools": [{}]}, BadRequest, "function that has a name"),
        ({"tools": [{"function": {"name": "f"}}] * 40}, BadRequest, "32 tools"),
        ({"top_logprobs": 21}, BadRequest, "between 0 and 20"),
    ],
)
def test_ollamas_bad_requests_are_refused(
    body: dict[str, Any], kind: type[DemoError], sentence: str
) -> None:
    with pytest.raises(kind, match=sentence):
        ollama_fields.chat({"model": "m", "messages": HI, **body}, LIMITS)


@pytest.mark.parametrize(
    ("body", "kind", "sentence"),
    [
        ({"model": ""}, ModelNotFound, "model '' not found"),
        ({"raw": True, "system": "x"}, BadRequest, "raw mode does not support"),
        ({"context": ["a"]}, BadRequest, "context must be the list of tokens"),
        ({"prompt": "x" * 600, "system": "x" * 600}, TooLarge, "1200 characters"),
        ({"prompt": 5}, BadRequest, '"prompt" must be of type string'),
        ({"template": "{{range 1000000000}}x{{end}}"}, BadRequest, "a template can have"),
        ({"template": '{{ printf "%1000000d" 1 }}'}, BadRequest, "a template can have"),
        ({"template": "{{{{.Prompt}}.Prompt}}"}, BadRequest, "a template can have"),
    ],
)
def test_bad_prompts_are_refused(
    body: dict[str, Any], kind: type[DemoError], sentence: str
) -> None:
    with pytest.raises(kind, match=sentence):
        ollama_fields.generate({"model": "m", **body}, LIMITS)


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({"model": ""}, "model parameter"),
        ({"messages": []}, "must have a message"),
        ({"n": 2}, '"n" must be 1'),
        ({"temperature": "hot"}, '"temperature" must be of type number'),
        ({"temperature": 3}, "between 0 and 2"),
        ({"stop": 5}, "string or an array of strings"),
        ({"response_format": {"type": "xml"}}, "must be of type text, json_object or json_schema"),
        ({"reasoning_effort": "very"}, '"reasoning_effort" must be one of none, minimal'),
        ({"tool_choice": "maybe", "tools": [{"function": {"name": "f"}}]}, "none, auto, required"),
        ({"messages": [{"role": "user", "content": 5}]}, "a text or an array of parts"),
        ({"messages": [{"role": "user", "content": [{"type": "file"}]}]}, "a text or an image_url"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": "x"}]}]},
            "fetches no links",
        ),
    ],
)
def test_openais_bad_requests_are_refused(body: dict[str, Any], sentence: str) -> None:
    with pytest.raises(BadRequest, match=sentence):
        openai_fields.chat({"model": "m", "messages": HI, **body}, LIMITS)


def test_a_completion_has_one_prompt() -> None:
    assert openai_fields.completion({"model": "m", "prompt": ["Hi"]}, LIMITS).body["prompt"] == "Hi"
    with pytest.raises(BadRequest, match="must be one text"):
        openai_fields.completion({"model": "m", "prompt": [1, 2]}, LIMITS)


@given(
    st.dictionaries(
        st.sampled_from(
            [
                "messages",
                "prompt",
                "options",
                "format",
                "think",
                "reasoning_effort",
                "shift",
                "tools",
                "images",
                "context",
                "stop",
                "response_format",
                "tool_choice",
                "suffix",
                "n",
            ]
        ),
        JSON,
    )
)
def test_nothing_that_is_sent_breaks_it(body: dict[str, Any]) -> None:
    for read in (
        ollama_fields.chat,
        ollama_fields.generate,
        openai_fields.chat,
        openai_fields.completion,
    ):
        try:
            read({"model": "m", **body}, LIMITS)
        except DemoError as error:
            assert str(error)
