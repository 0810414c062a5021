"""What the clients can beyond talking: schemas, tools, images, vectors."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import litellm
import ollama
import openai
import pytest
from langchain_core.messages import HumanMessage
from langchain_ollama import ChatOllama
from openai.types.chat import ChatCompletionMessageParam, ChatCompletionToolParam
from pydantic import BaseModel

from tests.inference.api.test_chat import QUESTION, WEATHER
from tests.inference.api.test_clients import SHORT
from tests.inference.api.test_generate import PICTURE
from tests.inference.endpoint import Endpoint

# What the clients and their libraries warn of is theirs.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::ResourceWarning")
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"colour": {"type": "string", "enum": ["red", "blue"]}},
    "required": ["colour"],
    "additionalProperties": False,
}
ASKS_FOR_CALLS: list[ChatCompletionMessageParam] = [{"role": "user", "content": "call"}]
TOOL: ChatCompletionToolParam = {
    "type": "function",
    "function": {"name": "weather", "description": "Of a place", "parameters": {"type": "object"}},
}
CALLED = ["weather", "time"]
URI = f"data:image/png;base64,{PICTURE}"
SEES: list[ChatCompletionMessageParam] = [
    {
        "role": "user",
        "content": [
            {"type": "text", "text": "What is it?"},
            {"type": "image_url", "image_url": {"url": URI}},
        ],
    }
]


class Colour(BaseModel):
    """What a structured answer is read into."""

    colour: str


def _ollama(endpoint: Endpoint) -> ollama.Client:
    return ollama.Client(endpoint.url, headers=endpoint.headers)


def _openai(endpoint: Endpoint) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{endpoint.url}/v1", api_key=endpoint.key, max_retries=0)


def _langchain(endpoint: Endpoint) -> ChatOllama:
    asked = {"headers": endpoint.headers}
    return ChatOllama(model="tiny", base_url=endpoint.url, client_kwargs=asked, temperature=0)


def _litellm(endpoint: Endpoint, provider: str, **fields: Any) -> Any:
    base = f"{endpoint.url}/v1" if provider == "openai" else endpoint.url
    return litellm.completion(
        model=f"{provider}/tiny",
        api_base=base,
        api_key=endpoint.key,
        headers=endpoint.headers,
        **fields,
    )


def _is_colour(text: str | None) -> bool:
    return json.loads(text or "")["colour"] in ("red", "blue")


def test_schemas_are_kept_to(endpoint: Endpoint) -> None:
    chat = _ollama(endpoint).chat("tiny", QUESTION, format=SCHEMA)
    assert _is_colour(chat.message.content)
    assert _is_colour(_ollama(endpoint).generate("tiny", "Hi", format=SCHEMA).response)
    with _openai(endpoint) as client:
        whole = client.chat.completions.create(
            model="tiny",
            messages=ASKS_FOR_CALLS,
            response_format={
                "type": "json_schema",
                "json_schema": {"name": "colour", "schema": SCHEMA},
            },
        )
    assert _is_colour(whole.choices[0].message.content)
    structured = _langchain(endpoint).with_structured_output(SCHEMA, method="json_schema")
    answer = structured.invoke("Hi")
    assert isinstance(answer, dict)
    assert Colour.model_validate(answer).colour in ("red", "blue")


def test_ollamas_clients_are_told_calls(on_stand_in: Endpoint) -> None:
    async def called() -> list[str]:
        client = ollama.AsyncClient(on_stand_in.url, headers=on_stand_in.headers)
        answer = await client.chat("tiny", ASKS_FOR_CALLS, tools=[WEATHER])
        await client._client.aclose()
        return [call.function.name for call in answer.message.tool_calls or ()]

    whole = _ollama(on_stand_in).chat("tiny", ASKS_FOR_CALLS, tools=[WEATHER])
    assert [call.function.name for call in whole.message.tool_calls or ()] == CALLED
    assert asyncio.run(called()) == CALLED
    found = _langchain(on_stand_in).bind_tools([WEATHER]).invoke("call")
    assert [call["name"] for call in found.tool_calls] == CALLED
    assert found.tool_calls[0]["args"] == {"place": "Paris"}


def test_openais_client_is_told_calls(on_stand_in: Endpoint) -> None:
    with _openai(on_stand_in) as client:
        whole = client.chat.completions.create(model="tiny", messages=ASKS_FOR_CALLS, tools=[TOOL])
        stream = client.chat.completions.create(
            model="tiny", messages=ASKS_FOR_CALLS, tools=[TOOL], stream=True
        )
        parts = [
            call.function
            for part in stream
            for call in part.choices[0].delta.tool_calls or ()
            if call.function
        ]
    calls = whole.choices[0].message.tool_calls or []
    assert [call.function.name for call in calls if call.type == "function"] == CALLED
    assert [part.name for part in parts if part.name] == CALLED


@pytest.mark.parametrize("route", ["ollama_chat", "openai"])
def test_litellm_is_told_calls(on_stand_in: Endpoint, route: str) -> None:
    found = _litellm(on_stand_in, route, messages=ASKS_FOR_CALLS, tools=[TOOL])
    calls = found.choices[0].message.tool_calls
    assert [call.function.name for call in calls] == CALLED
    assert json.loads(calls[0].function.arguments) == {"place": "Paris"}


def test_pictures_are_taken(endpoint: Endpoint) -> None:
    seen = {"role": "user", "content": "What is it?", "images": [PICTURE]}
    assert _ollama(endpoint).chat("tiny", [seen], options=SHORT).message.content
    with _openai(endpoint) as client:
        answer = client.chat.completions.create(model="tiny", messages=SEES, max_tokens=6)
    assert answer.usage
    assert answer.usage.prompt_tokens > len("What is it?") + 16
    part = {"type": "image_url", "image_url": URI}
    asked = HumanMessage([{"type": "text", "text": "What is it?"}, part])
    assert _langchain(endpoint).bind(options=SHORT).invoke([asked]).content
    told = _litellm(endpoint, "openai", messages=SEES, max_tokens=6)
    assert told.choices[0].message.content


def test_vectors_are_given(endpoint: Endpoint) -> None:
    async def embedded() -> int:
        client = ollama.AsyncClient(endpoint.url, headers=endpoint.headers)
        found = await client.embed("tiny", "a")
        await client._client.aclose()
        return len(found.embeddings[0])

    assert asyncio.run(embedded()) == 32
    found = litellm.embedding(
        model="openai/tiny", input=["a"], api_base=f"{endpoint.url}/v1", api_key=endpoint.key
    )
    assert len(found.data[0]["embedding"]) == 32
