"""The clients that people have, unchanged, against the site with its own tiny model."""

from __future__ import annotations

import asyncio
import base64
import json
import subprocess
from collections.abc import Iterator
from typing import Any

import ollama
import openai
import pytest

from tests.judge.client import HERE
from tests.site.live import LiveSite
from tests.wizard.demo.sites import QUESTION

MODEL = "oneclick-demo"
SHORT = {"num_predict": 8, "seed": 1}
PICTURE = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(4) + b"IHDR" + b"\0\0\0\1" * 2).decode()
SCHEMA = {
    "type": "object",
    "properties": {"colour": {"enum": ["red", "blue"]}},
    "required": ["colour"],
    "additionalProperties": False,
}
WEATHER = {
    "type": "function",
    "function": {"name": "get_weather", "parameters": {"type": "object", "properties": {}}},
}
# What the clients and their libraries warn of is theirs.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::ResourceWarning")


@pytest.fixture
def client(embedded: LiveSite) -> ollama.Client:
    return ollama.Client(embedded.url)


@pytest.fixture
def openai_client(embedded: LiveSite) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{embedded.url}/v1", api_key="none", max_retries=0) as made:
        yield made


def test_it_works(client: ollama.Client) -> None:
    whole = client.chat(MODEL, QUESTION, options=SHORT)
    parts = list(client.chat(MODEL, QUESTION, options=SHORT, stream=True))
    assert "".join(part.message.content or "" for part in parts) == whole.message.content
    assert client.generate(MODEL, "Hi", options=SHORT).response
    texts = client.generate(MODEL, "Hi", options=SHORT, stream=True)
    assert "".join(part.response or "" for part in texts)


def test_ollama_works_asynchronously(embedded: LiveSite) -> None:
    async def talk() -> str:
        client = ollama.AsyncClient(embedded.url)
        stream = await client.chat(MODEL, QUESTION, stream=True, options=SHORT)
        parts = [part.message.content or "" async for part in stream]
        whole = await client.generate(MODEL, "Hi", options=SHORT)
        await client._client.aclose()
        return "".join(parts) + (whole.response or "")

    assert asyncio.run(talk())


def test_ollama_gets_schemas_and_tools(client: ollama.Client) -> None:
    told = client.chat(MODEL, QUESTION, format=SCHEMA, options=SHORT | {"num_predict": 40})
    assert json.loads(told.message.content or "")["colour"] in ("red", "blue")
    assert client.chat(MODEL, QUESTION, tools=[WEATHER], options=SHORT).message.role == "assistant"


def test_ollama_asks_about_models(client: ollama.Client) -> None:
    assert [model.model for model in client.list().models] == [MODEL]
    assert client.show(MODEL).capabilities == ["completion", "tools"]


def test_ollama_is_told_what_cannot_be(client: ollama.Client) -> None:
    with pytest.raises(ollama.ResponseError, match="not found") as caught:
        client.chat("nope", QUESTION)
    assert caught.value.status_code == 404
    with pytest.raises(ollama.ResponseError, match="does not support vision"):
        client.generate(MODEL, "Hi", images=[PICTURE])
    with pytest.raises(ollama.ResponseError, match="must be of type integer"):
        list(client.generate(MODEL, "Hi", options={"top_k": "x"}, stream=True))
    with pytest.raises(ollama.ResponseError, match="not offered by this demo") as caught:
        client.delete(MODEL)
    assert caught.value.status_code == 501


def test_openai_works(openai_client: openai.OpenAI) -> None:
    asking: dict[str, Any] = {"model": MODEL, "messages": QUESTION, "max_tokens": 8, "seed": 1}
    whole: Any = openai_client.chat.completions.create(**asking)
    assert whole.choices[0].message.content
    assert whole.usage.completion_tokens
    stream: Any = openai_client.chat.completions.create(**asking, stream=True)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in stream)
    text = openai_client.completions.create(model=MODEL, prompt="Akash is", max_tokens=6)
    assert text.choices[0].text
    assert [model.id for model in openai_client.models.list()] == [MODEL]
    assert openai_client.models.retrieve(MODEL).id == MODEL


def test_openai_is_told_what_cannot_be(openai_client: openai.OpenAI) -> None:
    asking: dict[str, Any] = {"model": "nope", "messages": QUESTION}
    with pytest.raises(openai.NotFoundError, match="not found"):
        openai_client.chat.completions.create(**asking)
    with pytest.raises(openai.NotFoundError, match="does not exist"):
        openai_client.models.retrieve("nope")
    link = {"type": "image_url", "image_url": {"url": "http://127.0.0.1/x.png"}}
    with pytest.raises(openai.BadRequestError, match="fetches no links"):
        openai_client.chat.completions.create(
            model=MODEL,
            messages=[{"role": "user", "content": [link]}],  # type: ignore[list-item,misc]  # a plain dict
        )
    with pytest.raises(openai.InternalServerError, match="not offered by this demo"):
        openai_client.embeddings.create(model=MODEL, input="Hi")


def test_javascript_works(embedded: LiveSite) -> None:
    chat = {"model": MODEL, "messages": QUESTION, "options": SHORT}
    whole, parts, text, listed, shown, refused = _javascript(
        embedded,
        ("chat", chat),
        ("chat", {**chat, "stream": True}),
        ("generate", {"model": MODEL, "prompt": "Hi", "options": SHORT}),
        ("list", None),
        ("show", {"model": MODEL}),
        ("chat", {**chat, "model": "nope"}),
    )
    assert whole["answer"]["message"]["content"]
    assert parts["answer"][-1]["done"] is True
    assert text["answer"]["response"]
    assert [model["name"] for model in listed["answer"]["models"]] == [MODEL]
    assert shown["answer"]["capabilities"] == ["completion", "tools"]
    assert "not found" in refused["error"]


def _javascript(site: LiveSite, *calls: tuple[str, Any]) -> list[dict[str, Any]]:
    command = ["node", "ollama.mjs", json.dumps({"url": site.url, "key": "none", "calls": calls})]
    done = subprocess.run(command, cwd=HERE, capture_output=True, timeout=240, check=True)
    answers: list[dict[str, Any]] = json.loads(done.stdout)
    return answers
