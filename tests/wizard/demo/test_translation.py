"""Clients of both dialects on upstreams that speak one of them, or both."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import ollama
import openai
import pytest

from tests.site.live import LiveSite
from tests.standins.upstream import Upstream

KINDS = ("runtime", "ollama", "vllm", "openai")
PICTURE = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(4) + b"IHDR" + b"\0\0\0\1" * 2).decode()
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = {
    "type": "function",
    "function": {"name": "weather", "description": "It tells the weather.", "parameters": SCHEMA},
}
pytestmark = [
    pytest.mark.filterwarnings("ignore::UserWarning", "ignore::ResourceWarning"),
    pytest.mark.parametrize("kind", KINDS),
]


@pytest.fixture
def client(site: LiveSite) -> ollama.Client:
    return ollama.Client(site.url)


@pytest.fixture
def openai_client(site: LiveSite) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{site.url}/v1", api_key="none", max_retries=0) as made:
        yield made


def _asked(client: openai.OpenAI, **asking: Any) -> Any:
    """A chat completion of plain dicts, as most callers write them."""
    return client.chat.completions.create(**asking)


def _said(text: str) -> list[dict[str, Any]]:
    return [{"role": "user", "content": text}]


def _last(standins: dict[str, Upstream], kind: str) -> dict[str, Any]:
    """The last question; a probe has none."""
    return next(asked.body for asked in reversed(standins[kind].requests) if asked.body)


def test_it_works(client: ollama.Client, openai_client: openai.OpenAI, kind: str) -> None:
    told = client.chat(f"on-{kind}", _said("Hi"))
    assert (told.model, told.message.content) == (f"on-{kind}", "You said: Hi")
    answer = _asked(
        openai_client,
        model=f"on-{kind}",
        messages=_said("Hi"),
    )
    assert answer.choices[0].message.content == "You said: Hi"
    assert answer.model == f"on-{kind}"


def test_ollama_streams_a_chat(client: ollama.Client, kind: str) -> None:
    parts = list(client.chat(f"on-{kind}", _said("drip 5"), stream=True))
    assert "".join(part.message.content or "" for part in parts) == "word0 word1 word2 word3 word4 "
    assert {part.model for part in parts} == {f"on-{kind}"}
    last = parts[-1]
    assert [part.done for part in parts] == [False] * (len(parts) - 1) + [True]
    assert (last.done_reason, last.prompt_eval_count, last.eval_count) == ("stop", 7, 3)
    assert last.total_duration
    assert last.total_duration > 0


def test_an_answer_without_a_word(
    client: ollama.Client, openai_client: openai.OpenAI, kind: str
) -> None:
    (last,) = client.chat(f"on-{kind}", _said("nothing"), stream=True)
    assert (last.done, last.message.content) == (True, "")
    chunks = _asked(openai_client, model=f"on-{kind}", messages=_said("nothing"), stream=True)
    words = [choice.delta.content or "" for chunk in chunks for choice in chunk.choices]
    assert "".join(words) == ""


def test_ollama_generates_with_a_memory(client: ollama.Client, kind: str) -> None:
    first = client.generate(f"on-{kind}", "Hi", system="Be brief")
    assert first.response == "You said: Hi"
    assert first.context
    again = client.generate(f"on-{kind}", "And again", context=first.context, stream=True)
    assert "".join(part.response or "" for part in again) == "You said: And again"


def test_ollama_loads_with_an_empty_prompt(client: ollama.Client, kind: str) -> None:
    told = client.generate(f"on-{kind}")
    assert told.done
    assert "model" in told


def test_ollama_sends_images_and_schemas(
    client: ollama.Client, standins: dict[str, Upstream], kind: str
) -> None:
    client.generate(f"on-{kind}", "Hi", images=[PICTURE], format=SCHEMA)
    body = _last(standins, kind)
    if kind in ("runtime", "ollama"):
        assert body["images"] == [PICTURE]
        assert body["format"] == SCHEMA
        return
    (message,) = body["messages"]
    assert message["content"][0]["image_url"]["url"] == f"data:image/png;base64,{PICTURE}"
    assert body["response_format"]["json_schema"]["schema"] == SCHEMA


def test_ollama_calls_tools(
    client: ollama.Client, standins: dict[str, Upstream], kind: str
) -> None:
    for stream in (False, True):
        found = client.chat(f"on-{kind}", _said("call"), tools=[WEATHER], stream=stream)
        parts: list[Any] = list(found) if stream else [found]
        (call,) = [call for part in parts for call in part.message.tool_calls or ()]
        assert (call.function.name, call.function.arguments) == ("weather", {"city": "Paris"})
    assert _last(standins, kind)["tools"] == [WEATHER]


def test_ollama_answers_a_tools_call(
    client: ollama.Client, standins: dict[str, Upstream], kind: str
) -> None:
    calls = [{"function": {"name": "weather", "arguments": {"city": "Paris"}}}]
    messages = [
        *_said("How is it?"),
        {"role": "assistant", "content": "", "tool_calls": calls},
        {"role": "tool", "tool_name": "weather", "content": "sunny"},
    ]
    assert client.chat(f"on-{kind}", messages).message.content == "You said: sunny"
    _, asked, told = _last(standins, kind)["messages"]
    if kind in ("runtime", "ollama"):
        assert told["tool_name"] == "weather"
    else:
        assert asked["tool_calls"][0]["id"] == told["tool_call_id"]
        assert asked["tool_calls"][0]["function"]["arguments"] == '{"city":"Paris"}'


def test_ollama_hears_thoughts(client: ollama.Client, kind: str) -> None:
    if kind in ("vllm", "openai"):
        assert client.chat(f"on-{kind}", _said("think"), think=True).message.thinking == "hmm"
    parts = list(client.chat(f"on-{kind}", _said("think"), think=True, stream=True))
    assert "".join(part.message.thinking or "" for part in parts) == "hmm"


def test_options_reach_the_upstream(
    client: ollama.Client, standins: dict[str, Upstream], kind: str
) -> None:
    options = {"temperature": 0.1, "top_k": 7, "seed": 4, "stop": ["x"], "num_predict": 9}
    client.chat(f"on-{kind}", _said("Hi"), options={**options, "num_ctx": 9999, "num_gpu": 1})
    body = _last(standins, kind)
    if kind in ("runtime", "ollama"):
        assert body["options"] == options
        return
    assert (body["temperature"], body["seed"], body["stop"]) == (0.1, 4, ["x"])
    assert body["max_tokens"] == 9
    assert body.get("top_k") == (7 if kind == "vllm" else None)


def test_what_was_not_chosen_is_left_to_the_model(
    client: ollama.Client, standins: dict[str, Upstream], kind: str
) -> None:
    """OpenAI's newest models refuse each temperature but their own."""
    client.chat(f"on-{kind}", _said("Hi"))
    body = _last(standins, kind)
    assert not {"temperature", "top_p", "seed"} & {*body, *body.get("options", {})}


def test_openai_streams_a_chat(openai_client: openai.OpenAI, kind: str) -> None:
    chunks = list(
        _asked(
            openai_client,
            model=f"on-{kind}",
            messages=_said("drip 5"),
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    words = [choice.delta.content or "" for chunk in chunks for choice in chunk.choices]
    assert "".join(words) == "word0 word1 word2 word3 word4 "
    assert chunks[-1].usage
    assert (chunks[-1].usage.prompt_tokens, chunks[-1].usage.completion_tokens) == (7, 3)
    assert [choice.finish_reason for chunk in chunks for choice in chunk.choices][-1] == "stop"


def test_openai_is_told_usage_only_where_it_asks(openai_client: openai.OpenAI, kind: str) -> None:
    chunks = list(
        _asked(
            openai_client,
            model=f"on-{kind}",
            messages=_said("Hi"),
            stream=True,
        )
    )
    assert all(chunk.choices and chunk.usage is None for chunk in chunks)


def test_openai_completes(openai_client: openai.OpenAI, kind: str) -> None:
    whole = openai_client.completions.create(model=f"on-{kind}", prompt="Hi", max_tokens=5)
    assert whole.choices[0].text == "You said: Hi"
    assert whole.usage
    assert whole.usage.total_tokens == 10
    stream = openai_client.completions.create(model=f"on-{kind}", prompt="Hi", stream=True)
    assert "".join(c.text for chunk in stream for c in chunk.choices) == "You said: Hi"


def test_openai_sends_images_and_schemas(
    openai_client: openai.OpenAI, standins: dict[str, Upstream], kind: str
) -> None:
    url = f"data:image/png;base64,{PICTURE}"
    parts = [{"type": "text", "text": "Hi"}, {"type": "image_url", "image_url": {"url": url}}]
    _asked(
        openai_client,
        model=f"on-{kind}",
        messages=[{"role": "user", "content": parts}],
        response_format={"type": "json_schema", "json_schema": {"name": "a", "schema": SCHEMA}},
    )
    body = _last(standins, kind)
    if kind == "ollama":
        assert body["messages"][0]["images"] == [PICTURE]
        assert body["format"] == SCHEMA
        return
    assert body["messages"][0]["content"][1]["image_url"]["url"] == url
    assert body["response_format"]["json_schema"]["schema"] == SCHEMA


def test_openai_calls_tools(openai_client: openai.OpenAI, kind: str) -> None:
    asking: dict[str, Any] = {
        "model": f"on-{kind}",
        "messages": _said("call"),
        "tools": [WEATHER],
    }
    if kind != "runtime":
        whole = _asked(openai_client, **asking)
        (call,) = whole.choices[0].message.tool_calls
        assert call.function.name == "weather"
    chunks = list(_asked(openai_client, **asking, stream=True))
    pieces = [
        call.function
        for chunk in chunks
        for choice in chunk.choices
        for call in choice.delta.tool_calls or ()
    ]
    assert "".join(piece.name or "" for piece in pieces) == "weather"
    arguments = "".join(piece.arguments or "" for piece in pieces)
    assert arguments.replace(" ", "") == '{"city":"Paris"}'
    assert [c.finish_reason for chunk in chunks for c in chunk.choices][-1] == "tool_calls"


def test_what_an_upstream_refuses_is_told(
    client: ollama.Client, openai_client: openai.OpenAI, kind: str
) -> None:
    with pytest.raises(ollama.ResponseError, match="does not like this") as caught:
        client.chat(f"on-{kind}", _said("refuse"))
    assert caught.value.status_code == 400
    with pytest.raises(openai.BadRequestError, match="does not like this"):
        _asked(
            openai_client,
            model=f"on-{kind}",
            messages=_said("refuse"),
            stream=True,
        )


@pytest.mark.parametrize("end", ["die", "fail"])
def test_a_death_in_mid_stream_is_told(
    client: ollama.Client, openai_client: openai.OpenAI, kind: str, end: str
) -> None:
    words: list[str] = []
    with pytest.raises(ollama.ResponseError):
        for part in client.chat(f"on-{kind}", _said(end), stream=True):
            words.append(part.message.content or "")  # noqa: PERF401  (the loop raises)
    assert "".join(words).startswith("You said: ")
    with pytest.raises(openai.APIError):
        list(
            _asked(
                openai_client,
                model=f"on-{kind}",
                messages=_said(end),
                stream=True,
            )
        )


def test_models_are_listed_and_shown_by_their_alias(
    client: ollama.Client, openai_client: openai.OpenAI, kind: str
) -> None:
    assert f"on-{kind}" in [item.model for item in client.list().models]
    assert client.show(f"on-{kind}").capabilities
    assert openai_client.models.retrieve(f"on-{kind}").id == f"on-{kind}"
