"""What an operator writes of upstreams, and the sentence for what makes no sense."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from wizard.demo import configuration
from wizard.demo.values import Kind

GOOD: dict[str, Any] = {"url": "https://one.example", "kind": "ollama", "models": ["llama3"]}


def _read(*items: object) -> tuple[Any, ...]:
    return configuration.upstreams(yaml.safe_dump(list(items)))


def test_it_works() -> None:
    (found,) = configuration.upstreams(
        """
        - name: akash-1
          url: https://abc.provider.example/v1/
          kind: vllm
          key: secret
          models: {llama2-7b: "llama2:7b"}
          parallel: 8
          context: 4096
        """
    )
    assert (found.name, found.url, found.kind) == (
        "akash-1",
        "https://abc.provider.example",
        Kind.VLLM,
    )
    assert (found.key, found.parallel, found.context) == ("secret", 8, 4096)
    assert [(offer.alias, offer.model) for offer in found.offers] == [("llama2-7b", "llama2:7b")]
    assert "secret" not in repr(found)


def test_nothing_is_fine() -> None:
    assert configuration.upstreams(" \n") == ()


def test_json_is_read_too() -> None:
    (found,) = configuration.upstreams(
        '[{"url": "http://h:1", "kind": "runtime", "models": ["m"]}]'
    )
    assert (found.name, found.key, found.parallel, found.context) == ("h:1", "", 4, 0)


def test_a_key_is_read_from_its_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("secret\n")
    (found,) = _read({**GOOD, "key_file": str(tmp_path / "key")})
    assert found.key == "secret"


def test_capabilities_are_said_of_a_model() -> None:
    named = {"phi": {"model": "microsoft/phi", "capabilities": ["vision"]}}
    (found,) = _read({**GOOD, "models": named})
    assert found.offers[0].capabilities == ("completion", "vision")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("- a: [", "neither YAML nor JSON"),
        ("just text", "use a list of upstreams"),
        ("[]", "use a list of upstreams"),
        ("[1]", "upstream 1 must have url, kind and models"),
    ],
)
def test_what_is_no_list_is_refused(text: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        configuration.upstreams(text)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"modles": 1}, "upstream 1 has 'modles', which is unknown: use name, url, kind"),
        ({"url": "one.example"}, "the url of upstream 1 must be like https://host"),
        ({"url": "file:///etc/passwd"}, "must be like https://host"),
        ({"url": "http://user:word@host"}, "with nothing else"),
        ({"kind": "openia"}, "must be one of runtime, ollama, vllm, openai"),
        ({"models": []}, "must have models"),
        ({"models": "llama3"}, "must have models"),
        ({"models": [""]}, "1 to 200 printable characters"),
        ({"models": ["a\nb"]}, "1 to 200 printable characters"),
        ({"models": {"a": {"modle": "b"}}}, "'modle', which is unknown"),
        ({"models": {"a": {"capabilities": ["fly"]}}}, "capabilities of 'a' must be a list of"),
        ({"key": "a", "key_file": "b"}, "has key and key_file: use one of them"),
        ({"key_file": "/nowhere/at/all"}, "cannot be read: No such file"),
        ({"key": 5}, "the key of upstream 1"),
        ({"parallel": 0}, "parallel of upstream 1 .* must be a whole number between 1 and 1024"),
        ({"parallel": True}, "must be a whole number"),
        ({"context": -1}, "context of upstream 1"),
    ],
)
def test_an_upstream_that_makes_no_sense_is_refused(change: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        _read({**GOOD, **change})


def test_two_of_a_name_are_refused() -> None:
    with pytest.raises(ValueError, match=r"two upstreams are named 'one\.example'"):
        _read(GOOD, GOOD)


@pytest.mark.parametrize("text", ["20", "many/minute", "20/fortnight", ""])
def test_rates_that_make_no_sense_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="use rates such as 20/minute;500/day"):
        configuration.rates(text)
    assert configuration.rates("20/minute;500/day") == "20/minute;500/day"
