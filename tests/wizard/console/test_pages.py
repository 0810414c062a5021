"""The pages and the addresses that their script asks, with the key in a header."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from tests.standins.console import ConsoleApi
from tests.wizard.sdl import factory
from wizard.sdl import document
from wizard.sdl.values import Engine, Secrets
from wizard.sdl.writer import to_yaml

NOWHERE = "http://127.0.0.1:9"
DEPLOY = "/models/ollama/qwen3:8b/deploy/"


class Account:
    """Asks as the page's script does."""

    def __init__(self, key: str) -> None:
        self.client = Client(headers={"X-Console-Key": key})

    def post(self, path: str, body: object) -> Any:
        return self.client.post(path, json.dumps(body), content_type="application/json")

    def create(self, built: dict[str, Any], deposit: float = 5) -> dict[str, Any]:
        answer = self.post("/deployments/create", {"sdl": to_yaml(built), "deposit": deposit})
        assert answer.status_code in (200, 201), answer.content
        found: dict[str, Any] = answer.json()
        return found


@pytest.fixture
def account(api: ConsoleApi) -> Account:
    return Account(api.key)


def text(answer: Any) -> str:
    found: str = answer.content.decode()
    return found


@pytest.mark.parametrize(("model", "is_offered"), [("qwen3:8b", True), ("nomic-embed-text", False)])
def test_the_playground_is_offered_to_what_writes(model: str, is_offered: bool) -> None:
    page = text(Client().get(f"/models/ollama/{model}/deploy/"))
    assert ("Open in the playground" in page) is is_offered


@pytest.mark.parametrize("page", [DEPLOY, "/deployments/", "/deployments/1234567/"])
@pytest.mark.parametrize("is_offline", [True, False])
def test_nothing_can_be_sent_from_a_site_without_a_network(
    settings: Settings, page: str, is_offline: bool
) -> None:
    settings.OFFLINE = is_offline
    settings.CONSOLE_API_URL = settings.HUGGING_FACE_URL = settings.OLLAMA_URL = NOWHERE
    settings.OLLAMA_REGISTRY_URL = NOWHERE
    told = re.search(r'<button class="btn primary" type="submit"[^>]*>', text(Client().get(page)))
    assert told
    assert ("disabled" in told[0]) is is_offline


def test_it_works(api: ConsoleApi, account: Account, built: dict[str, Any]) -> None:
    made = account.create(built)
    dseq = made["dseq"]
    progress = account.client.get(f"/deployments/{dseq}/progress")
    assert 'data-stage="choosing"' in text(progress)
    assert "Example Hosting" in text(progress)
    assert "99.8 % up this week" in text(progress)
    assert progress["Cache-Control"] == "no-store"
    order = {"provider": api.bidders[1].address, "gseq": 1, "oseq": 1}
    answer = account.post(f"/deployments/{dseq}/lease", order | {"manifest": made["manifest"]})
    assert answer.json() == {"leased": True}
    assert 'data-stage="running"' in text(account.client.get(f"/deployments/{dseq}/progress"))
    assert dseq in text(account.client.get("/deployments/list"))
    assert account.post(f"/deployments/{dseq}/deposit", {"usd": 2}).json() == {"added": True}
    changed = account.post(
        f"/deployments/{dseq}/update", {"sdl": to_yaml(built), "context": 4096, "image": ""}
    ).json()
    assert "CONTEXT_LENGTH=4096" in changed["sdl"]
    assert "CONTEXT_LENGTH=4096" in changed["manifest"]
    assert account.post(f"/deployments/{dseq}/close", {}).json() == {"closed": True}
    closed = text(account.client.get(f"/deployments/{dseq}/progress"))
    assert 'data-stage="closed"' in closed
    assert "It cost $0.00" in closed


def test_the_same_file_twice(api: ConsoleApi, account: Account, built: dict[str, Any]) -> None:
    first, again = account.create(built), account.create(built)
    assert again["was_there"]
    assert again | {"was_there": False} == first
    assert len(api.held) == 1


@pytest.mark.parametrize("key", ["", "short", "with a blank in it", "ünïcödé-key-1234"])
def test_no_key_no_answer(api: ConsoleApi, key: str) -> None:
    client = Client(headers={"X-Console-Key": key}) if key.isascii() else Client()
    for path in ("list", "123/progress", "123/logs"):
        answer = client.get(f"/deployments/{path}")
        assert answer.status_code == 401
        assert "does not know this key" in text(answer)
    assert api.count() == 0


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("create", {"sdl": "version: 1", "deposit": 5}),
        ("create", {"sdl": "", "deposit": 5}),
        ("create", {"sdl": 3, "deposit": 5}),
        ("create", [1]),
        ("create", {"deposit": 5}),
        ("1/lease", {"provider": "akash1" + "a" * 20, "gseq": 1, "oseq": 1}),
        ("1/lease", {"provider": "x", "gseq": 1, "oseq": 1, "manifest": "[]"}),
        ("1/lease", {"provider": "akash1" + "a" * 20, "gseq": "1", "oseq": 1, "manifest": "[]"}),
        ("1/deposit", {"usd": -5}),
        ("1/deposit", {"usd": "5"}),
        ("1/deposit", {"usd": True}),
        ("1/deposit", {"usd": 1e9}),
        ("1/update", {"sdl": "nothing", "context": 4096}),
    ],
    ids=str,
)
def test_a_request_that_makes_no_sense(
    api: ConsoleApi, account: Account, path: str, body: object
) -> None:
    answer = account.post(f"/deployments/{path}", body)
    assert 400 <= answer.status_code < 500
    assert set(answer.json()) == {"title", "message", "next_step", "link"}
    assert api.count(method="POST") == 0


@pytest.mark.parametrize("deposit", [0, 0.1, 2000, None, "5", True])
def test_a_deposit_out_of_bounds(
    api: ConsoleApi, account: Account, built: dict[str, Any], deposit: object
) -> None:
    body = {"sdl": to_yaml(built), "deposit": deposit}
    answer = account.post("/deployments/create", body)
    assert answer.status_code == 400
    assert "between $0.50 and $1,000" in answer.json()["message"]
    assert not api.held


def test_a_file_without_its_secrets_is_not_deployed(api: ConsoleApi, account: Account) -> None:
    built = document.build(factory.plan(Engine.VLLM), Secrets())
    answer = account.post("/deployments/create", {"sdl": to_yaml(built), "deposit": 5})
    assert answer.status_code == 400
    assert "secret is missing" in answer.json()["message"]
    assert not api.held


def test_a_variable_may_speak_of_pasting(api: ConsoleApi, account: Account) -> None:
    plan = factory.plan(extra_env=(("HINT", "PASTE-AS-TEXT"),))
    account.create(document.build(plan, Secrets(api_key_sha256="a" * 64)))
    assert len(api.held) == 1


def test_an_update_that_makes_no_sense(
    account: Account, api: ConsoleApi, built: dict[str, Any]
) -> None:
    body = {"sdl": to_yaml(built), "context": "4096"}
    assert account.post("/deployments/1/update", body).status_code == 400
    assert api.count() == 0


def test_changes_are_posts(account: Account) -> None:
    for path in ("create", "1/lease", "1/close", "1/deposit", "1/update"):
        assert account.client.get(f"/deployments/{path}").status_code == 405


def test_the_page_of_a_plan(api: ConsoleApi, settings: Settings) -> None:
    settings.OFFLINE = True
    answer = Client().get(f"{DEPLOY}?context=4096&dseq=17954x")
    assert answer.status_code == 200
    assert "connect-src 'self' https:" in answer["Content-Security-Policy"]
    assert 'data-dseq="17954"' in text(answer)
    assert "/deploy.yaml?context=4096" in text(answer)
    assert "This page needs JavaScript" in text(answer)


def test_variables_that_an_address_brings_are_told(settings: Settings) -> None:
    """Whoever made the link may have a registry that takes tokens."""
    settings.OFFLINE = True
    answer = Client().get(f"{DEPLOY}?env=HUGGING_FACE_URL=https://evil.example/<b>")
    assert "HUGGING_FACE_URL=https://evil.example/&lt;b&gt;" in text(answer)
    assert "sets variables of the container" in text(answer)
    assert "sets variables" not in text(Client().get(DEPLOY))


def test_a_plan_without_a_file_is_not_offered(settings: Settings) -> None:
    settings.OFFLINE = True
    answer = Client().get("/models/ollama/qwen3:8b/deploy/?gpu=rtx3090&context=lots")
    assert answer.status_code == 400


def test_the_page_of_a_number(settings: Settings) -> None:
    answer = Client().get("/deployments/1795420528552/")
    assert answer.status_code == 200
    assert 'data-dseq="1795420528552"' in text(answer)
    assert Client().get("/deployments/abc/").status_code == 404
    assert Client().get("/deployments/").status_code == 200


def test_a_hostile_provider_is_shown_as_text(
    api: ConsoleApi, account: Account, built: dict[str, Any]
) -> None:
    api.bidders = (replace(api.bidders[1], organization="<script>x</script>"),)
    dseq = account.create(built)["dseq"]
    shown = text(account.client.get(f"/deployments/{dseq}/progress"))
    assert "<script>" not in shown
    assert "&lt;script&gt;" in shown
