"""What llama.cpp would end of is refused in every dialect, and what is just below it is read."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import httpx
import pytest

from inference.engine import grammars
from tests.inference.endpoint import Endpoint

ASKED = {"model": "tiny", "prompt": "Hi", "n_predict": 1}
CHAT = {"model": "tiny", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 1}


def _groups(count: int) -> str:
    return "root ::= " + "(" * count + '"a"' + ")" * count


def _rules(count: int) -> str:
    names = ["root", *(f"r{number}" for number in range(1, count))]
    starts = [f"{name} ::= {following}\n" for name, following in pairwise(names)]
    return "".join(starts) + f'{names[-1]} ::= "a"\n'


def _references(count: int) -> dict[str, Any]:
    row = {f"d{number}": {"$ref": f"#/$defs/d{number + 1}"} for number in range(1, count)}
    return {"$defs": {**row, f"d{count}": {"type": "integer"}}, "$ref": "#/$defs/d1"}


@pytest.mark.parametrize(
    "limits",
    [
        {"grammar": _groups(grammars.MOST_GROUPS)},
        {"grammar": _rules(grammars.MOST_RULES)},
        {"json_schema": _references(grammars.MOST_REFERENCES)},
    ],
    ids=["groups", "rules", "references"],
)
def test_it_works(http: httpx.Client, limits: dict[str, Any]) -> None:
    answer = http.post("/completion", json={**ASKED, **limits})
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/completion", {**ASKED, "grammar": _groups(100_000)}),
        ("/completion", {**ASKED, "grammar": _rules(100_000)}),
        ("/completion", {**ASKED, "json_schema": _references(5_000)}),
        ("/api/chat", {**CHAT, "format": _references(5_000)}),
        (
            "/v1/chat/completions",
            {
                **CHAT,
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "x", "schema": _references(5_000)},
                },
            },
        ),
        (
            "/v1/messages",
            {**CHAT, "tools": [{"name": "x", "input_schema": _references(5_000)}]},
        ),
    ],
    ids=["groups", "rules", "references", "Ollama", "OpenAI", "Anthropic"],
)
def test_what_would_end_the_engine(
    endpoint: Endpoint, http: httpx.Client, path: str, body: dict[str, Any]
) -> None:
    engines = endpoint.children()
    answer = http.post(path, json=body)
    assert answer.status_code == 400, answer.text
    assert "may have" in str(answer.json()["error"])
    assert http.post("/completion", json=ASKED).status_code == 200
    assert endpoint.children() == engines
