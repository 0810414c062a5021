"""What a model says, hostile or well-formed, as it is shown."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import Visit
from tests.e2e.playground.talking import MARKDOWN, ask, kept
from tests.site.live import LiveSite

pytestmark = pytest.mark.e2e


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
        ask(page, f"Look:\n\n{text}")
        assert page.evaluate(HARMLESS) == {"bad": [], "links": [], "pwned": None}, name
    for link in page.locator(".said a").all():
        link.hover()
    assert kept(page)
    page.reload()
    expect(page.locator(".turn")).to_have_count(2 * len(XSS))
    assert page.evaluate(HARMLESS) == {"bad": [], "links": [], "pwned": None}
    assert outside == []


def test_markup_in_a_title_is_text(page: Page) -> None:
    ask(page, XSS["onerror"])
    expect(page.locator(".talk-title")).to_have_text(XSS["onerror"])
    page.fill("#title", XSS["svg"])
    page.press("#title", "Enter")
    expect(page.locator(".talk-title")).to_have_text(XSS["svg"])
    assert XSS["svg"] in page.title()
    assert page.evaluate(HARMLESS)["pwned"] is None


def test_markdown_becomes_elements(at: Callable[..., Visit], site: LiveSite) -> None:
    page = at(site.url, permissions=["clipboard-read", "clipboard-write"]).page
    answer = ask(page, MARKDOWN).locator(".md")
    for selector in ("h3", "ol ul strong", "blockquote", "pre code", "td.align-right", "s"):
        expect(answer.locator(selector)).to_have_count(1)
    link = answer.get_by_role("link", name="link")
    expect(link).to_have_attribute("rel", "noopener noreferrer nofollow")
    page.get_by_role("button", name="Copy").and_(page.locator("[data-act=copy-code]")).click()
    expect(page.locator("#announcer")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == 'print("<b>")\n'
