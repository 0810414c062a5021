"""Deque's axe on a page as it stands, and whether a finger can press what is on it."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from playwright.sync_api import Page

SOURCE = Path(__file__).parent.parent / "judge" / "node_modules" / "axe-core" / "axe.min.js"
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
LOOKS: tuple[tuple[Literal["light", "dark"], list[str]], ...] = (
    ("light", TAGS),
    # Only colours are others in the dark.
    ("dark", ["color-contrast"]),
)
WIDE, PHONE = 1280, 390
RUN = """async (what) => {
  const found = await axe.run(document, { resultTypes: ["violations"], runOnly: what });
  return found.violations.flatMap(({ id, nodes }) =>
    nodes.map(({ target, failureSummary }) => `${id} ${target}: ${failureSummary}`));
}"""
# Links within a sentence have the height of its line: WCAG 2.2, 2.5.8, leaves them out too.
TOO_SMALL = """() => {
  const inSentence = (one) => one.matches("a") && getComputedStyle(one).display === "inline"
    && one.parentElement.textContent.trim() !== one.textContent.trim();
  const isThere = (one) => one.checkVisibility({ visibilityProperty: true }) && !one.disabled
    && !one.closest("[inert], .visually-hidden, .skip") && one.getClientRects().length;
  const height = (one) => {
    const over = getComputedStyle(one, "::after");
    const label = one.closest("label");
    const own = one.getBoundingClientRect().height;
    const isOver = over.position === "absolute" && over.content !== "none";
    const more = isOver ? parseFloat(over.height) : 0;
    return Math.max(own, more || 0, label ? label.getBoundingClientRect().height : 0);
  };
  return [...document.querySelectorAll("a[href], button, input, select, textarea, summary")]
    .filter((one) => isThere(one) && !inSentence(one) && height(one) < 43.9)
    .map((one) => `${one.outerHTML.slice(0, 120)} ${height(one)}`);
}"""


def complaints(page: Page) -> list[str]:
    """What axe says of the page, wide and on a phone, light and dark; and what is hard to press."""
    page.evaluate(SOURCE.read_text())
    found: list[str] = []
    for width in (WIDE, PHONE):
        page.set_viewport_size({"width": width, "height": 844})
        for scheme, what in LOOKS:
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            # What is not painted still has the colours of the other scheme.
            page.screenshot()
            found += [f"{width} {scheme} {one}" for one in page.evaluate(RUN, what)]
    return found + [f"{PHONE} too small: {one}" for one in page.evaluate(TOO_SMALL)]
