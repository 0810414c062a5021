"""What llama.cpp would end of, or be held up by, is refused in every dialect; what is below that
is answered."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import httpx
import pytest

from inference.engine import schemas
from inference.engine.gbnf import Grammar, Refused
from inference.engine.ways import most_ways
from tests.inference.endpoint import Endpoint

ASKED = {"model": "tiny", "prompt": "Hi", "n_predict": 1}
CHAT = {"model": "tiny", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 1}
ENOUGH = 2_000
JSON = r"""
root   ::= object
value  ::= object | array | string | number | ("true" | "false" | "null") ws
object ::= "{" ws ( string ":" ws value ("," ws string ":" ws value)* )? "}" ws
array  ::= "[" ws ( value ("," ws value)* )? "]" ws  # a comment
string ::= "\"" ( [^"\\\x7F\x00-\x1F] | "\\" (["\\bfnrt] | "u" [0-9a-fA-F]{4}) )* "\"" ws
number ::= ("-"? ([0-9] | [1-9] [0-9]{0,15})) ("." [0-9]+)? ([eE] [-+]? [1-9] [0-9]{0,15})? ws
ws     ::= | " " | "\n" [ \t]{0,20}
"""


def _groups(count: int) -> str:
    return "root ::= " + "(" * count + '"a"' + ")" * count


def _rules(count: int) -> str:
    names = ["root", *(f"r{number}" for number in range(1, count))]
    starts = [f"{name} ::= {following}\n" for name, following in pairwise(names)]
    return "".join(starts) + f'{names[-1]} ::= "a"\n'


def _references(count: int, levels: int = 0) -> dict[str, Any]:
    def within(value: dict[str, Any]) -> dict[str, Any]:
        for _ in range(levels):
            value = {"anyOf": [value]}
        return value

    row = {f"d{n}": within({"$ref": f"#/$defs/d{n + 1}"}) for n in range(1, count)}
    return {"$defs": {**row, f"d{count}": {"type": "integer"}}, "$ref": "#/$defs/d1"}


@pytest.mark.parametrize(
    "limits",
    [
        {"grammar": JSON},
        {"grammar": _groups(50_000)},
        {"grammar": _rules(10_000)},
        {"json_schema": _references(schemas.MOST_REFERENCES - 1, levels=3)},
        {"json_schema": {"type": "string", "pattern": r"^[a-z]{2,20}(-[a-z]+)*\.?$"}},
    ],
    ids=["JSON", "groups", "rules", "references", "pattern"],
)
def test_it_works(endpoint: Endpoint, http: httpx.Client, limits: dict[str, Any]) -> None:
    engines = endpoint.children()
    answer = http.post("/completion", json={**ASKED, **limits})
    assert answer.status_code == 200, answer.text
    assert endpoint.children() == engines


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/completion", {**ASKED, "grammar": 'root ::= a root "x" | "b"\na ::= e\ne ::= \n'}),
        ("/completion", {**ASKED, "grammar": "root ::= " + '("a")?' * 1000}),
        ("/v1/completions", {**ASKED, "grammar": 'root ::= "a"{3,1}'}),
        ("/completion", {**ASKED, "json_schema": _references(5_000)}),
        ("/api/chat", {**CHAT, "format": {"type": "string", "pattern": f"^{'a?' * 1000}$"}}),
        (
            "/v1/chat/completions",
            {
                **CHAT,
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "x", "schema": {"allOf": [{"$ref": "#/allOf/0"}]}},
                },
            },
        ),
        ("/v1/messages", {**CHAT, "tools": [{"name": "x", "input_schema": _references(5_000)}]}),
        (
            "/completion",
            {
                **ASKED,
                "grammar": 'root ::= "a"',
                "grammar_lazy": True,
                "grammar_triggers": [{"type": 2, "value": "((.*)*)*@"}],
            },
        ),
    ],
    ids=["endless", "ways", "reversed", "references", "Ollama", "OpenAI", "Anthropic", "trigger"],
)
def test_what_would_hold_up_the_engine(
    endpoint: Endpoint, http: httpx.Client, path: str, body: dict[str, Any]
) -> None:
    engines = endpoint.children()
    answer = http.post(path, json=body)
    assert answer.status_code == 400, answer.text
    assert http.post("/completion", json=ASKED).status_code == 200
    assert endpoint.children() == engines


@pytest.mark.parametrize(
    ("text", "ways"),
    [
        ("root ::= ", 1),
        ('root ::= "ab" | "ac" | "d"', 3),
        ("root ::= [a-c] x*\nx ::= [^a-y]", 2),
        ('root ::= "a"{2}', 1),
        ('root ::= "a"{0,2} "b"', 2),
        (r'root ::= "\x61"+ "a"*', 3),
        ("root ::= <think> .? !<[7]>", 2),
        ("root ::= (<[1]> (!<[2]>)* <[2]>)+ <[3]> (!<[4]>)* <[4]>", 2),
    ],
)
def test_the_ways_of_a_grammar(text: str, ways: int) -> None:
    assert most_ways(Grammar(text), ENOUGH) >= ways
    assert most_ways(Grammar(text), ENOUGH) <= ways * 24


@pytest.mark.parametrize(
    "text",
    [
        'root ::= "a',
        "root ::= (",
        "root ::= )",
        "root ::= *",
        "root ::= _",
        '"a"',
        'start ::= "a"',
        'root ::= "a" other ::= "b"',
        'root ::= "a"{3000}',
        f'root ::= "{"a" * 5000}"{{2000}}',
    ],
)
def test_what_is_no_grammar_or_too_large(text: str) -> None:
    with pytest.raises(Refused):
        Grammar(text)


@pytest.mark.parametrize(
    "schema",
    [
        {"properties": {f"p{n}": {} for n in range(500)}},
        {"properties": {"a": {"enum": list(range(20_000))}}},
        {"type": ["object"] * 200, "properties": {"a": {"type": ["object"] * 100}}},
        {"const": "x" * schemas.LARGEST},
        {"$ref": "#"},
        {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}},
        {"items": [{"oneOf": [{}, {"$ref": "#/items/0"}]}]},
    ],
    ids=["optional", "enum", "types", "length", "root", "two", "list"],
)
def test_schemas_that_are_refused(schema: dict[str, Any]) -> None:
    with pytest.raises(Refused):
        schemas.check([schema])


@pytest.mark.parametrize(
    "schema",
    [
        {"properties": {"next": {"$ref": "#"}}, "required": 3},
        {"$ref": "#/$defs/n", "$defs": {"n": {"items": {"$ref": "#/$defs/n"}}}},
        {"$ref": "https://elsewhere.example/schema", "properties": {"a": True}},
        {
            "properties": {f"p{n}": {} for n in range(2000)},
            "required": [f"p{n}" for n in range(2000)],
        },
    ],
    ids=["within", "items", "elsewhere", "required"],
)
def test_schemas_that_are_handed_on(schema: dict[str, Any]) -> None:
    schemas.check([schema])


SELF = {
    "type": "object",
    "properties": {
        "name": {"enum": ["a"]},
        "parts": {"type": "array", "items": {"$ref": "#"}, "minItems": 1},
    },
    "required": ["name", "parts"],
    "additionalProperties": False,
}
_FUNCTION = {"name": "f", "parameters": SELF}


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("/api/chat", {"format": SELF, "stream": False, "options": {"num_predict": 24}}),
        ("/v1/chat/completions", {"response_format": {"type": "json_object", "schema": SELF}}),
        (
            "/v1/chat/completions",
            {
                "tools": [{"type": "function", "function": _FUNCTION}],
                "tool_choice": "required",
            },
        ),
    ],
    ids=["Ollama", "OpenAI", "tool"],
)
def test_a_schema_may_refer_to_itself_as_a_whole(
    http: httpx.Client, path: str, asked: dict[str, Any]
) -> None:
    """As OpenAI's documentation shows recursion: llama.cpp by itself knows no ``#``."""
    answer = http.post(path, json={**CHAT, "max_tokens": 24, **asked})
    assert answer.status_code == 200, answer.text
    message = answer.json().get("message") or answer.json()["choices"][0]["message"]
    if "tools" not in asked:
        begun = "".join(message["content"].split())
        assert begun and ('{"name":"a","parts":[' * 24).startswith(begun)


def test_a_name_for_the_root_changes_nothing_else() -> None:
    plain = {"response_format": {"schema": {"const": {"$ref": 1}}}, "n": 2, "tools": None}
    assert schemas.rooted(plain) == plain
    known = {"$defs": {"n": {"$ref": "#"}}, "definitions": {"m": {}}, "not": [{"$ref": "#"}]}
    name = {"$ref": "#/$defs/the-schema-itself"}
    assert schemas.rooted({"json_schema": known})["json_schema"] == {
        "$defs": {"n": name, "the-schema-itself": {"not": [name]}},
        "definitions": {"m": {}},
        "not": [name],
    }
    assert known["not"] == [{"$ref": "#"}]


def test_schemas_are_found_in_every_dialect() -> None:
    one = {"type": "integer"}
    bodies: list[dict[str, Any]] = [
        {"json_schema": one},
        {"response_format": {"type": "json_object", "schema": one}},
        {"response_format": {"type": "json_schema", "json_schema": {"schema": one}}},
        {"tools": [{"type": "function", "function": {"name": "f", "parameters": one}}]},
        {"tools": [{"type": "function", "name": "f", "parameters": one}]},
        {"tools": [{"name": "f", "input_schema": one}]},
        {"text": {"format": {"type": "json_schema", "schema": one}}},
    ]
    assert [schemas.of(body) for body in bodies] == [[one]] * len(bodies)
    assert schemas.of({"messages": [{"schema": one}], "tools": 1, "json_schema": "{}"}) == []


@pytest.mark.parametrize(
    ("pattern", "grammar"),
    [
        ("^a{2}(b|c)*$", 'root ::= ("a" {2} ( "b" | "c" ) *)'),
        (r"^(?:[a-z.]+)\.\"$", r'root ::= (( [a-z.] + ) "." "\"")'),
        ("a?", ""),
        ("^[a$", ""),
    ],
)
def test_patterns_as_a_grammar(pattern: str, grammar: str) -> None:
    assert schemas.patterns([{"items": {"pattern": pattern}}]) == grammar
    if grammar:
        Grammar(grammar)
