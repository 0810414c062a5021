"""``manage.py deploy``: the same way without a browser."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from io import StringIO
from subprocess import PIPE

import pytest
from django.core.management import CommandError, call_command
from pytest_django.fixtures import Settings

from tests.site.live import ROOT
from tests.standins.console import ConsoleApi, unaudited
from tests.standins.console_answers import BIDDERS
from tests.standins.endpoint import GB, Endpoint
from tests.standins.ollama import OllamaStandIn
from tests.standins.server import Reply, Request, json, text
from tests.standins.tls import certificate
from tests.wizard.demo.sites import wait_until
from wizard.console import client, following
from wizard.console.following import Patience
from wizard.management.commands import deploy

QUICK = Patience(pause=0.02, bids=0.2, settling=0.0, ready=120.0)
REF = ("qwen3:8b", "--set", "gpu=rtx3090", "--set", "count=1")


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[Endpoint]:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate()))
    with Endpoint() as server:
        yield server


@pytest.fixture(autouse=True)
def _world(
    api: ConsoleApi, endpoint: Endpoint, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    api.endpoint = endpoint.host
    monkeypatch.setenv("AKASH_CONSOLE_API_KEY", api.key)
    monkeypatch.delenv("ENDPOINT_API_KEY", raising=False)
    monkeypatch.setattr(deploy, "PATIENCE", QUICK)
    with OllamaStandIn() as ollama:
        settings.OLLAMA_URL, settings.OLLAMA_REGISTRY_URL = ollama.url, ollama.registry_url
        settings.HUGGING_FACE_URL = "http://127.0.0.1:9"
        yield


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("deploy", *arguments, stdout=out, stderr=StringIO())
    return out.getvalue()


def failure(*arguments: str) -> CommandError:
    with pytest.raises(CommandError) as caught:
        run(*arguments)
    return caught.value


def test_it_works(api: ConsoleApi, endpoint: Endpoint, capsys: pytest.CaptureFixture[str]) -> None:
    steps = ((1, "pulling"), (4, "pulling"), (5, "loading"), (5, "ready"))
    endpoint.to_come = [(done * GB, phase) for done, phase in steps]
    lines = dict(line.split(" ", 1) for line in run(*REF).splitlines())
    assert lines["endpoint"] == endpoint.address
    assert lines["dseq"] == api.active[0].dseq
    assert lines["key"].startswith("ocl_")
    assert api.active[0].provider == BIDDERS[1].address
    assert "Weights" in capsys.readouterr().err


def test_again_with_the_same_key_pays_nothing(
    api: ConsoleApi, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint.phase = "ready"
    monkeypatch.setenv("ENDPOINT_API_KEY", "ocl_" + "k" * 40)
    assert run(*REF) == run(*REF)
    assert len(api.held) == 1


def test_listing_and_closing(api: ConsoleApi, endpoint: Endpoint) -> None:
    endpoint.phase = "ready"
    run(*REF)
    dseq = api.active[0].dseq
    assert dseq in run("--list")
    assert f"Closed {dseq}" in run("--close", dseq)
    assert run("--list") == ""


def test_screening_alone_needs_no_key(api: ConsoleApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AKASH_CONSOLE_API_KEY")
    assert "3 providers could host it now, 2 audited." in run(*REF, "--screen")
    assert not api.held


def test_nobody_could_host_it(api: ConsoleApi) -> None:
    api.hosts = ()
    assert failure(*REF, "--screen").returncode == 5


def test_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AKASH_CONSOLE_API_KEY")
    error = failure(*REF)
    assert error.returncode == 3
    assert "AKASH_CONSOLE_API_KEY" in str(error)


def test_a_wrong_key(api: ConsoleApi) -> None:
    api.key = "another-key-entirely"
    assert failure(*REF).returncode == 3


def test_too_little_credit(api: ConsoleApi) -> None:
    api.balance = 1
    error = failure(*REF)
    assert error.returncode == 4
    assert "Add credit" in str(error)


def test_no_bids_close_it_again(api: ConsoleApi) -> None:
    api.bidders = ()
    assert failure(*REF).returncode == 5
    assert api.held
    assert not api.active


def test_nobody_audited(api: ConsoleApi, endpoint: Endpoint) -> None:
    api.bidders = unaudited(BIDDERS)
    assert "--any-provider" in str(failure(*REF))
    endpoint.phase = "ready"
    assert "endpoint " in run(*REF, "--any-provider")


def test_an_endpoint_that_says_it_failed(api: ConsoleApi, endpoint: Endpoint) -> None:
    endpoint.phase, endpoint.message = "failed", "The model needs a Hugging Face token."
    error = failure(*REF)
    assert error.returncode == 6
    assert endpoint.message in str(error)
    assert api.active


def test_an_outage_passes(api: ConsoleApi, endpoint: Endpoint) -> None:
    endpoint.phase = "ready"
    api.fail(r"/v1/deployments/\d", text("upstream", 502), times=len(client.PAUSES) + 1)
    out, told = StringIO(), StringIO()
    call_command("deploy", *REF, stdout=out, stderr=told)
    assert "Akash Console does not answer: asking again." in told.getvalue()
    assert "endpoint " in out.getvalue()


def test_an_outage_at_the_start(api: ConsoleApi) -> None:
    api.fail(r"/v1/deployments", text("upstream", 502), times=len(client.PAUSES) + 1)
    error = failure(*REF)
    assert error.returncode == 1
    assert "Akash Console does not answer." in str(error)
    assert "Run this again" in str(error)
    assert "page" not in str(error)
    assert not api.held


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (429, "Akash Console asks us to slow down: asking again."),
        (503, "Akash Console took too long: asking again."),
    ],
)
def test_an_outage_while_a_bid_is_taken_passes(
    api: ConsoleApi, endpoint: Endpoint, status: int, words: str
) -> None:
    endpoint.phase = "ready"
    api.fail(r"/v1/leases", text("upstream", status), times=1)
    out, told = StringIO(), StringIO()
    call_command("deploy", *REF, stdout=out, stderr=told)
    assert words in told.getvalue()
    assert "endpoint " in out.getvalue()


@pytest.mark.usefixtures("interruptible")
def test_ctrl_c_leaves_what_was_made(api: ConsoleApi, settings: Settings) -> None:
    """Ctrl-C in a terminal, as a process of its own gets it."""
    names = ("CONSOLE_API_URL", "OLLAMA_URL", "OLLAMA_REGISTRY_URL", "HUGGING_FACE_URL")
    world = {name: getattr(settings, name) for name in names}
    command = [sys.executable, "manage.py", "deploy", *REF]
    with subprocess.Popen(
        command, env={**os.environ, **world, "OFFLINE": "0"}, cwd=ROOT, stderr=PIPE, text=True
    ) as process:
        wait_until(lambda: bool(api.active))
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "--close ends it" in told
    assert "Traceback" not in told
    assert len(api.active) == 1


def test_not_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    late = Patience(pause=0.02, bids=0.2, settling=0.0, ready=0.3)
    monkeypatch.setattr(deploy, "PATIENCE", late)
    assert failure(*REF).returncode == 7


def test_a_lease_that_is_lost(api: ConsoleApi, endpoint: Endpoint) -> None:
    def lost(_request: Request) -> Reply:
        api.lose_lease()
        return json({"phase": "loading"})

    endpoint.route("GET", "/status", lost)
    assert failure(*REF).returncode == following.NotStarted.exit_code


@pytest.mark.parametrize(
    "arguments",
    [("nothing here!",), ("qwen3:8b", "--set", "context=lots"), ("qwen3:8b", "--set", "x=1"), ()],
    ids=["name", "value", "choice", "nothing"],
)
def test_a_wrong_choice(api: ConsoleApi, arguments: tuple[str, ...]) -> None:
    assert failure(*arguments).returncode == 2
    assert not api.held


def test_a_gated_model_wants_its_token(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_TOKEN", raising=False)
    error = failure("hf.co/meta-llama/Llama-3.1-8B-Instruct")
    assert error.returncode == 2
    assert "HF_TOKEN" in str(error)
