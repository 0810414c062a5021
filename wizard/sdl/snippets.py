"""How to call the endpoint, ready to paste, with places for its URL and the key."""

from __future__ import annotations

import json
from dataclasses import dataclass

from wizard.sdl import engines
from wizard.sdl.engines import common
from wizard.sdl.values import Plan

ENDPOINT = "https://YOUR-ENDPOINT"
API_KEY = "YOUR-API-KEY"
QUESTION = "Why is the sky blue?"
DOCUMENTS = ["Air scatters blue light.", "Tea."]


@dataclass(frozen=True)
class Snippet:
    """One way to call; ``install`` may be empty."""

    name: str
    title: str
    code: str
    install: str = ""


@dataclass(frozen=True)
class _Client:
    """A client's library, and the lines that a program with it begins with."""

    name: str
    title: str
    install: str
    opening: str
    speaks_ollama: bool = False

    def snippet(self, call: str) -> Snippet:
        return Snippet(self.name, self.title, self.opening + call, self.install)


_OPENAI_PYTHON = _Client(
    "openai-python",
    "OpenAI for Python",
    "pip install openai",
    f"""\
from openai import OpenAI

client = OpenAI(base_url="{ENDPOINT}/v1", api_key="{API_KEY}")
""",
)
_OPENAI_JS = _Client(
    "openai-js",
    "OpenAI for JavaScript",
    "npm install openai",
    f"""\
import OpenAI from "openai";

const client = new OpenAI({{ baseURL: "{ENDPOINT}/v1", apiKey: "{API_KEY}" }});
""",
)
_OLLAMA_PYTHON = _Client(
    "ollama-python",
    "Ollama for Python",
    "pip install ollama",
    f"""\
from ollama import Client

client = Client(host="{ENDPOINT}", headers={{"Authorization": "Bearer {API_KEY}"}})
""",
    speaks_ollama=True,
)
_OLLAMA_JS = _Client(
    "ollama-js",
    "Ollama for JavaScript",
    "npm install ollama",
    f"""\
import {{ Ollama }} from "ollama";

const client = new Ollama({{
  host: "{ENDPOINT}",
  headers: {{ Authorization: "Bearer {API_KEY}" }},
}});
""",
    speaks_ollama=True,
)


def _curl(path: str, body: dict[str, object]) -> Snippet:
    # A single quote is the only thing that ends a quoted word of the shell.
    quoted = json.dumps(body).replace("'", "'\\''")
    code = f"""\
curl {ENDPOINT}{path} \\
  -H "Authorization: Bearer {API_KEY}" \\
  -H "Content-Type: application/json" \\
  -d '{quoted}'
"""
    return Snippet("curl", "curl", code)


def _chats(model: str) -> dict[_Client, str]:
    """How each client is asked for a streamed answer; ``model`` is a literal."""
    return {
        _OPENAI_PYTHON: f"""\
stream = client.chat.completions.create(
    model={model},
    messages=[{{"role": "user", "content": "{QUESTION}"}}],
    stream=True,
)
for chunk in stream:
    if chunk.choices:
        print(chunk.choices[0].delta.content or "", end="", flush=True)
""",
        _OPENAI_JS: f"""\
const stream = await client.chat.completions.create({{
  model: {model},
  messages: [{{ role: "user", content: "{QUESTION}" }}],
  stream: true,
}});
for await (const chunk of stream) {{
  process.stdout.write(chunk.choices[0]?.delta?.content ?? "");
}}
""",
        _OLLAMA_PYTHON: f"""\
stream = client.chat(
    model={model},
    messages=[{{"role": "user", "content": "{QUESTION}"}}],
    stream=True,
)
for chunk in stream:
    print(chunk.message.content or "", end="", flush=True)
""",
        _OLLAMA_JS: f"""\
const stream = await client.chat({{
  model: {model},
  messages: [{{ role: "user", content: "{QUESTION}" }}],
  stream: true,
}});
for await (const chunk of stream) {{
  process.stdout.write(chunk.message.content);
}}
""",
    }


def _vectors(model: str) -> dict[_Client, str]:
    """How each client is asked for a text's vector; ``model`` is a literal."""
    return {
        _OPENAI_PYTHON: f"""\
found = client.embeddings.create(
    model={model},
    input=["{QUESTION}"],
)
print(found.data[0].embedding)
""",
        _OPENAI_JS: f"""\
const found = await client.embeddings.create({{
  model: {model},
  input: ["{QUESTION}"],
}});
console.log(found.data[0].embedding);
""",
        _OLLAMA_PYTHON: f"""\
found = client.embed(model={model}, input=["{QUESTION}"])
print(found.embeddings[0])
""",
        _OLLAMA_JS: f"""\
const found = await client.embed({{ model: {model}, input: ["{QUESTION}"] }});
console.log(found.embeddings[0]);
""",
    }


def _scores(model: str) -> dict[_Client, str]:
    """How each client that can is asked for an order of texts; ``model`` is a literal."""
    query, texts = json.dumps(QUESTION), json.dumps(DOCUMENTS)
    return {
        _OPENAI_PYTHON: f"""\
found = client.post("/rerank", cast_to=object, body={{
    "model": {model},
    "query": {query},
    "documents": {texts},
}})
print(found["results"])
""",
        _OPENAI_JS: f"""\
const found = await client.post("/rerank", {{
  body: {{
    model: {model},
    query: {query},
    documents: {texts},
  }},
}});
console.log(found.results);
""",
    }


def snippets(plan: Plan) -> tuple[Snippet, ...]:
    """A snippet for each client that the engine understands: chats, vectors, an order of texts.

    Raises SdlError where the model's name cannot be written.
    """
    engine = engines.module(plan.engine)
    model = engine.served_name(plan)
    # A literal that Python, JavaScript and JSON all read as this text.
    literal = json.dumps(model)
    asked: dict[str, object]
    if common.reranks(plan):
        path, calls = "/v1/rerank", _scores(literal)
        asked = {"query": QUESTION, "documents": DOCUMENTS}
    elif plan.architecture.embeds:
        path, asked, calls = "/v1/embeddings", {"input": [QUESTION]}, _vectors(literal)
    else:
        path, calls = "/v1/chat/completions", _chats(literal)
        asked = {"messages": [{"role": "user", "content": QUESTION}]}
    understood = (each for each in calls if engine.SPEAKS_OLLAMA or not each.speaks_ollama)
    curl = _curl(path, {"model": model, **asked})
    return (curl, *(client.snippet(calls[client]) for client in understood))
