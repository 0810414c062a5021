"""Thoughts apart from the answer, in text that llama-server did not take apart itself."""

from __future__ import annotations

OPEN, CLOSE = "<think>", "</think>"


class Splitter:
    """Fed with text as it comes, tells (thinking, answer) as soon as it is certain.

    ``inside`` says that the prompt has opened the thoughts already.
    """

    def __init__(self, *, inside: bool) -> None:
        self._inside = inside
        self._begun = inside
        self._held = ""

    def feed(self, text: str) -> tuple[str, str]:
        """What can be told now; a mark that is not whole yet is held back."""
        self._held += text
        if not self._begun:
            return self._start()
        if not self._inside:
            return "", self._take(len(self._held))
        return self._thoughts()

    def close(self) -> tuple[str, str]:
        """What was still held back when the text ended."""
        rest = self._take(len(self._held))
        return (rest, "") if self._inside else ("", rest)

    def _start(self) -> tuple[str, str]:
        """Thoughts come first, or not at all."""
        stripped = self._held.lstrip()
        if OPEN.startswith(stripped[: len(OPEN)]) and len(stripped) < len(OPEN):
            return "", ""
        self._begun = True
        if stripped.startswith(OPEN):
            self._inside = True
            self._held = stripped[len(OPEN) :]
        return self.feed("")

    def _thoughts(self) -> tuple[str, str]:
        at = self._held.find(CLOSE)
        if at >= 0:
            thought = self._take(at)
            self._held = self._held[len(CLOSE) :].lstrip()
            self._inside = False
            return thought, self._take(len(self._held))
        return self._take(len(self._held) - _beginning_of_close(self._held)), ""

    def _take(self, count: int) -> str:
        taken, self._held = self._held[:count], self._held[count:]
        return taken


def _beginning_of_close(text: str) -> int:
    """How many characters at the end may be the beginning of the closing mark."""
    longest = min(len(CLOSE) - 1, len(text))
    return next((n for n in range(longest, 0, -1) if text.endswith(CLOSE[:n])), 0)
