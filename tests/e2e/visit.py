"""A page of a browser, with all that it sent and complained about."""

from __future__ import annotations

from dataclasses import dataclass, field

from playwright.sync_api import ConsoleMessage, Page, Request

# Milliseconds, on a machine that does other things too.
PATIENCE = 60_000


@dataclass
class Visit:
    """A page, what it sent, and what the browser complained about."""

    page: Page
    url: str
    sent: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def open(self, path: str) -> None:
        self.page.goto(self.url + path)
        self.page.wait_for_load_state("networkidle")

    def sent_text(self) -> str:
        return "\n".join(self.sent)

    def keep_request(self, request: Request) -> None:
        self.sent.append(f"{request.method} {request.url} {request.headers} {request.post_data}")

    def keep_message(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)
