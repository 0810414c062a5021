"""The clients that people have, unchanged, against this server."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import litellm
import ollama
import openai
import pytest
from langchain_ollama import ChatOllama, OllamaEmbeddings, OllamaLLM

from tests.inference.api.test_chat import QUESTION, WEATHER
from tests.inference.api.test_generate import PICTURE
from tests.inference.endpoint import Endpoint

SHORT = {"num_predict": 6, "seed": 1}
# What the clients and their libraries warn of is theirs.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::ResourceWarning")


@pytest.fixture
def client(endpoint: Endpoint) -> ollama.Client:
    return ollama.Client(endpoint.url, headers=endpoint.headers)


@pytest.fixture
def openai_client(endpoint: Endpoint) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{endpoint.url}/v1", api_key=endpoint.key, max_retries=0) as made:
        yield made


def test_ollama_generates_and_chats(client: ollama.Client) -> None:
    assert client.generate("tiny", "Hi", options=SHORT).response
    assert client.chat("tiny", QUESTION, options=SHORT).message.content
    parts = list(client.chat("tiny", QUESTION, options=SHORT, stream=True))
    assert parts[-1].done
    assert "".join(part.message.content or "" for part in parts)
    assert client.generate("tiny", "Hi", images=[PICTURE], options=SHORT).response
    thought = client.chat("thinker", QUESTION, think=True, options=SHORT).message
    assert thought.thinking


def test_ollama_asks_about_models(client: ollama.Client) -> None:
    assert [model.model for model in client.list().models][:2] == ["tiny", "thinker"]
    shown = client.show("tiny")
    assert shown.details
    assert shown.details.family == "llama"
    assert shown.capabilities == ["completion", "vision", "tools"]
    assert "tiny" in [model.model for model in client.ps().models]
    assert len(client.embed("tiny", ["a", "b"]).embeddings) == 2
    assert client.embeddings("tiny", "a").embedding


def test_ollama_is_told_errors(client: ollama.Client) -> None:
    with pytest.raises(ollama.ResponseError, match="not found") as caught:
        client.chat("nope", QUESTION)
    assert caught.value.status_code == 404
    with pytest.raises(ollama.ResponseError, match="must be of type integer"):
        list(client.generate("tiny", "Hi", options={"top_k": "x"}, stream=True))


def test_ollama_works_asynchronously(endpoint: Endpoint) -> None:
    async def talk() -> str:
        client = ollama.AsyncClient(endpoint.url, headers=endpoint.headers)
        stream = await client.chat("tiny", QUESTION, stream=True, options=SHORT)
        parts = [part.message.content or "" async for part in stream]
        whole = await client.generate("tiny", "Hi", options=SHORT)
        await client._client.aclose()
        return "".join(parts) + (whole.response or "")

    assert asyncio.run(talk())


def test_openai_chats(openai_client: openai.OpenAI) -> None:
    messages: list[openai.types.chat.ChatCompletionMessageParam]
    messages = [{"role": "user", "content": "Hi"}]
    whole = openai_client.chat.completions.create(model="tiny", messages=messages, max_tokens=6)
    assert whole.choices[0].message.content
    stream = openai_client.chat.completions.create(
        model="gpt-tiny", messages=messages, max_tokens=6, stream=True
    )
    assert "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)
    response = openai_client.responses.create(model="tiny", input="Hi", max_output_tokens=6)
    assert response.output_text


def test_openai_embeds_and_lists(openai_client: openai.OpenAI) -> None:
    assert len(openai_client.embeddings.create(model="tiny", input=["a"]).data[0].embedding) == 32
    assert "tiny" in [model.id for model in openai_client.models.list()]
    assert openai_client.models.retrieve("tiny").id == "tiny"


def test_openai_is_told_errors(endpoint: Endpoint, openai_client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError, match="does not exist"):
        openai_client.models.retrieve("nope")
    with (
        openai.OpenAI(base_url=f"{endpoint.url}/v1", api_key="wrong") as stranger,
        pytest.raises(openai.AuthenticationError),
    ):
        stranger.models.list()


@pytest.mark.parametrize("route", ["ollama_chat", "ollama"])
def test_litellm_speaks_ollama(endpoint: Endpoint, route: str) -> None:
    found = litellm.completion(
        model=f"{route}/tiny",
        messages=QUESTION,
        api_base=endpoint.url,
        api_key=endpoint.key,
        headers=endpoint.headers,
        max_tokens=6,
    )
    assert found.choices[0].message.content
    assert found.usage.completion_tokens > 0


def test_litellm_speaks_openai(endpoint: Endpoint) -> None:
    stream = litellm.completion(
        model="openai/tiny",
        messages=QUESTION,
        api_base=f"{endpoint.url}/v1",
        api_key=endpoint.key,
        max_tokens=6,
        stream=True,
    )
    assert "".join(chunk.choices[0].delta.content or "" for chunk in stream)


def test_langchain_speaks_ollama(endpoint: Endpoint) -> None:
    asked = {"headers": endpoint.headers}
    chat = ChatOllama(
        model="tiny", base_url=endpoint.url, client_kwargs=asked, num_predict=6, seed=1
    )
    whole = chat.invoke("Hi")
    assert whole.content
    assert whole.usage_metadata
    assert whole.usage_metadata["output_tokens"] > 0
    assert "".join(str(part.content) for part in chat.stream("Hi"))
    assert chat.bind_tools([WEATHER]).invoke("Hi").type == "ai"
    text = OllamaLLM(model="tiny", base_url=endpoint.url, client_kwargs=asked, num_predict=6)
    assert text.invoke("Hi")
    vectors = OllamaEmbeddings(model="tiny", base_url=endpoint.url, client_kwargs=asked)
    assert len(vectors.embed_query("Hi")) == 32
