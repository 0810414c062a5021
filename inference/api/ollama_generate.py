"""``/api/generate`` between Ollama's words and llama-server's.

A plain prompt is a chat of one message, so that llama.cpp takes thoughts and
images apart. A raw, templated or continued one is ``/completion``; a suffix is
``/infill``, or the model's own template where its file lacks the tokens for it.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from inference.api import facts, fields, go_template, ollama_chat
from inference.api.errors import ApiError
from inference.api.ollama_chat import Piece
from inference.api.thinking import OPEN, Splitter
from inference.engine import client
from inference.engine.supervisor import Engine
from inference.models import LocalModel

MOST_CONTEXT = 1 << 20
_FINISH = {"limit": "length"}


@dataclass
class Prompt:
    """A generate request, checked."""

    text: str
    suffix: str = ""
    system: str = ""
    template: str = ""
    context: list[int] = field(default_factory=list)
    raw: bool = False
    images: list[str] = field(default_factory=list)
    output_format: Any = None
    think: bool | str | None = None
    logprobs: int | None = None
    truncate: bool = True

    @property
    def is_plain(self) -> bool:
        """Whether a chat of one message says the same."""
        return not (self.raw or self.template or self.context or self.suffix)


def read(document: dict[str, Any]) -> Prompt:
    """Check a request's body. Raises ApiError."""
    prompt = Prompt(
        text=fields.typed(document, "prompt", str, ""),
        suffix=fields.typed(document, "suffix", str, ""),
        system=fields.typed(document, "system", str, ""),
        template=fields.typed(document, "template", str, ""),
        context=_context(document),
        raw=fields.typed(document, "raw", bool, False),
        images=fields.images(document),
        output_format=fields.output_format(document),
        think=fields.think(document),
        logprobs=fields.logprobs(document),
        truncate=fields.typed(document, "truncate", bool, True),
    )
    if prompt.raw and (prompt.template or prompt.system or prompt.context):
        raise ApiError(400, "raw mode does not support template, system, or context")
    return prompt


async def pieces(
    engine: Engine,
    model: LocalModel,
    prompt: Prompt,
    options: Mapping[str, Any],
    context: list[int],
) -> AsyncGenerator[Piece]:
    """Run a request; ``context`` is filled with the conversation's tokens at its end."""
    chat = _messages(model, prompt)
    if prompt.is_plain:
        async with aclosing(_as_chat(engine, prompt, chat, options, context)) as running:
            async for piece in running:
                yield piece
        return
    text = await _text(engine, model, prompt, chat)
    body: dict[str, Any] = {**options, "stream": True, "return_tokens": True}
    body |= _format(prompt.output_format)
    if prompt.logprobs is not None:
        body |= {"n_probs": max(1, prompt.logprobs)}
    if prompt.suffix and facts.fills_in(model):
        path, body = "/infill", {**body, "input_prefix": text, "input_suffix": prompt.suffix}
    else:
        path, body = "/completion", {**body, "prompt": _with_images(engine, text, prompt)}
    inside = not prompt.raw and text.rstrip().endswith(OPEN)
    produced: list[int] = []
    splitter = Splitter(inside=inside) if inside or prompt.think else None
    async with aclosing(_completion(engine, path, body, produced, prompt, splitter)) as running:
        async for piece in running:
            if piece.finish and not prompt.raw:
                context += [*prompt.context, *await _tokenize(engine, text), *produced]
            yield piece


async def _as_chat(
    engine: Engine,
    prompt: Prompt,
    chat: list[dict[str, Any]],
    options: Mapping[str, Any],
    context: list[int],
) -> AsyncGenerator[Piece]:
    body = ollama_chat.payload(
        chat,
        options,
        output_format=prompt.output_format,
        think=prompt.think,
        logprobs=prompt.logprobs,
    )
    answer: list[str] = []
    async with aclosing(ollama_chat.pieces(engine, body, truncate=prompt.truncate)) as running:
        async for piece in running:
            answer.append(piece.text)
            if piece.finish:
                text = await _templated(engine, _without_images(chat, prompt), prompt.think)
                context += await _tokenize(engine, text + "".join(answer))
            yield piece


async def _completion(
    engine: Engine,
    path: str,
    body: Mapping[str, Any],
    produced: list[int],
    prompt: Prompt,
    splitter: Splitter | None,
) -> AsyncGenerator[Piece]:
    async with aclosing(client.events(engine, path, body)) as events:
        async for event in events:
            produced += event.get("tokens") or ()
            thinking, text = _split(splitter, event)
            piece = Piece(text, thinking, logprobs=_logprobs(event, prompt))
            if not piece.is_empty:
                yield piece
            if event.get("stop"):
                yield _end(event)


def _split(splitter: Splitter | None, event: Mapping[str, Any]) -> tuple[str, str]:
    text = event.get("content") or ""
    if splitter is None:
        return "", text
    thinking, text = splitter.feed(text)
    if not event.get("stop"):
        return thinking, text
    more_thinking, more = splitter.close()
    return thinking + more_thinking, text + more


def _end(event: Mapping[str, Any]) -> Piece:
    return Piece(
        finish=_FINISH.get(event.get("stop_type", ""), "stop"),
        timings=event.get("timings") or {},
        prompt_tokens=event.get("tokens_evaluated", 0),
        tokens=event.get("tokens_predicted", 0),
    )


def _logprobs(event: Mapping[str, Any], prompt: Prompt) -> list[dict[str, Any]]:
    if prompt.logprobs is None or event.get("stop"):
        return []
    found = [ollama_chat.logprob(item) for item in event.get("completion_probabilities") or ()]
    for entry in found if prompt.logprobs == 0 else ():
        entry.pop("top_logprobs", None)
    return found


def _messages(model: LocalModel, prompt: Prompt) -> list[dict[str, Any]]:
    system = prompt.system or model.system
    content = ollama_chat.user_content(prompt.text, prompt.images)
    first = [{"role": "system", "content": system}] if system else []
    return [*first, {"role": "user", "content": content}]


def _without_images(chat: list[dict[str, Any]], prompt: Prompt) -> list[dict[str, Any]]:
    return [*chat[:-1], {"role": "user", "content": prompt.text}]


async def _text(
    engine: Engine, model: LocalModel, prompt: Prompt, chat: list[dict[str, Any]]
) -> str:
    """The text that the model is to go on with."""
    if prompt.raw or (prompt.suffix and facts.fills_in(model)):
        return prompt.text
    if prompt.template or prompt.suffix:
        system = prompt.system or model.system
        values = {"System": system, "Prompt": prompt.text, "Suffix": prompt.suffix}
        return go_template.render(prompt.template or model.template, values)
    return await _templated(engine, _without_images(chat, prompt), prompt.think)


async def _templated(engine: Engine, chat: list[dict[str, Any]], think: bool | str | None) -> str:
    body: dict[str, Any] = {"messages": chat}
    if think is not None:
        body["chat_template_kwargs"] = {"enable_thinking": bool(think)}
    found = await client.post(engine, "/apply-template", body)
    return str(found["prompt"])


async def _tokenize(engine: Engine, text: str) -> list[int]:
    body = {"content": text, "add_special": True, "parse_special": True}
    found = await client.post(engine, "/tokenize", body)
    return list(found["tokens"])


def _with_images(engine: Engine, text: str, prompt: Prompt) -> Any:
    """A prompt as ``/completion`` takes it: text, tokens and text, or text with images."""
    if prompt.images:
        marker = str(engine.props.get("media_marker", ""))
        marked = marker * len(prompt.images) + "\n" + text
        return {"prompt_string": marked, "multimodal_data": prompt.images}
    return [*prompt.context, text] if prompt.context else text


def _format(output_format: Any) -> dict[str, Any]:
    if output_format is None:
        return {}
    return {"json_schema": {"type": "object"} if output_format == "json" else output_format}


def _context(document: dict[str, Any]) -> list[int]:
    found = fields.typed(document, "context", list, [])
    if len(found) > MOST_CONTEXT or not all(map(_is_token, found)):
        raise ApiError(400, "context must be the list of tokens that an answer gave")
    return found


def _is_token(value: Any) -> bool:
    """Whether llama.cpp reads it as the number that it is: of 32 bits."""
    return type(value) is int and 0 <= value < 1 << 31
