"""How an upstream wants the longest answer to be named.

Most servers of OpenAI's API know ``max_tokens`` alone. OpenAI's newest models refuse
it and say what they want instead, which is then remembered:
https://platform.openai.com/docs/api-reference/chat/create ("max_completion_tokens").
"""

from __future__ import annotations

from dataclasses import replace

from wizard.demo.asked import Question
from wizard.demo.errors import UpstreamRefused
from wizard.demo.values import Kind, Upstream

OLD, NEW = "max_tokens", "max_completion_tokens"


class Lengths:
    """The models that want the new name, as far as they have said so."""

    def __init__(self) -> None:
        self._new: set[tuple[str, str]] = set()

    def named(self, upstream: Upstream, asked: Question) -> Question:
        """The question with the name that its model wants."""
        if OLD not in asked.body or _whose(upstream, asked) not in self._new:
            return asked
        body = {(NEW if key == OLD else key): value for key, value in asked.body.items()}
        return replace(asked, body=body)

    def has_learnt(self, upstream: Upstream, asked: Question, error: UpstreamRefused) -> bool:
        """Whether a refusal was about the name, so that asking once more helps."""
        is_about_it = upstream.kind is Kind.OPENAI and OLD in asked.body and NEW in str(error)
        if is_about_it:
            self._new.add(_whose(upstream, asked))
        return is_about_it


def _whose(upstream: Upstream, asked: Question) -> tuple[str, str]:
    return upstream.name, str(asked.body["model"])
