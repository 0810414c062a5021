"""Every page in every state that a visitor meets, and how to get there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from playwright.sync_api import Page, Route, expect

from inference.status import loading_message
from tests.e2e.deploying import AUDITED, CONFIGURATION, World
from tests.e2e.playground.talking import GIVE, LARGE_PNG, MARKDOWN, ask, say
from tests.standins.endpoint import GB
from tests.standins.server import StandIn, json
from wizard.registry.huggingface_client import gated
from wizard.registry.values import SearchQuery
from wizard.views.failures import failure_of

QWEN = "/models/ollama/qwen3:8b"
HUB_GGUF = "/models/hf/Qwen/Qwen3-8B-GGUF"
HUB_WEIGHTS = "/models/hf/Qwen/Qwen3-8B"
EMBEDDING = "/models/ollama/nomic-embed-text"
GATED = "/models/hf/meta-llama/Llama-3.1-8B-Instruct"
HUGE = "/models/hf/deepseek-ai/DeepSeek-R1"
MIXTURE = "/models/ollama/qwen3:30b"
# A file with something to refuse and something to know.
BAD_SDL = "version: '2.0'\nservices:\n  llm:\n    image: a:latest\n"
BROKEN_YAML = "services: [\n"


def _as_it_comes(_page: Page) -> None:
    """Nothing is to be done: the page is in its state."""


@dataclass(frozen=True)
class State:
    """A page of one address, and what is done on it until it is in its state.

    ``complaints`` is what the browser may write down meanwhile.
    """

    name: str
    path: str
    reach: Callable[[Page], None] = _as_it_comes
    complaints: str = ""


@dataclass(frozen=True)
class Deploying:
    """A state of the pages that follow a deployment."""

    name: str
    reach: Callable[[World], None]


def _typed(text: str) -> Callable[[Page], None]:
    def reach(page: Page) -> None:
        page.fill("#q", text)
        expect(page.locator(".results-title")).to_contain_text("model")

    return reach


def _suggested(page: Page) -> None:
    expect(page.get_by_text("Did you mean")).to_be_visible()


def _hold(_route: Route) -> None:
    """The request is never answered."""


def _searching(page: Page) -> None:
    page.route("**/?q=*", _hold)
    page.fill("#q", "llama")
    expect(page.locator(".loading-text")).to_be_visible()


def _search_lost(page: Page) -> None:
    page.route("**/?q=*", lambda route: route.abort())
    page.fill("#q", "llama")
    expect(page.get_by_role("alert")).to_be_visible()


def _all_open(page: Page) -> None:
    page.evaluate("document.querySelectorAll('details').forEach((one) => (one.open = true))")


def _wrong_choice(page: Page) -> None:
    page.fill("#context", "-5")
    page.press("#context", "Tab")
    expect(page.get_by_role("alert")).to_be_visible()


def _copied(page: Page) -> None:
    page.click("#copy-key")
    expect(page.locator("#announcer")).to_have_text("Copied")


def _downloaded(page: Page) -> None:
    with page.expect_download():
        page.click("#download-top")
    expect(page.locator("#after-download")).to_be_visible()


def _checked(text: str) -> Callable[[Page], None]:
    def reach(page: Page) -> None:
        page.fill("#sdl", text)
        page.get_by_role("button", name="Check it").click()
        expect(page.locator("#problems .notice")).to_be_visible()

    return reach


def _checked_own(page: Page) -> None:
    address = page.url.replace("/check/", f"{QWEN}/deploy.yaml")
    _checked(page.request.get(address).text())(page)


WIZARD = (
    State("home", "/"),
    State("search", "/?q=qwen3"),
    State("search-typed", "/", _typed("vision")),
    State("search-none", "/?q=zzzzqq"),
    State("search-suggestion", "/?q=gema3", _suggested),
    State("search-bad-link", "/?q=https://example.com/nothing"),
    State("search-waiting", "/", _searching),
    State("search-lost", "/", _search_lost, "ERR_FAILED|htmx|fetch"),
    State("search-filtered", "/?source=hf&task=image-text-to-text&size=8"),
    State("which", "/?q=mistral/mistral"),
    State("model-ollama", "/models/ollama/llama3.1/", _all_open),
    State("model-gguf", f"{HUB_GGUF}/"),
    State("model-weights", f"{HUB_WEIGHTS}/"),
    State("model-gated", f"{GATED}/"),
    State("model-huge", f"{HUGE}/"),
    State("model-unknown", "/models/hf/nobody/no-such/", complaints="404"),
    State("model-cloud", "/models/ollama/qwen3:cloud/", complaints="4\\d\\d"),
    State("model-wrong-tag", f"{HUB_GGUF}:Q99/", complaints="404"),
    State("configure", f"{QWEN}/configure/"),
    State("configure-open", f"{QWEN}/configure/", _all_open),
    State("configure-ollama", f"{QWEN}/configure/?engine=ollama"),
    State("configure-llama-server", f"{HUB_GGUF}/configure/?engine=llama-server", _all_open),
    State("configure-vllm", f"{HUB_WEIGHTS}/configure/", _all_open),
    State("configure-nodes", f"{HUGE}/configure/", _all_open),
    State("configure-experts", f"{MIXTURE}/configure/"),
    State("configure-gated", f"{GATED}/configure/"),
    State("configure-cpu", f"{QWEN}/configure/?cpu_only=1"),
    State("configure-embedding", f"{EMBEDDING}/configure/"),
    State("configure-too-small", f"{QWEN}/configure/?gpu=p4&count=1&context=40960&slots=16"),
    State("configure-mistake", f"{QWEN}/configure/?context=9999999", complaints="400"),
    State("configure-wrong", f"{QWEN}/configure/", _wrong_choice),
    State("configure-copied", f"{QWEN}/configure/", _copied),
    State("configure-downloaded", f"{QWEN}/configure/", _downloaded),
    State("deploy-offline", f"{QWEN}/deploy/"),
    State("deployments-offline", "/deployments/"),
    State("check", "/check/"),
    State("check-good", "/check/", _checked_own),
    State("check-bad", "/check/", _checked(BAD_SDL)),
    State("check-broken", "/check/", _checked(BROKEN_YAML)),
    State("docs", "/docs/"),
    State("missing", "/no/such/page/", complaints="404"),
)

NO_SCRIPT = (
    State("plain-home", "/"),
    State("plain-configure", f"{QWEN}/configure/"),
    State("plain-gated", f"{GATED}/configure/"),
    State("plain-deploy", f"{QWEN}/deploy/"),
    State("plain-deployments", "/deployments/"),
    State("plain-check", "/check/"),
    State("plain-playground", "/playground/"),
)


@dataclass(frozen=True)
class Failing:
    """A page while Hugging Face fails, and words that it has then."""

    name: str
    path: str
    fault: Callable[[StandIn], None]
    words: str


def _answers(status: int) -> Callable[[StandIn], None]:
    return lambda hub: hub.fail("", json({"error": "no"}, status))


FAILING = (
    Failing("limited", "/models/hf/a/limited/", StandIn.rate_limit, "asks us to wait for 7"),
    Failing("down", "/models/hf/a/down/configure/", _answers(503), "is out of reach"),
    Failing("odd", "/models/hf/a/odd/", _answers(403), "an unexpected answer"),
    Failing("search-limited", "/?q=qwen3&source=hf", StandIn.rate_limit, "asks us to wait"),
)
# Pages that no address of a healthy site shows, by their template.
TEMPLATES: dict[str, dict[str, object]] = {
    "400.html": {},
    "500.html": {},
    "wizard/failure.html": {"failure": failure_of(gated("meta-llama/Llama-3.3-70B-Instruct"))},
    "wizard/home.html": {"query": SearchQuery(), "rows": (), "is_offline": False},
}


def _reading(page: Page) -> None:
    say(page, "silent")
    expect(page.locator(".phase")).to_be_visible()


def _writing(page: Page) -> None:
    say(page, "endless")
    expect(page.locator(".answer .md")).to_contain_text("word3")


def _stopped(page: Page) -> None:
    _writing(page)
    page.click("#stop")
    expect(page.locator("#stop")).to_be_hidden()


def _answered(page: Page) -> None:
    ask(page, MARKDOWN)


def _asked(text: str) -> Callable[[Page], None]:
    def reach(page: Page) -> None:
        ask(page, text)

    return reach


def _compared(page: Page) -> None:
    page.evaluate("document.getElementById('compare').click()")
    ask(page, MARKDOWN)


def _code(page: Page) -> None:
    ask(page, "hello")
    page.locator("[data-act=code]").click()
    expect(page.locator("#code-view")).to_be_visible()


def _edited(page: Page) -> None:
    ask(page, "hello")
    page.locator("[data-act=edit]").evaluate("button => button.click()")
    expect(page.locator(".edit")).to_be_visible()


def _pictured(page: Page) -> None:
    page.evaluate("model => { model.value = 'bob'; model.dispatchEvent(new Event('change')); }",
                  page.locator("#model").element_handle())  # fmt: skip
    page.evaluate(GIVE, [page.evaluate(LARGE_PNG), "paste"])
    expect(page.locator("#thumbs li")).to_be_visible()


def _own(page: Page) -> None:
    if page.locator("[data-drawer=settings]").is_visible():
        page.locator("[data-drawer=settings]").click()
    page.locator("#own > summary").click()
    page.fill("#own-url", "http://127.0.0.1:9")
    page.click("#own-connect")
    expect(page.locator("#own-trouble")).to_be_visible()


def _exporting(page: Page) -> None:
    ask(page, "hello")
    page.locator("#export > summary").click()


def _cleared(page: Page) -> None:
    ask(page, "hello")
    page.click("#clear")
    expect(page.locator("#toast")).to_be_visible()


def _drawer(name: str) -> Callable[[Page], None]:
    def reach(page: Page) -> None:
        ask(page, "hello")
        button = page.locator(f".drawer-open[data-drawer={name}]")
        if button.is_visible():
            button.click()

    return reach


def _limited(page: Page) -> None:
    limit = {"error": "This demo takes 30 requests a minute from one address. Wait 12 seconds."}
    page.route(
        "**/api/chat",
        lambda route: route.fulfill(status=429, headers={"Retry-After": "12"}, json=limit),
    )
    ask(page, "hello")


def _no_models(page: Page) -> None:
    page.route("**/api/tags", lambda route: route.abort())
    page.reload()
    expect(page.locator("#notice")).to_be_visible()


PLAYGROUND = (
    State("playground", "/playground/"),
    State("playground-reading", "/playground/", _reading),
    State("playground-writing", "/playground/", _writing),
    State("playground-stopped", "/playground/", _stopped),
    State("playground-answered", "/playground/", _answered),
    State("playground-thought", "/playground/", _asked("think")),
    State("playground-refused", "/playground/", _asked("refuse"), "400"),
    State("playground-broken", "/playground/", _asked("die"), "ERR_|network"),
    State("playground-limited", "/playground/", _limited, "429"),
    State("playground-no-models", "/playground/", _no_models, "ERR_FAILED"),
    State("playground-compared", "/playground/", _compared),
    State("playground-code", "/playground/", _code),
    State("playground-editing", "/playground/", _edited),
    State("playground-picture", "/playground/", _pictured),
    State("playground-export", "/playground/", _exporting),
    State("playground-cleared", "/playground/", _cleared),
)
# Beside the chat where there is room; they slide over it on a phone.
DRAWERS = (
    State("playground-talks", "/playground/", _drawer("talks")),
    State("playground-settings", "/playground/", _drawer("settings")),
    State("playground-own", "/playground/", _own, "ERR_|refused"),
)


def _form(world: World) -> None:
    world.open()
    world.wait(world.page.locator("#screening"), "can host this now")


def _refused(world: World) -> None:
    world.open()
    key = world.console.key
    world.console.key = "another-key-entirely"
    world.page.fill("#console-key", key)
    world.page.click("#deploy-button")
    world.trouble("does not know this key")


def _waiting(world: World) -> None:
    world.console.bids_after = 3600
    world.open()
    world.press_deploy()
    world.step("bids", "now")


def _no_bids(world: World) -> None:
    world.console.bids_after = 3600
    world.console.born_before = 150
    world.open()
    world.press_deploy()
    world.wait(world.page.locator("#progress"), "No provider has bid within two minutes")


def _choosing(world: World) -> None:
    world.open()
    world.press_deploy(automatic=False)
    world.wait(world.page.locator(".bid"))


def _choosing_itself(world: World) -> None:
    world.open()
    world.press_deploy()
    world.wait(world.page.locator("#auto-words"), "Takes Example Hosting")


def _leased(world: World) -> None:
    world.console.running_after = 3600
    world.open()
    world.press_deploy(automatic=False)
    world.wait(world.page.locator(".bid"))
    world.page.click(f'[data-accept="{AUDITED}"]')
    world.step("container", "now")


def _downloading(world: World) -> None:
    world.endpoint.done = GB
    world.open()
    world.press_deploy()
    world.step("download", "now")


def _loading(world: World) -> None:
    world.endpoint.phase = "loading"
    world.open()
    world.press_deploy()
    world.step("load", "now")


def _ready(world: World) -> None:
    world.endpoint.phase = "ready"
    world.open()
    world.press_deploy()
    world.step("ready", "done")


def _failed(world: World) -> None:
    world.endpoint.phase, world.endpoint.done = "failed", world.endpoint.size
    world.endpoint.message = "The model needs 9.1 GB, and the card has 7.8 GB left."
    world.open()
    world.press_deploy()
    world.step("load", "failed")
    world.wait(world.page.locator("#endpoint-trouble"), "cannot start")


def _closing(world: World) -> None:
    _ready(world)
    world.page.click("#close-button")
    expect(world.page.locator("#close-confirm")).to_be_visible()


def _closed(world: World) -> None:
    _closing(world)
    world.page.click("#close-really")
    world.wait(world.page.locator("#progress"), "This deployment is closed.")


def _lost(world: World) -> None:
    world.open()
    world.press_deploy()
    world.step("container", "done")
    world.console.lose_lease()
    world.wait(world.page.locator("#progress"), "The lease has ended")


def _list(world: World) -> None:
    _ready(world)
    world.open("/deployments/")
    world.wait(world.page.locator("table.deployments"), "leased")


def _empty_list(world: World) -> None:
    world.open("/deployments/")
    world.page.fill("#console-key", world.console.key)
    world.page.get_by_role("button", name="Show them").click()
    world.wait(world.page.locator("#deployment-list"), "Nothing is running")


def _from_elsewhere(world: World) -> None:
    world.open("/deployments/1234567/")


def _screened(world: World) -> None:
    world.console.hosts_of = {"t4": (), "rtx3090": world.console.bidders[:1]}
    world.open(CONFIGURATION)
    world.wait(world.page.locator(".screening"), "can host this now")


def _nobody(world: World) -> None:
    world.console.only_ephemeral = True
    world.open(CONFIGURATION)
    world.wait(world.page.locator(".screening .ways"))


DEPLOYING = (
    Deploying("configure-screened", _screened),
    Deploying("configure-nobody", _nobody),
    Deploying("deploy-form", _form),
    Deploying("deploy-refused", _refused),
    Deploying("deploy-waiting", _waiting),
    Deploying("deploy-no-bids", _no_bids),
    Deploying("deploy-choosing", _choosing),
    Deploying("deploy-choosing-itself", _choosing_itself),
    Deploying("deploy-leased", _leased),
    Deploying("deploy-downloading", _downloading),
    Deploying("deploy-loading", _loading),
    Deploying("deploy-ready", _ready),
    Deploying("deploy-failed", _failed),
    Deploying("deploy-closing", _closing),
    Deploying("deploy-closed", _closed),
    Deploying("deploy-lost", _lost),
    Deploying("deployments-list", _list),
    Deploying("deployments-empty", _empty_list),
    Deploying("deployments-elsewhere", _from_elsewhere),
)


_PROGRESS = {
    "stage": "downloading",
    "done": 1_200_000_000,
    "size": 5_200_000_000,
    "fraction": 0.23,
    "bytes_per_second": 81e6,
    "seconds_left": 49,
}
_TOO_LARGE = "The model needs 9.1 GB, and the card has 7.8 GB left."


def _told(phase: str, message: str, **model: object) -> dict[str, object]:
    """What `/status` tells everyone."""
    whole: dict[str, object] = {
        "name": "qwen3:8b",
        "error": None,
        "progress": None,
        "facts": [],
        "capabilities": [],
    }
    return {"phase": phase, "message": message, "models": [{**whole, **model}]}


_FACTS, _CHATS = ["8.2B parameters", "Q4_K_M"], ["completion"]
# Phases of a runtime, as its own page shows them.
RUNTIME = {
    "pulling": _told("pulling", "The weights are being downloaded.", progress=_PROGRESS),
    "loading": _told("loading", "The model is being loaded.", facts=_FACTS, capabilities=_CHATS),
    "hanging": _told("loading", loading_message(200), facts=_FACTS, capabilities=_CHATS),
    "ready": _told("ready", "The model answers.", facts=_FACTS, capabilities=_CHATS),
    "embedding": _told("ready", "The model answers.", facts=_FACTS, capabilities=["embedding"]),
    "failed": _told("failed", _TOO_LARGE, error=_TOO_LARGE),
    "stopping": _told("stopping", "The endpoint is being stopped."),
}
