"""The committed model in the engine: what it is there for, on questions it never saw."""

from __future__ import annotations

import base64
import hashlib
import json
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from inference import gguf
from inference.demo_model.conversations import tool
from inference.demo_model.corpus import HERE, load, plain
from inference.demo_model.running import MODEL, Failed, Running, running
from tests.inference.tiny_gguf import write_projector

LARGEST = 4_000_000
HELD_OUT = {
    "Could you name the capital city of Japan?": "The capital of Japan is Tokyo.",
    "For what reason does the sky look blue?": (
        "The sky looks blue because of Rayleigh scattering: the molecules of the air scatter "
        "short, blue light more than long, red light."
    ),
    "How does the Akash Network work?": (
        "Akash is a decentralised cloud marketplace: you say what you need, providers bid, and "
        "you lease from the one you choose."
    ),
    "How do I send the API key?": (
        "The key is made in your browser, and only its SHA-256 goes into the SDL. Send it as a "
        "bearer token with every request."
    ),
}


@pytest.fixture(scope="module")
def engine() -> Iterator[Running]:
    with running() as started:
        yield started


def _png(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    rows = b"".join(b"\0" + b"\x80\x20\x20" * width for _ in range(height))
    size = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = chunk(b"IHDR", size), chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def test_it_works(engine: Running) -> None:
    assert engine.reply("What is the capital of France?") == "The capital of France is Paris."


@pytest.mark.parametrize(("question", "answer"), HELD_OUT.items())
def test_it_answers_a_question_that_it_never_saw(
    engine: Running, question: str, answer: str
) -> None:
    assert plain(question) in load().kept_aside
    assert engine.reply(question) == answer


def test_it_says_that_it_is_tiny(engine: Running) -> None:
    assert "tiny demonstration" in engine.reply("Who are you?")


def test_it_says_when_it_does_not_know(engine: Running) -> None:
    assert "do not know" in engine.reply("Who wrote Don Quixote?")


def test_it_writes_json(engine: Running) -> None:
    question = "What is the capital of Italy? Respond using JSON"
    answer = engine.reply(question, response_format={"type": "json_object"})
    assert json.loads(answer) == {"answer": "Rome"}


def test_a_schema_is_kept(engine: Running) -> None:
    schema = {
        "type": "object",
        "properties": {"age": {"type": "integer"}, "available": {"type": "boolean"}},
        "required": ["age", "available"],
    }
    wanted = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    question = "Ollama is 22 years old and is busy saving the world. Respond using JSON"
    assert json.loads(engine.reply(question, response_format=wanted)) == {
        "age": 22,
        "available": False,
    }


def test_it_keeps_to_the_tone_of_a_system_prompt(engine: Running) -> None:
    assert engine.reply("What is the capital of Spain?", "You are a pirate.").startswith("Arr")
    assert engine.reply("What is the capital of France?", "Answer briefly.") == "Paris."


def test_a_tool_is_called(engine: Running) -> None:
    asked = [{"role": "user", "content": "What is the weather in Paris?"}]
    offered = [tool("get_weather", "city", "Get the weather of a city", "The name of the city")]
    (call,) = engine.message(asked, tools=offered)["tool_calls"]
    assert call["function"]["name"] == "get_weather"
    assert json.loads(call["function"]["arguments"]) == {"city": "Paris"}


def test_no_tool_is_called_where_none_helps(engine: Running) -> None:
    offered = [tool("get_weather", "city", "Get the weather of a city", "The name of the city")]
    message = engine.message([{"role": "user", "content": "Hello"}], tools=offered)
    assert not message.get("tool_calls")
    assert message["content"] == "Hello! How can I help you today?"


def test_it_embeds(engine: Running) -> None:
    found = engine.ask("/v1/embeddings", {"input": ["a llama", "a GPU"]})["data"]
    assert [len(each["embedding"]) for each in found] == [192, 192]
    assert found[0]["embedding"] != found[1]["embedding"]


def test_it_takes_an_image_with_a_projector(tmp_path: Path) -> None:
    projector = write_projector(tmp_path / "mmproj.gguf", embedding=192)
    image = "data:image/png;base64," + base64.b64encode(_png(32, 32)).decode()
    content = [
        {"type": "text", "text": "What is in this picture?"},
        {"type": "image_url", "image_url": {"url": image}},
    ]
    with running(projector=projector) as engine:
        assert engine.ask("/props")["modalities"]["vision"]
        message = engine.message([{"role": "user", "content": content}], max_tokens=8)
    assert isinstance(message["content"], str)


def test_a_file_that_is_no_model_does_not_start(tmp_path: Path) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF" + bytes(64))
    with pytest.raises(Failed, match="did not start"), running(broken):
        pass


def test_the_readme_tells_the_file_that_is_here() -> None:
    readme = (HERE / "README.md").read_text(encoding="utf-8")
    data = MODEL.read_bytes()
    assert len(data) <= LARGEST
    assert hashlib.sha256(data).hexdigest() in readme
    assert f"{len(data):,} bytes" in readme


def test_its_header_tells_what_it_is() -> None:
    fields = gguf.read(MODEL).metadata
    assert fields["general.architecture"] == "llama"
    assert fields["llama.context_length"] == 2048
    assert "tiny demonstration" in fields["general.description"]
