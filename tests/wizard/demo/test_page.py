from __future__ import annotations

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from wizard.demo.configuration import upstreams
from wizard.demo.values import Limits

SETTING = """
- url: https://akash.example
  kind: ollama
  models: {llama2-7b: "llama2:7b", mistral-7b: mistral}
"""


def _directive(policy: str, name: str) -> list[str]:
    found = [part.split() for part in policy.split(";") if part.split()[0] == name]
    return found[0][1:] if found else []


def test_it_works(client: Client) -> None:
    text = client.get("/playground/").content.decode()
    assert 'id="prompt"' in text
    assert "Kept in this browser only" in text
    assert '<a href="/playground/" aria-current="page">Playground</a>' in text


def test_only_this_page_may_connect_elsewhere_and_only_connect(client: Client) -> None:
    wide = client.get("/playground/")["Content-Security-Policy"]
    plain = client.get("/docs/")["Content-Security-Policy"]
    assert _directive(wide, "connect-src") == [
        *("'self'", "https:", "http://localhost:*", "http://127.0.0.1:*"),
    ]
    assert _directive(plain, "connect-src") == ["'self'"]
    connecting = " ".join(_directive(wide, "connect-src"))
    assert wide.replace(f"connect-src {connecting}", "connect-src 'self'") == plain


def test_without_javascript_it_says_how_to_ask(client: Client, settings: Settings) -> None:
    settings.DEMO_UPSTREAMS = upstreams(SETTING)
    text = client.get("/playground/", headers={"Host": "demo.example"}).content.decode()
    assert "needs JavaScript" in text
    assert "curl http://demo.example/api/chat" in text
    assert '"model": "llama2-7b"' in text


def test_the_limits_are_told(client: Client, settings: Settings) -> None:
    settings.DEMO_LIMITS = Limits(rates="7/hour;50/day", max_tokens=333, images=2)
    text = client.get("/playground/").content.decode()
    assert "7 messages an hour, free." in text
    assert 'max="333"' in text
    assert 'data-most-images="2"' in text


@pytest.mark.parametrize(
    ("model", "address"),
    [
        ("llama2-7b", "/?q=llama2%3A7b"),
        ("mistral-7b", "/?q=mistral"),
        ("no-such-model", "/?q=no-such-model"),
        ("oneclick-demo", "/"),
        ("", "/"),
        ("//evil.example/", "/?q=%2F%2Fevil.example%2F"),
    ],
)
def test_a_model_leads_into_the_wizard(
    client: Client, settings: Settings, model: str, address: str
) -> None:
    settings.DEMO_UPSTREAMS = upstreams(SETTING)
    answer = client.get("/playground/deploy", {"model": model})
    assert answer.status_code == 302
    assert answer["Location"] == address


@pytest.mark.parametrize("path", ["/playground/", "/playground/deploy"])
def test_posting_is_refused(client: Client, path: str) -> None:
    assert client.post(path).status_code == 405
