"""What the playground's tests share: saying something, and waiting for the answer."""

from __future__ import annotations

import json
import subprocess
import sys

from playwright.sync_api import Locator, Page, expect

from tests.e2e.conftest import Visit
from tests.standins.upstream import Upstream
from tests.wizard.demo.sites import wait_until

# A real model on a machine that does other things too, in milliseconds.
SLOW = 60_000
# What runs the code that the page shows.
RUNNERS = {
    "curl": ["bash", "-s"],
    "openai": [sys.executable, "-"],
    "ollama": [sys.executable, "-"],
    "javascript": ["node", "--input-type=module", "-"],
}
# An image as bytes, and a way to paste or drop it.
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


# A look at what is kept comes after everything that was being written before.
KEPT = """async () => {
  const open = indexedDB.open("oneclickllm.playground");
  await new Promise((resolve) => { open.onsuccess = resolve; });
  const all = open.result.transaction("talks").objectStore("talks").getAll();
  await new Promise((resolve) => { all.onsuccess = resolve; });
  open.result.close();
  return JSON.stringify(all.result);
}"""


def say(page: Page, text: str) -> None:
    page.fill("#prompt", text)
    page.press("#prompt", "Enter")


def answers(page: Page) -> Locator:
    return page.locator(".answer")


def ask(page: Page, text: str) -> Locator:
    """Say something and wait for the whole answer."""
    before = page.locator(".turn").count()
    say(page, text)
    expect(page.locator(".turn")).to_have_count(before + 2)
    return settled(page)


def kept(page: Page) -> str:
    """The conversations that this browser has written down: what a page that goes leaves behind."""
    return str(page.evaluate(KEPT))


def wait_until_at_end(page: Page) -> None:
    """Wait until the log shows its end: it follows with the next frame."""
    gap = "log => log.scrollHeight - log.scrollTop - log.clientHeight"
    wait_until(lambda: page.locator("#log").evaluate(gap) < 4)


def settled(page: Page) -> Locator:
    expect(page.locator("#stop")).to_be_hidden(timeout=SLOW)
    return page.locator(".turn").last.locator(".answer").first


def upstreams(ada: Upstream, bob: Upstream) -> str:
    seeing = {"bob": {"model": "bob:2b", "capabilities": ["vision"]}}
    return json.dumps(
        [
            {"name": "a", "url": ada.url, "kind": "ollama", "models": {"ada": "ada:1b"}},
            {"name": "b", "url": bob.url, "kind": "vllm", "models": seeing, "context": 4096},
        ]
    )


def joined(lines: str) -> str:
    return "".join(json.loads(line)["message"]["content"] for line in lines.splitlines())


def forgive(visit: Visit, words: str) -> None:
    """The browser's own complaints about failures that a test made."""
    assert visit.complaints
    assert all(words in text for text in visit.complaints), visit.complaints
    visit.complaints.clear()


def tab_to(page: Page, selector: str, *, backwards: bool = False) -> None:
    for _ in range(40):
        page.keyboard.press("Shift+Tab" if backwards else "Tab")
        if page.evaluate("(wanted) => document.activeElement.matches(wanted)", selector):
            return
    raise AssertionError(f"{selector} cannot be reached by Tab.")


def copied_code(page: Page, language: str) -> str:
    """The code of the open dialog, as it is copied."""
    page.click(f"#code-tab-{language}")
    page.click("#code-copy")
    expect(page.locator("#announcer")).to_have_text("Copied")
    return str(page.evaluate("navigator.clipboard.readText()"))


def run(language: str, code: str) -> str:
    """What a piece of code says when it is run."""
    done = subprocess.run(
        RUNNERS[language], input=code, capture_output=True, text=True, timeout=120, check=True
    )
    said = joined(done.stdout) if language == "curl" else done.stdout
    return said.strip()
