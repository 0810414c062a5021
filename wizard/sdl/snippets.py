"""How to call the endpoint, ready to paste, with places for its URL and the key."""

from __future__ import annotations

import json
from dataclasses import dataclass

from wizard.sdl import engines
from wizard.sdl.values import Plan

ENDPOINT = "https://YOUR-ENDPOINT"
API_KEY = "YOUR-API-KEY"
QUESTION = "Why is the sky blue?"


@dataclass(frozen=True)
class Snippet:
    """One way to call. ``language`` is what a highlighter takes; ``install`` may be empty."""

    name: str
    title: str
    language: str
    code: str
    install: str = ""


def _string(text: str) -> str:
    """A literal that Python, JavaScript and JSON all read as this text."""
    return json.dumps(text, ensure_ascii=True)


def _curl(path: str, body: dict[str, object]) -> Snippet:
    # A single quote is the only thing that ends a quoted word of the shell.
    quoted = json.dumps(body).replace("'", "'\\''")
    code = (
        f"curl {ENDPOINT}{path} \\\n"
        f'  -H "Authorization: Bearer {API_KEY}" \\\n'
        f'  -H "Content-Type: application/json" \\\n'
        f"  -d '{quoted}'\n"
    )
    return Snippet("curl", "curl", "bash", code)


def _openai_python(model: str) -> Snippet:
    code = (
        "from openai import OpenAI\n\n"
        f'client = OpenAI(base_url="{ENDPOINT}/v1", api_key="{API_KEY}")\n'
        "stream = client.chat.completions.create(\n"
        f"    model={_string(model)},\n"
        f'    messages=[{{"role": "user", "content": "{QUESTION}"}}],\n'
        "    stream=True,\n"
        ")\n"
        "for chunk in stream:\n"
        "    if chunk.choices:\n"
        '        print(chunk.choices[0].delta.content or "", end="", flush=True)\n'
    )
    return Snippet("openai-python", "OpenAI for Python", "python", code, "pip install openai")


def _openai_js(model: str) -> Snippet:
    code = (
        'import OpenAI from "openai";\n\n'
        f'const client = new OpenAI({{ baseURL: "{ENDPOINT}/v1", apiKey: "{API_KEY}" }});\n'
        "const stream = await client.chat.completions.create({\n"
        f"  model: {_string(model)},\n"
        f'  messages: [{{ role: "user", content: "{QUESTION}" }}],\n'
        "  stream: true,\n"
        "});\n"
        "for await (const chunk of stream) {\n"
        '  process.stdout.write(chunk.choices[0]?.delta?.content ?? "");\n'
        "}\n"
    )
    return Snippet("openai-js", "OpenAI for JavaScript", "javascript", code, "npm install openai")


def _ollama_python(model: str) -> Snippet:
    code = (
        "from ollama import Client\n\n"
        f'client = Client(host="{ENDPOINT}", headers={{"Authorization": "Bearer {API_KEY}"}})\n'
        "stream = client.chat(\n"
        f"    model={_string(model)},\n"
        f'    messages=[{{"role": "user", "content": "{QUESTION}"}}],\n'
        "    stream=True,\n"
        ")\n"
        "for chunk in stream:\n"
        '    print(chunk.message.content or "", end="", flush=True)\n'
    )
    return Snippet("ollama-python", "Ollama for Python", "python", code, "pip install ollama")


def _ollama_js(model: str) -> Snippet:
    code = (
        'import { Ollama } from "ollama";\n\n'
        "const client = new Ollama({\n"
        f'  host: "{ENDPOINT}",\n'
        f'  headers: {{ Authorization: "Bearer {API_KEY}" }},\n'
        "});\n"
        "const stream = await client.chat({\n"
        f"  model: {_string(model)},\n"
        f'  messages: [{{ role: "user", content: "{QUESTION}" }}],\n'
        "  stream: true,\n"
        "});\n"
        "for await (const chunk of stream) {\n"
        "  process.stdout.write(chunk.message.content);\n"
        "}\n"
    )
    return Snippet("ollama-js", "Ollama for JavaScript", "javascript", code, "npm install ollama")


def _embedded_openai_python(model: str) -> Snippet:
    code = (
        "from openai import OpenAI\n\n"
        f'client = OpenAI(base_url="{ENDPOINT}/v1", api_key="{API_KEY}")\n'
        "found = client.embeddings.create(\n"
        f"    model={_string(model)},\n"
        f'    input=["{QUESTION}"],\n'
        ")\n"
        "print(found.data[0].embedding)\n"
    )
    return Snippet("openai-python", "OpenAI for Python", "python", code, "pip install openai")


def _embedded_openai_js(model: str) -> Snippet:
    code = (
        'import OpenAI from "openai";\n\n'
        f'const client = new OpenAI({{ baseURL: "{ENDPOINT}/v1", apiKey: "{API_KEY}" }});\n'
        "const found = await client.embeddings.create({\n"
        f"  model: {_string(model)},\n"
        f'  input: ["{QUESTION}"],\n'
        "});\n"
        "console.log(found.data[0].embedding);\n"
    )
    return Snippet("openai-js", "OpenAI for JavaScript", "javascript", code, "npm install openai")


def _embedded_ollama_python(model: str) -> Snippet:
    code = (
        "from ollama import Client\n\n"
        f'client = Client(host="{ENDPOINT}", headers={{"Authorization": "Bearer {API_KEY}"}})\n'
        f'found = client.embed(model={_string(model)}, input=["{QUESTION}"])\n'
        "print(found.embeddings[0])\n"
    )
    return Snippet("ollama-python", "Ollama for Python", "python", code, "pip install ollama")


def _embedded_ollama_js(model: str) -> Snippet:
    code = (
        'import { Ollama } from "ollama";\n\n'
        "const client = new Ollama({\n"
        f'  host: "{ENDPOINT}",\n'
        f'  headers: {{ Authorization: "Bearer {API_KEY}" }},\n'
        "});\n"
        f'const found = await client.embed({{ model: {_string(model)}, input: ["{QUESTION}"] }});\n'
        "console.log(found.embeddings[0]);\n"
    )
    return Snippet("ollama-js", "Ollama for JavaScript", "javascript", code, "npm install ollama")


def snippets(plan: Plan) -> tuple[Snippet, ...]:
    """A snippet for each client that the plan's engine understands: chats, or vectors of texts.

    Raises SdlError where the model's name cannot be written.
    """
    engine = engines.module(plan.engine)
    model = engine.served_name(plan)
    if plan.architecture.embeds:
        body: dict[str, object] = {"model": model, "input": [QUESTION]}
        found = (
            _curl("/v1/embeddings", body),
            _embedded_openai_python(model),
            _embedded_openai_js(model),
        )
        ollama = (_embedded_ollama_python(model), _embedded_ollama_js(model))
    else:
        body = {"model": model, "messages": [{"role": "user", "content": QUESTION}]}
        found = (
            _curl("/v1/chat/completions", body),
            _openai_python(model),
            _openai_js(model),
        )
        ollama = (_ollama_python(model), _ollama_js(model))
    return found + ollama if engine.SPEAKS_OLLAMA else found
