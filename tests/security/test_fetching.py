"""No address that a stranger names is ever asked, in whatever spelling, wherever it is put."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import quote

import aiohttp
import httpx2
import pytest
from django.core.cache import cache
from django.test import Client
from pytest_django.fixtures import Settings

from inference import refs
from inference.errors import InferenceError
from inference.pull import places
from inference.pull.tasks import pull
from inference.settings import load
from tests.faults.outcomes import eventually
from tests.inference import endpoint as endpoints
from tests.inference import tiny_gguf
from tests.inference.endpoint import Endpoint
from tests.inference.pull.conftest import QUICK
from tests.security.victim import LINKS, Victim
from tests.standins.huggingface import HuggingFaceStandIn
from tests.standins.ollama import OllamaStandIn
from tests.standins.server import Reply, StandIn
from wizard.console import logs
from wizard.demo import ollama_fields, openai_fields
from wizard.demo.errors import DemoError
from wizard.demo.values import Limits
from wizard.registry import http, pasted, public_only
from wizard.registry.errors import RegistryError

NUMBERS = range(len(LINKS))
MODEL = "/models/hf/Qwen/Qwen3-8B-GGUF"


@pytest.fixture(scope="module")
def victim() -> Iterator[Victim]:
    with Victim() as listening:
        yield listening


@pytest.fixture(autouse=True)
def _nobody_came(victim: Victim) -> Iterator[None]:
    before = victim.visits
    yield
    assert victim.visits == before, "the victim was asked"


@pytest.fixture
def site(settings: Settings) -> Iterator[Client]:
    """The site with live registries, which know nothing of the links."""
    settings.OFFLINE, settings.REGISTRY_TIMEOUT = False, 5.0
    with HuggingFaceStandIn() as hub, OllamaStandIn() as ollama, StandIn() as console:
        settings.HUGGING_FACE_URL = hub.url
        settings.OLLAMA_URL, settings.OLLAMA_REGISTRY_URL = ollama.url, ollama.registry_url
        settings.CONSOLE_API_URL = console.url
        yield Client(raise_request_exception=False)


def test_there_are_a_hundred_ways() -> None:
    assert len(set(LINKS)) >= 100


def test_the_victim_would_notice(victim: Victim) -> None:
    for host in ("127.0.0.2", "::1"):
        with Victim() as other:
            socket.create_connection((host, other.port)).close()
            eventually(lambda: other.visits == 1)


@pytest.mark.parametrize("number", NUMBERS)
def test_no_page_asks_what_a_visitor_names(site: Client, victim: Victim, number: int) -> None:
    link = victim.links[number]
    part = quote(link, safe="")
    pages: tuple[tuple[str, dict[str, str]], ...] = (
        ("/", {"q": link}),
        ("/", {"q": f"ollama run {link}", "author": link}),
        (f"/models/hf/{part}/x/", {}),
        (f"/models/hf/x/{part}/configure/", {}),
        (f"/models/ollama/{part}/", {}),
        (f"/models/ollama/x/{part}/deploy.yaml", {}),
        (f"{MODEL}/plan.json", {"variant": link}),
        (f"{MODEL}@{part}/", {}),
        (f"{MODEL}/deploy.yaml", {"env": f"MODEL={link}", "alias": link, "region": link}),
    )
    for address, query in pages:
        answer = site.get(address, query)
        assert answer.status_code < 500 or answer.status_code == 503, (
            address,
            answer.content[:500],
        )
        assert not answer.headers.get("Location", "/").startswith(("//", "http", "/\\"))
    sdl = f"version: '2.0'\nservices:\n  a:\n    image: '{link}'\n"
    assert site.post("/api/check", sdl, content_type="application/yaml").status_code < 500


@pytest.mark.parametrize("number", NUMBERS)
def test_no_name_of_a_model_leads_elsewhere(victim: Victim, number: int) -> None:
    link = victim.links[number]
    for text in (link, f"hf.co/{link}", f"user/{link}", f"hf.co/a/b/{link}", f"model@{link}"):
        for ref in pasted.candidates(text):
            assert refs.parse(str(ref)) == ref
            assert "127." not in str(ref).split("/")[0].removeprefix("hf.co")
        with pytest.raises(refs.RefError):
            found = refs.parse(text)
            assert "://" not in str(found)
            raise refs.RefError("a file's name in a repository, which is asked of the Hub alone")


def _led_by(location: str) -> Reply:
    raw = location.encode("utf-8", "surrogateescape").decode("latin-1")
    clean = "".join(char for char in raw if char not in "\r\n\x00")
    return Reply(302, b"", {"Location": clean})


@pytest.mark.parametrize("number", NUMBERS)
def test_no_registry_leads_the_site_elsewhere(
    victim: Victim, settings: Settings, number: int
) -> None:
    settings.OFFLINE, settings.REGISTRY_TIMEOUT = False, 5.0
    with StandIn() as registry, http.client("The registry") as client:
        settings.HUGGING_FACE_URL = registry.url
        registry.route("GET", "/start", _led_by(victim.links[number]))
        with pytest.raises((RegistryError, httpx2.HTTPError, httpx2.InvalidURL)):
            answer = client.get(f"{registry.url}/start")
            assert answer.status_code == 404, "a path of the registry's own"
            raise RegistryError("nothing but the registry was asked")


@pytest.mark.parametrize(
    "place", ["/api/models/Qwen/Qwen3-8B-GGUF", "/resolve/", "/library", "/v2/"]
)
def test_a_registry_that_leads_inside_is_an_answer_to_the_visitor(
    victim: Victim, settings: Settings, place: str
) -> None:
    settings.OFFLINE, settings.REGISTRY_TIMEOUT = False, 5.0
    cache.clear()
    with HuggingFaceStandIn() as hub, OllamaStandIn() as ollama:
        settings.HUGGING_FACE_URL = hub.url
        settings.OLLAMA_URL, settings.OLLAMA_REGISTRY_URL = ollama.url, ollama.registry_url
        for server in (hub.hub, ollama.site, ollama.registry):
            server.fail(place, _led_by(f"https://[::1]:{victim.port}/x"))
        site = Client(raise_request_exception=False)
        for address in (
            f"{MODEL}/",
            f"{MODEL}/plan.json",
            "/models/ollama/llama3.1:8b/",
            "/?q=qwen",
        ):
            assert site.get(address).status_code in (200, 502, 503)


def test_a_name_that_changes_after_the_look_gains_nothing(
    victim: Victim, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection itself is looked at too: it is closed before a byte is sent."""
    settings.OFFLINE = False
    said: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as other:
        other.settimeout(60)
        port = other.getsockname()[1]
        looked = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("8.8.8.8", port))]
        resolver = SimpleNamespace(getaddrinfo=lambda *_a, **_k: looked, SOCK_STREAM=1)
        monkeypatch.setattr(public_only, "socket", resolver)
        with (
            http.client("The registry") as client,
            pytest.raises(RegistryError, match="not public"),
        ):
            client.get(f"https://127.0.0.1:{port}/")
        connection, _ = other.accept()
        with connection:
            said.append(connection.recv(100))
    assert said == [b""]


@pytest.mark.parametrize("number", NUMBERS)
def test_no_registry_leads_the_runtime_elsewhere(
    victim: Victim, tmp_path: Path, number: int
) -> None:
    with StandIn() as hub:
        for path in (r"/api/models/user/repo/revision/main", r"/v2/library/model/manifests/latest"):
            hub.route("GET", path, _led_by(victim.links[number]))
        environ = {
            "HF_ENDPOINT": hub.url,
            "HUGGING_FACE_URL": hub.url,
            "OLLAMA_REGISTRY_URL": hub.url,
            "MODELS_DIR": str(tmp_path),
            "HF_TOKEN": "hf_secretsecretsecret",
        }
        for name in ("hf.co/user/repo", "model"):
            told = load(["--model", name], environ, serving=False)
            with pytest.raises(InferenceError):
                asyncio.run(pull(told.models[0], told, limits=QUICK))
        assert hub.count("/") >= 2, "the registry was asked"


def test_a_list_that_goes_on_elsewhere_is_refused(victim: Victim, tmp_path: Path) -> None:
    with StandIn() as hub:
        commit = "a" * 40
        more = {"Link": f'<http://[::1]:{victim.port}/x>; rel="next"', "Content-Type": "x/json"}
        hub.route("GET", rf"/api/models/user/repo/tree/{commit}", Reply(200, b"[]", more))
        environ = {"HUGGING_FACE_URL": hub.url, "MODELS_DIR": str(tmp_path)}
        told = load(["--model", f"hf.co/user/repo@{commit}"], environ, serving=False)
        with pytest.raises(InferenceError, match="another host"):
            asyncio.run(pull(told.models[0], told, limits=QUICK))


@pytest.fixture(scope="module")
def seeing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    """A runtime whose model sees, on the real engine, which would fetch pictures by itself."""
    folder = tmp_path_factory.mktemp("seeing")
    tiny_gguf.write_model(folder / "tiny.gguf", template=tiny_gguf.WITH_TOOLS)
    tiny_gguf.write_projector(folder / "projector.gguf")
    flags = ["--model", str(folder / "tiny.gguf"), "--projector", str(folder / "projector.gguf")]
    with endpoints.running(folder, *flags, "--slots", "1") as running:
        yield running


def _requests(link: str) -> list[tuple[str, dict[str, object]]]:
    """A link in every place of every dialect where a picture, a sound or a file may be."""

    def chat(part: object) -> dict[str, object]:
        return {"model": "tiny", "max_tokens": 1, "messages": [{"role": "user", "content": [part]}]}

    def asked(part: object) -> dict[str, object]:
        item = {"type": "message", "role": "user", "content": [part]}
        return {"model": "tiny", "max_output_tokens": 1, "input": [item]}

    def answered(part: object) -> dict[str, object]:
        item = {"type": "function_call_output", "call_id": "c", "output": [part]}
        return {"model": "tiny", "max_output_tokens": 1, "input": [item]}

    picture = {"type": "image_url", "image_url": {"url": link}}
    source = {"type": "image", "source": {"type": "url", "url": link}}
    result = {"type": "tool_result", "tool_use_id": "t", "content": [source]}
    schema = {"type": "json_schema", "json_schema": {"schema": {"$ref": link}}}
    extra = [{"filename": link, "text": link}]
    text = chat({"type": "text", "text": "x"})
    prompt = {"prompt_string": "<__media__>", "multimodal_data": [link]}
    return [
        ("/v1/chat/completions", chat(picture)),
        ("/v1/chat/completions", chat({"type": "image_url", "image_url": link})),
        ("/v1/chat/completions", chat({"type": "video_url", "video_url": {"url": link}})),
        ("/v1/chat/completions", chat({"type": "input_audio", "input_audio": {"data": link}})),
        ("/v1/chat/completions", chat({"type": "file", "file": {"file_data": link}})),
        ("/v1/chat/completions", chat({"type": ["image_url"], **picture, "url": link})),
        ("/chat/completions", chat(picture)),
        ("/apply-template", chat(picture)),
        ("/v1/responses", asked({"type": "input_image", "image_url": link})),
        ("/v1/responses", answered({"type": "input_image", "image_url": link})),
        ("/v1/responses/input_tokens", answered({"type": "input_image", "image_url": link})),
        ("/v1/responses", asked({"type": "input_file", "file_url": link})),
        ("/v1/messages", chat(source)),
        ("/v1/messages", chat(result)),
        ("/v1/messages", {**text, "system": [source]}),
        ("/v1/messages/count_tokens", chat(source)),
        ("/completion", {"model": "tiny", "n_predict": 1, "prompt": prompt}),
        ("/completion", {"model": "tiny", "prompt": [prompt], "image_data": [link]}),
        ("/v1/embeddings", {"model": "tiny", "input": [picture]}),
        ("/v1/embeddings", {"model": "tiny", "content": [{"content": [picture]}]}),
        ("/embedding", {"model": "tiny", "content": {"content": [picture]}}),
        ("/infill", {"model": "tiny", "n_predict": 1, "input_extra": extra}),
        ("/api/chat", {"model": "tiny", "messages": [{"role": "user", "images": [link]}]}),
        ("/api/generate", {"model": "tiny", "prompt": "x", "images": [link]}),
        ("/api/show", {"model": link}),
        ("/api/pull", {"model": link}),
        ("/v1/chat/completions", {**text, "model": link}),
        ("/v1/chat/completions", {**text, "response_format": schema}),
    ]  # fmt: skip


@pytest.mark.parametrize("number", NUMBERS)
def test_the_engine_fetches_nothing(seeing: Endpoint, victim: Victim, number: int) -> None:
    with seeing.client() as client:
        for path, body in _requests(victim.links[number]):
            answer = client.post(path, json=body)
            assert answer.status_code in (200, 400, 403, 404, 500, 501), (path, answer.text)
        assert client.get("/health").status_code == 200


def test_a_picture_in_the_request_is_seen(seeing: Endpoint) -> None:
    """What the test above refuses is refused for the link alone."""
    pixel = (
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJg"
        "gg=="
    )
    with seeing.client() as client:
        path, body = _requests(f"data:image/png;base64,{pixel}")[0]
        answer = client.post(path, json=body)
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("number", NUMBERS)
def test_the_demo_hands_on_no_link(victim: Victim, number: int) -> None:
    link = victim.links[number]
    for path, body in _requests(link):
        read = ollama_fields.chat if path.startswith("/api") else openai_fields.chat
        try:
            work = read({**body, "model": "tiny"}, Limits())
        except DemoError:
            continue
        assert link not in str(work.body)


@pytest.mark.parametrize("number", NUMBERS)
def test_no_provider_s_address_leads_inside(
    victim: Victim, settings: Settings, number: int
) -> None:
    settings.CONSOLE_API_URL = "https://console.example"
    with pytest.raises((OSError, ValueError, TimeoutError, aiohttp.ClientError)):
        asyncio.run(logs._asked(victim.links[number].replace("http://", "https://"), "token"))


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1"),
        *("::1", "::", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "fe80::1", "fe80::1%eth0", "fd00::1"),
        *("64:ff9b::7f00:1", "2002:7f00:1::", "::127.0.0.1", "192.0.0.192", "168.63.129.16"),
        *("64:ff9b::a00:1", "64:ff9b:1::7f00:1", "::ffff:0:7f00:1", "fec0::1", "5f00::1"),
        *("3fff::1", "2001:0:7f00:1::", "192.88.99.1", "1::", "4000::1", "169.254.170.2"),
        *("224.0.0.1", "ff02::1", "255.255.255.255", "198.18.0.1", "240.0.0.1", "0.0.0.1"),
    ],
)  # fmt: skip
def test_an_address_inside_is_not_public(address: str) -> None:
    assert not public_only.is_public(address)
    assert not places.is_public(address)
    assert not logs._is_allowed(address)


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]
)
def test_an_address_of_the_internet_is_public(address: str) -> None:
    assert public_only.is_public(address)
    assert places.is_public(address)
    assert logs._is_allowed(address)
