"""The playground as a person uses it: in a real browser, against real and ill-behaved models."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from playwright.sync_api import FilePayload, Locator, Page, expect

from tests.e2e.conftest import Open, Visit
from tests.site.live import LiveSite
from tests.standins.upstream import Upstream
from tests.wizard.demo.sites import OPEN, wait_until

pytestmark = pytest.mark.e2e
# A real model on a machine that does other things too, in milliseconds.
SLOW = 60_000

WATCH = """
  window.violations = [];
  window.shift = 0;
  document.addEventListener("securitypolicyviolation",
    (event) => window.violations.push(`${event.violatedDirective} ${event.blockedURI}`));
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shift += entry.value;
  }).observe({ type: "layout-shift", buffered: true });
"""


@pytest.fixture(scope="module")
def ada() -> Iterator[Upstream]:
    with Upstream("ada:1b") as upstream:
        yield upstream


@pytest.fixture(scope="module")
def bob() -> Iterator[Upstream]:
    with Upstream("bob:2b") as upstream:
        yield upstream


@pytest.fixture(scope="module")
def site(ada: Upstream, bob: Upstream) -> Iterator[LiveSite]:
    """A site that offers ``ada``, and ``bob`` who sees images."""
    with LiveSite(**OPEN, DEMO_UPSTREAMS=_upstreams(ada, bob)) as running:
        yield running


@pytest.fixture(scope="module")
def embedded() -> Iterator[LiveSite]:
    """The site as `make run` serves it."""
    with LiveSite(**OPEN, DEMO_EMBEDDED="1") as running:
        question = {"model": "oneclick-demo", "prompt": "Hello", "stream": False}
        wait_until(
            lambda: (
                httpx2.post(f"{running.url}/api/generate", json=question, timeout=30).status_code
                == 200
            )
        )
        yield running


def _upstreams(ada: Upstream, bob: Upstream) -> str:
    seeing = {"bob": {"model": "bob:2b", "capabilities": ["vision"]}}
    return json.dumps(
        [
            {"name": "a", "url": ada.url, "kind": "ollama", "models": {"ada": "ada:1b"}},
            {"name": "b", "url": bob.url, "kind": "vllm", "models": seeing, "context": 4096},
        ]
    )


@pytest.fixture
def at(visit_at: Open) -> Iterator[Callable[..., Visit]]:
    """``at(site, **context options)``: the playground, ready; no policy may be violated."""
    opened: list[Visit] = []

    def start(url: str, path: str = "/playground/", **options: Any) -> Visit:
        visit = visit_at(url, **options)
        visit.page.add_init_script(WATCH)
        opened.append(visit)
        visit.open(path)
        return visit

    yield start
    violations = [visit.page.evaluate("window.violations") for visit in opened]
    assert all(found == [] for found in violations), violations


@pytest.fixture
def page(at: Callable[..., Visit], site: LiveSite) -> Page:
    """The playground on the stand-ins."""
    return at(site.url).page


def _say(page: Page, text: str) -> None:
    page.fill("#prompt", text)
    page.press("#prompt", "Enter")


def _answers(page: Page) -> Locator:
    return page.locator(".answer")


def _ask(page: Page, text: str) -> Locator:
    """Say something and wait for the whole answer."""
    before = page.locator(".turn").count()
    _say(page, text)
    expect(page.locator(".turn")).to_have_count(before + 2)
    return _settled(page)


def _settled(page: Page) -> Locator:
    expect(page.locator("#stop")).to_be_hidden(timeout=SLOW)
    return page.locator(".turn").last.locator(".answer").first


def test_it_works(at: Callable[..., Visit], embedded: LiveSite) -> None:
    page = at(embedded.url).page
    expect(page.locator("#model")).to_have_value("oneclick-demo")
    page.get_by_role("button", name="What is quantisation?").click()
    answer = _settled(page)
    expect(answer.locator(".md")).to_contain_text("fewer bits")
    expect(answer.locator(".status")).to_contain_text(
        re.compile(r"s to first word.*tokens/s.*\d+ tokens")
    )
    expect(page.locator("#meter")).to_have_text(re.compile(r"^\d+ of 2,048 tokens$"))
    _ask(page, "What is GGUF?")
    expect(_answers(page)).to_have_count(2)
    expect(page.locator("#title")).to_have_value("What is quantisation?")


def test_stop_in_mid_stream_keeps_the_half_and_ends_the_upstreams_work(
    page: Page, ada: Upstream
) -> None:
    _say(page, "endless")
    expect(page.locator(".md")).to_contain_text("word2")
    expect(page.locator(".phase")).to_contain_text(re.compile(r"Writing · \d+\.\d s"))
    page.click("#stop")
    expect(page.locator(".status")).to_contain_text("Stopped")
    expect(page.locator("#prompt")).to_be_focused()
    wait_until(lambda: ada.open == 0, 10)
    half = page.locator(".md").inner_text()
    page.reload()
    expect(page.locator(".md")).to_have_text(half)


def test_escape_stops_too(page: Page) -> None:
    _say(page, "endless")
    expect(page.locator(".md")).to_contain_text("word1")
    page.keyboard.press("Escape")
    expect(page.locator(".status")).to_contain_text("Stopped")


def test_a_page_that_is_closed_in_mid_stream_keeps_what_had_come(page: Page, ada: Upstream) -> None:
    _say(page, "endless")
    expect(page.locator(".md")).to_contain_text("word30")
    page.reload()
    expect(page.locator(".status")).to_contain_text("Stopped")
    expect(page.locator(".md")).to_contain_text("word9")
    wait_until(lambda: ada.open == 0, 10)


def test_again_makes_a_branch_beside_the_first(page: Page) -> None:
    _ask(page, "drip 3")
    page.locator("[data-act=again]").click()
    _settled(page)
    expect(page.locator(".branches")).to_have_text("2 of 2")
    page.get_by_role("button", name="Previous branch").click()
    expect(page.locator(".branches")).to_have_text("1 of 2")
    expect(page.locator(".turn")).to_have_count(2)


def test_an_edited_message_begins_a_branch_and_both_stay(page: Page) -> None:
    _ask(page, "first")
    _ask(page, "second")
    user = page.locator(".turn.user").first
    user.hover()
    user.get_by_role("button", name="Edit").click()
    page.get_by_label("Edit the message").fill("other")
    page.keyboard.press("Enter")
    _settled(page)
    expect(page.locator(".said")).to_have_text(["other", "You said: other"])
    page.get_by_role("button", name="Previous branch").click()
    expect(page.locator(".bubble")).to_have_text(["first", "second"])
    page.reload()
    expect(page.locator(".bubble")).to_have_text(["first", "second"])


def test_leaving_an_edit_changes_nothing(page: Page) -> None:
    _ask(page, "first")
    page.locator("[data-act=edit]").focus()
    page.keyboard.press("Enter")
    page.keyboard.type(" and more")
    page.keyboard.press("Escape")
    expect(page.locator(".bubble")).to_have_text("first")
    expect(page.locator("[data-act=edit]")).to_be_focused()


def test_what_is_sent_is_what_was_set(page: Page, ada: Upstream) -> None:
    page.fill("#system", "Be brief.")
    page.locator("#temperature").press("Home")
    page.locator("#top_p").press("End")
    page.locator("#length").press("Home")
    page.fill("#seed", "42")
    page.locator("#json").check()
    expect(page.locator("#json-pill")).to_be_checked()
    _ask(page, "hello")
    body = ada.asked("/api/chat")[-1]
    assert body["messages"][0] == {"role": "system", "content": "Be brief."}
    wanted = {"temperature": 0, "top_p": 1, "num_predict": 16, "seed": 42}
    assert {key: body["options"][key] for key in wanted} == wanted
    assert body["format"] == "json"
    page.reload()
    expect(page.locator("#seed")).to_have_value("42")


LARGE_PNG = """async () => {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [2400, 1200];
  const context = canvas.getContext("2d");
  context.fillStyle = "teal";
  context.fillRect(0, 0, 2400, 1200);
  const blob = await new Promise((resolve) => canvas.toBlob(resolve));
  return [...new Uint8Array(await blob.arrayBuffer())];
}"""
GIVE = """([bytes, kind]) => {
  const data = new DataTransfer();
  data.items.add(new File([new Uint8Array(bytes)], "large.png", { type: "image/png" }));
  const options = { bubbles: true, cancelable: true };
  const event = kind === "paste"
    ? new ClipboardEvent("paste", { ...options, clipboardData: data })
    : new DragEvent("drop", { ...options, dataTransfer: data });
  document.getElementById("prompt").dispatchEvent(event);
}"""


@pytest.mark.parametrize("way", ["file", "paste", "drop"])
def test_an_image_is_made_small_and_sent(page: Page, bob: Upstream, way: str) -> None:
    image = page.evaluate(LARGE_PNG)
    page.select_option("#model", "bob")
    if way == "file":
        file = FilePayload(name="large.png", mimeType="image/png", buffer=bytes(image))
        page.set_input_files("#file", [file])
    else:
        page.evaluate(GIVE, [image, way])
    expect(page.locator("#thumbs img")).to_have_count(1)
    _ask(page, "What is this?")
    part = bob.asked("/v1/chat/completions")[-1]["messages"][-1]["content"][0]
    url = part["image_url"]["url"]
    assert url.startswith("data:image/jpeg;base64,")
    assert page.evaluate(
        "async (url) => { const image = new Image(); image.src = url; await image.decode();"
        " return [image.width, image.height]; }",
        url,
    ) == [1024, 512]
    expect(page.locator("#thumbs")).to_be_hidden()
    expect(page.locator(".pictures img")).to_be_visible()
    page.reload()
    expect(page.locator(".pictures img")).to_be_visible()


def test_a_model_without_vision_refuses_images_in_words(page: Page) -> None:
    image = page.evaluate(LARGE_PNG)
    expect(page.locator("#attach")).to_be_hidden()
    page.evaluate(GIVE, [image, "paste"])
    expect(page.locator("#notice")).to_contain_text("ada reads text only")


def test_a_file_that_is_no_image_is_refused_in_words(page: Page) -> None:
    page.select_option("#model", "bob")
    page.evaluate(GIVE, [[1, 2, 3], "drop"])
    expect(page.locator("#notice")).to_contain_text("no image that this browser can read")


RUNNERS = {
    "curl": ["bash", "-s"],
    "openai": [sys.executable, "-"],
    "ollama": [sys.executable, "-"],
    "javascript": ["node", "--input-type=module", "-"],
}


@pytest.mark.parametrize("language", RUNNERS)
def test_the_code_runs_as_it_is_and_answers_the_same(
    at: Callable[..., Visit], embedded: LiveSite, language: str
) -> None:
    page = at(embedded.url, permissions=["clipboard-read", "clipboard-write"]).page
    page.fill("#system", "You're \"brief\" & use `$HOME` \\ 'quotes'\nEND-OF-REQUEST")
    page.fill("#seed", "7")
    page.locator("#temperature").press("Home")
    page.locator("#length").press("Home")
    _ask(page, "What is a KV cache?")
    answer = _ask(page, "What is GGUF?")
    answer.get_by_role("button", name="View code").click()
    page.click(f"#code-tab-{language}")
    page.click("#code-copy")
    expect(page.locator("#announcer")).to_have_text("Copied")
    code = page.evaluate("navigator.clipboard.readText()")
    done = subprocess.run(
        RUNNERS[language], input=code, capture_output=True, text=True, timeout=60, check=True
    )
    said = _joined(done.stdout) if language == "curl" else done.stdout
    assert said.strip() == answer.locator(".md").inner_text().strip()


def _joined(lines: str) -> str:
    return "".join(json.loads(line)["message"]["content"] for line in lines.splitlines())


def test_the_code_of_what_is_being_typed(page: Page) -> None:
    page.fill("#prompt", "Not sent yet")
    page.click("#code-now")
    expect(page.locator("#code-text-curl")).to_contain_text("Not sent yet")
    page.keyboard.press("Escape")
    expect(page.locator("#code-view")).to_be_hidden()
    expect(page.locator("#code-now")).to_be_focused()


def test_two_models_side_by_side_go_on_from_their_own_answers(
    page: Page, ada: Upstream, bob: Upstream
) -> None:
    page.locator("#compare").check()
    expect(page.locator("#rival")).to_have_value("bob")
    _ask(page, "hello")
    expect(page.locator(".pair .answer-name")).to_have_text(["ada", "bob"])
    expect(page.locator(".pair .md")).to_have_text(["You said: hello"] * 2)
    boxes = [page.locator(".pair .answer").nth(at).bounding_box() for at in (0, 1)]
    assert boxes[0] and boxes[1]
    assert boxes[0]["y"] == boxes[1]["y"]
    assert boxes[0]["x"] < boxes[1]["x"]
    _ask(page, "and now?")
    expect(page.locator(".pair")).to_have_count(2)
    told = [ada.asked("/api/chat")[-1], bob.asked("/v1/chat/completions")[-1]]
    assert all(len(body["messages"]) == 3 for body in told)


def test_images_of_long_ago_do_not_stop_a_conversation(page: Page, bob: Upstream) -> None:
    image = page.evaluate(LARGE_PNG)
    page.select_option("#model", "bob")
    for number in range(5):
        page.evaluate(GIVE, [image, "paste"])
        expect(page.locator("#thumbs img")).to_have_count(1)
        answer = _ask(page, f"Image {number}")
        expect(answer.locator(".answer-trouble")).to_be_hidden()
    told = bob.asked("/v1/chat/completions")[-1]["messages"]
    with_images = [at for at, message in enumerate(told) if isinstance(message["content"], list)]
    assert with_images == [2, 4, 6, 8]


def test_what_another_tab_said_is_not_overwritten(page: Page, site: LiveSite) -> None:
    _ask(page, "from the first tab")
    other = page.context.new_page()
    other.goto(f"{site.url}/playground/")
    other.get_by_role("button", name="from the first tab").first.click()
    _ask(other, "from the second tab")
    other.close()
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(page.locator(".bubble")).to_have_text(["from the first tab", "from the second tab"])


def test_a_conversation_stays_and_others_stand_beside_it(page: Page) -> None:
    _ask(page, "the first one")
    page.click("#new-talk")
    expect(page.locator("#empty")).to_be_visible()
    _ask(page, "the second one")
    page.reload()
    expect(page.locator(".bubble")).to_have_text("the second one")
    page.get_by_role("button", name="the first one").first.click()
    expect(page.locator(".bubble")).to_have_text("the first one")
    page.fill("#title", "Renamed")
    page.press("#title", "Enter")
    expect(page.locator(".talk-title").first).to_have_text("Renamed")


def test_nothing_of_a_conversation_is_asked_of_the_site_but_the_answers(
    at: Callable[..., Visit], site: LiveSite
) -> None:
    visit = at(site.url)
    _ask(visit.page, "a secret thought")
    mentions = [line for line in visit.sent if "secret thought" in line]
    assert len(mentions) == 1
    assert "/api/chat" in mentions[0]
    assert "secret" not in visit.page.evaluate("JSON.stringify([sessionStorage, document.cookie])")


def test_clearing_can_be_undone(page: Page) -> None:
    _ask(page, "keep me")
    page.click("#clear")
    expect(page.locator(".turn")).to_have_count(0)
    expect(page.locator(".talk")).to_have_count(0)
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".bubble")).to_have_text("keep me")
    page.click("#clear")
    page.reload()
    expect(page.locator("#empty")).to_be_visible()
    expect(page.locator(".talk")).to_have_count(0)


@pytest.mark.parametrize("kind", ["JSON", "Markdown"])
def test_a_conversation_can_be_taken_along(page: Page, kind: str) -> None:
    _ask(page, "# Take me along")
    page.click("#export > summary")
    with page.expect_download() as waiting:
        page.get_by_role("button", name=kind).click()
    text = Path(waiting.value.path()).read_text()
    if kind == "Markdown":
        assert waiting.value.suggested_filename == "take-me-along.md"
        assert "## You\n\n# Take me along\n\n## ada\n\nYou said: # Take me along" in text
    else:
        document = json.loads(text)
        assert [message["role"] for message in document["messages"]] == ["user", "assistant"]


XSS = {
    "script": "<script>window.pwned = 1</script>",
    "onerror": "<img src=x onerror='window.pwned = 1'>",
    "svg": "<svg onload=window.pwned=1><animate onbegin=window.pwned=1></svg>",
    "iframe": "<iframe srcdoc='<script>parent.pwned=1</script>'></iframe>",
    "style": "<p style='background:url(https://evil.example/x)'>hi</p><style>*{color:red}</style>",
    "form": "<form action='https://evil.example'><input name=x><button>go</button></form>",
    "javascript-link": "[press](javascript:window.pwned=1) [b](JaVaScRiPt&colon;window.pwned=1)",
    "data-link": "[press](data:text/html,<script>window.pwned=1</script>)",
    "autolink": "<javascript:window.pwned=1> <data:text/html;base64,PHNjcmlwdD4=>",
    "remote-image": "![x](https://evil.example/leak.png) ![y](x 'onerror=window.pwned=1')",
    "title": "[x](https://a.example '\" onmouseover=\"window.pwned=1')",
    "reference": "[a][b]\n\n[b]: javascript:window.pwned=1",
    "mermaid": "```mermaid\ngraph TD; A[\"<img src=x onerror='window.pwned=1'>\"]-->B\n```",
    "html-fence": '```html" onmouseover="window.pwned=1\n<script>window.pwned=1</script>\n```',
    "table": "|a|\n|:-:|\n|<img src=x onerror=window.pwned=1>|",
    "entities": "&lt;img src=x onerror=window.pwned=1&gt; &#60;script&#62;window.pwned=1",
    "mutation": "<math><mtext></p><mglyph><style><!--</style><img src onerror=window.pwned=1>-->",
    "template": "${window.pwned=1} {{constructor.constructor('window.pwned=1')()}}",
    "data-act": '<button data-act="retry" class="btn">press</button>',
}
HARMLESS = """() => {
  const found = [...document.querySelectorAll(".turn .said *, .talk-title *")];
  const bad = found.filter((element) =>
    /^(script|img|svg|iframe|style|form|input|math|object|embed)$/i.test(element.localName)
    && !element.closest(".code-head")
    || [...element.attributes].some((attribute) => /^(on|style|src)/i.test(attribute.name)));
  const links = [...document.querySelectorAll(".said a[href]")].map((link) => link.href);
  return {
    bad: bad.map((element) => element.outerHTML),
    links: links.filter((href) => !/^(https?:|mailto:)/.test(href)),
    pwned: window.pwned ?? null,
  };
}"""


def test_what_a_model_says_is_never_more_than_text(page: Page) -> None:
    outside: list[str] = []
    page.on(
        "request",
        lambda request: outside.append(request.url) if "evil" in request.url else None,
    )
    page.on("dialog", lambda dialog: outside.append(dialog.message))
    for name, text in XSS.items():
        _ask(page, f"Look:\n\n{text}")
        assert page.evaluate(HARMLESS) == {"bad": [], "links": [], "pwned": None}, name
    for link in page.locator(".said a").all():
        link.hover()
    page.reload()
    expect(page.locator(".turn")).to_have_count(2 * len(XSS))
    assert page.evaluate(HARMLESS) == {"bad": [], "links": [], "pwned": None}
    assert outside == []


def test_markup_in_a_title_is_text(page: Page) -> None:
    _ask(page, XSS["onerror"])
    expect(page.locator(".talk-title")).to_have_text(XSS["onerror"])
    page.fill("#title", XSS["svg"])
    page.press("#title", "Enter")
    expect(page.locator(".talk-title")).to_have_text(XSS["svg"])
    assert XSS["svg"] in page.title()
    assert page.evaluate(HARMLESS)["pwned"] is None


MARKDOWN = """Look:

# Title

1. one
   - **two** and `three`

> said

```python
print("<b>")
```

| a | b |
|---|--:|
| 1 | 2 |

[link](https://example.com/) ~~gone~~
"""


def test_markdown_becomes_elements(at: Callable[..., Visit], site: LiveSite) -> None:
    page = at(site.url, permissions=["clipboard-read", "clipboard-write"]).page
    answer = _ask(page, MARKDOWN).locator(".md")
    for selector in ("h3", "ol ul strong", "blockquote", "pre code", "td.align-right", "s"):
        expect(answer.locator(selector)).to_have_count(1)
    link = answer.get_by_role("link", name="link")
    expect(link).to_have_attribute("rel", "noopener noreferrer nofollow")
    page.get_by_role("button", name="Copy").and_(page.locator("[data-act=copy-code]")).click()
    expect(page.locator("#announcer")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == 'print("<b>")\n'


def test_a_screen_reader_is_told_the_answer_once(page: Page) -> None:
    page.evaluate(
        "() => { window.told = []; new MutationObserver(() => window.told.push("
        "document.getElementById('announcer').textContent))"
        ".observe(document.getElementById('announcer'), { childList: true }); }"
    )
    _ask(page, "drip 40")
    expect(page.locator("#announcer")).to_contain_text("word39")
    told = page.evaluate("window.told")
    assert len(told) == 2
    assert told[0] == "ada is reading."
    assert told[1].startswith("ada: word0 word1")


def test_the_log_follows_only_from_its_end(page: Page) -> None:
    page.set_viewport_size({"width": 700, "height": 420})
    _ask(page, "\n".join(f"line {number}\n" for number in range(60)))
    log = page.locator("#log")
    gap = "log => Math.round(log.scrollHeight - log.scrollTop - log.clientHeight)"
    assert log.evaluate(gap) < 4
    _say(page, "endless")
    expect(page.locator(".md").last).to_contain_text("word3")
    assert log.evaluate(gap) < 4
    log.hover()
    page.mouse.wheel(0, -600)
    expect(page.locator("#jump")).to_be_visible()
    top = log.evaluate("log => log.scrollTop")
    expect(page.locator(".md").last).to_contain_text("word30")
    assert log.evaluate("log => log.scrollTop") == top
    page.click("#jump")
    expect(page.locator("#jump")).to_be_hidden()
    page.click("#stop")
    assert log.evaluate(gap) < 4


def test_nothing_jumps_while_a_model_answers(page: Page) -> None:
    expect(page.locator("#model")).to_have_value("ada")
    page.evaluate("window.shift = 0")
    _ask(page, "drip 10")
    _ask(page, MARKDOWN)
    assert page.evaluate("window.shift") < 0.02


def test_a_limit_is_told_with_the_time_to_wait(
    at: Callable[..., Visit], ada: Upstream, bob: Upstream
) -> None:
    settings = {**OPEN, "DEMO_RATE": "1/minute", "DEMO_UPSTREAMS": _upstreams(ada, bob)}
    with LiveSite(**settings) as limited:
        visit = at(limited.url)
        page = visit.page
        _ask(page, "one")
        _ask(page, "two")
        trouble = page.locator(".answer-trouble").filter(visible=True)
        expect(trouble).to_contain_text("That was the limit for one visitor")
        retry = trouble.get_by_role("button", name=re.compile(r"^Retry in \d+ s$"))
        expect(retry).to_be_disabled()
        _forgive(visit, "429")


def test_a_model_that_dies_in_its_answer_leaves_the_half_and_a_way_on(
    at: Callable[..., Visit], site: LiveSite
) -> None:
    page = at(site.url).page
    answer = _ask(page, "die")
    expect(answer.locator(".md")).to_have_text("You said: die")
    expect(answer.locator(".answer-trouble")).to_contain_text("in the middle of the answer")
    answer.get_by_role("button", name="Retry").click()
    _settled(page)
    expect(page.locator(".branches")).to_have_text("2 of 2")


def test_an_error_in_mid_stream_is_told_in_the_models_words(page: Page) -> None:
    answer = _ask(page, "fail")
    expect(answer.locator(".answer-trouble")).to_contain_text("the model ran out of luck")


def test_a_refusal_is_told_and_retried_without_a_trace(
    at: Callable[..., Visit], site: LiveSite
) -> None:
    visit = at(site.url)
    answer = _ask(visit.page, "refuse")
    expect(answer.locator(".answer-trouble")).to_contain_text("does not like this")
    answer.get_by_role("button", name="Retry").click()
    _settled(visit.page)
    expect(visit.page.locator(".branches")).to_have_count(0)
    _forgive(visit, "400")


def test_a_server_that_fails_is_told(
    at: Callable[..., Visit], site: LiveSite, ada: Upstream
) -> None:
    visit = at(site.url)
    ada.failing = 500
    try:
        answer = _ask(visit.page, "hello")
        expect(answer.locator(".answer-trouble")).to_contain_text(
            re.compile("The demo is busy|server failed|failed at this request")
        )
        expect(answer.get_by_role("button", name=re.compile("Retry"))).to_be_visible()
    finally:
        ada.failing = 0
    _forgive(visit, "50")
    wait_until(lambda: _is_up(site))


def _is_up(site: LiveSite) -> bool:
    body = {"model": "ada", "prompt": "Hello", "stream": False}
    return httpx2.post(f"{site.url}/api/generate", json=body, timeout=30).status_code == 200


def test_a_lost_network_is_told_and_the_message_kept(
    at: Callable[..., Visit], site: LiveSite
) -> None:
    visit = at(site.url)
    page = visit.page
    page.context.set_offline(True)
    answer = _ask(page, "hello?")
    expect(answer.locator(".answer-trouble")).to_contain_text("This device is offline")
    page.context.set_offline(False)
    answer.get_by_role("button", name="Retry").click()
    expect(_settled(page).locator(".md")).to_have_text("You said: hello?")
    _forgive(visit, "ERR_INTERNET_DISCONNECTED")


def test_no_models_at_all_is_told(at: Callable[..., Visit], site: LiveSite) -> None:
    visit = at(site.url)
    visit.page.route("**/api/tags", lambda route: route.abort())
    visit.page.reload()
    expect(visit.page.locator("#notice")).to_contain_text("could not be reached")
    visit.page.unroute("**/api/tags")
    visit.page.locator("#notice").get_by_role("button", name="Retry").click()
    expect(visit.page.locator("#model")).to_have_value("ada")
    expect(visit.page.locator("#notice")).to_be_hidden()
    _forgive(visit, "ERR_FAILED")


def _forgive(visit: Visit, words: str) -> None:
    """The browser's own complaints about failures that a test made."""
    assert visit.complaints
    assert all(words in text for text in visit.complaints), visit.complaints
    visit.complaints.clear()


def test_the_place_in_the_queue_is_told(
    at: Callable[..., Visit], ada: Upstream, bob: Upstream
) -> None:
    settings = {**OPEN, "DEMO_STREAMS": "1", "DEMO_UPSTREAMS": _upstreams(ada, bob)}
    with LiveSite(**settings) as small:
        first, second = at(small.url).page, at(small.url).page
        _say(first, "endless")
        expect(first.locator(".md")).to_contain_text("word0")
        _say(second, "hello")
        expect(second.locator(".phase")).to_contain_text("Queued, place 1")
        expect(second.locator("#announcer")).to_have_text("Queued, place 1.")
        first.click("#stop")
        expect(_settled(second).locator(".md")).to_have_text("You said: hello")


def test_the_phases_of_an_answer_are_told_with_their_times(
    at: Callable[..., Visit], ada: Upstream, bob: Upstream
) -> None:
    settings = {**OPEN, "DEMO_STREAMS": "1", "DEMO_UPSTREAMS": _upstreams(ada, bob)}
    with LiveSite(**settings) as small:
        first, second = at(small.url).page, at(small.url).page
        _say(first, "endless")
        expect(first.locator(".md")).to_contain_text("word0")
        _say(second, "hold drip 60")
        phase = second.locator(".phase")
        expect(phase).to_have_text(re.compile(r"^Queued, place 1 · [1-9]\d*\.\d s$"))
        first.click("#stop")
        expect(phase).to_have_text(re.compile(r"^Reading the prompt · [1-9]\d*\.\d s$"))
        expect(second.locator(".answer")).to_have_attribute("aria-busy", "true")
        ada.let_go()
        expect(phase).to_have_text(re.compile(r"^Writing · \d+\.\d s$"))
        expect(second.locator(".status")).to_contain_text(re.compile(r"[\d.]+ tokens/s"))
        _settled(second)
        told = str(second.locator(".status").get_attribute("title"))
        spent = r"[\d.]+ s"
        assert re.fullmatch(
            f"queued {spent}, reading 7 tokens {spent}, writing {spent}; {spent} in all", told
        )


def test_by_keyboard_alone(at: Callable[..., Visit], site: LiveSite) -> None:
    page = at(site.url).page
    keys = page.keyboard
    keys.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    keys.press("Enter")
    _tab_to(page, "#model")
    keys.press("ArrowDown")
    expect(page.locator("#model")).to_have_value("bob")
    _tab_to(page, "#prompt", backwards=True)
    keys.type("drip 3")
    keys.press("Shift+Enter")
    keys.press("Enter")
    _settled(page)
    _tab_to(page, "[data-act=again]", backwards=True)
    keys.press("Enter")
    expect(page.locator(".branches")).to_have_text("2 of 2")
    _settled(page)
    _tab_to(page, "[data-act=previous]", backwards=True)
    keys.press("Enter")
    expect(page.locator(".branches")).to_have_text("1 of 2")
    expect(page.locator("[data-act=next]")).to_be_focused()
    _tab_to(page, "[data-act=code]")
    keys.press("Enter")
    expect(page.locator("#code-view")).to_be_visible()
    keys.press("Escape")
    expect(page.locator("[data-act=code]")).to_be_focused()


def _tab_to(page: Page, selector: str, *, backwards: bool = False) -> None:
    for _ in range(40):
        page.keyboard.press("Shift+Tab" if backwards else "Tab")
        if page.evaluate("(wanted) => document.activeElement.matches(wanted)", selector):
            return
    raise AssertionError(f"{selector} cannot be reached by Tab.")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_a_phone(at: Callable[..., Visit], site: LiveSite, scheme: str) -> None:
    page = at(site.url, viewport={"width": 390, "height": 844}, color_scheme=scheme).page
    page.get_by_role("button", name="Model and settings").click()
    page.locator("#compare").check()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Model and settings")).to_be_focused()
    _ask(page, MARKDOWN + "`" + "long" * 200 + "`")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.locator("#log").evaluate("log => log.scrollWidth - log.clientWidth") <= 0
    send = page.locator("#send").bounding_box()
    assert send
    assert send["x"] + send["width"] <= 390
    page.get_by_role("button", name="Conversations", exact=True).click()
    expect(page.locator(".talk")).to_be_visible()
    page.get_by_role("button", name="New conversation").click()
    expect(page.locator("#empty")).to_be_visible()
    expect(page.locator("#prompt")).to_be_visible()


def test_deploying_leads_into_the_wizard_with_the_model_chosen(page: Page) -> None:
    page.select_option("#model", "bob")
    expect(page.locator("#deploy")).to_have_text("Deploy bob")
    href = str(page.locator("#deploy").get_attribute("href"))
    assert href == "/playground/deploy?model=bob"


def test_a_link_can_name_the_model(at: Callable[..., Visit], site: LiveSite) -> None:
    page = at(site.url, "/playground/?model=bob").page
    expect(page.locator("#model")).to_have_value("bob")


def test_a_link_to_a_model_that_is_not_offered_says_so(
    at: Callable[..., Visit], site: LiveSite
) -> None:
    page = at(site.url, "/playground/?model=<b>gone</b>").page
    expect(page.locator("#notice")).to_contain_text("<b>gone</b> is not offered here")
    expect(page.locator("#model")).to_have_value("ada")


def test_copying_works_without_a_clipboard_of_the_browsers(page: Page) -> None:
    _ask(page, "hello")
    page.evaluate(
        """() => {
          Object.defineProperty(navigator, "clipboard", { value: undefined });
          document.addEventListener("copy", () => { window.copied = String(getSelection()); });
        }"""
    )
    page.locator(".answer [data-act=copy]").click()
    expect(page.locator("#announcer")).to_have_text("Copied")
    assert page.evaluate("window.copied") == "You said: hello"


def test_a_text_that_is_too_long_is_told_and_kept(page: Page) -> None:
    text = "word " * 7000
    page.fill("#prompt", text)
    page.press("#prompt", "Enter")
    expect(page.locator("#notice")).to_contain_text("34,999 characters; the demo takes 32,000")
    expect(page.locator("#prompt")).to_have_value(text)


def test_without_javascript(at: Callable[..., Visit], embedded: LiveSite, visit_at: Open) -> None:
    visit = visit_at(embedded.url, java_script_enabled=False)
    visit.open("/playground/")
    page = visit.page
    expect(page.locator("#prompt")).to_be_hidden()
    expect(page.locator(".plain")).to_contain_text("needs JavaScript")
    code = page.locator(".plain pre").inner_text()
    done = subprocess.run(["bash", "-s"], input=code, capture_output=True, text=True, check=True)
    assert "SDL" in _joined(done.stdout)
