"""YAML with its colours, as spans made on the server."""

from __future__ import annotations

from collections.abc import Iterator

import yaml
from django import template
from django.utils.html import conditional_escape, format_html
from django.utils.safestring import SafeString, mark_safe

from wizard.sdl.values import PLACEHOLDERS

register = template.Library()

# Ten times as fast, where the wheel has libyaml: https://pyyaml.org/wiki/PyYAMLDocumentation
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@register.filter
def coloured(text: str) -> SafeString:
    """Keys, quoted texts and comments in spans; the text itself is unchanged."""
    pieces, end = [], 0
    for start, stop, kind in _tokens(text):
        pieces.append(_gap(text[end:start]))
        pieces.append(_span(kind, text[start:stop]))
        end = stop
    pieces.append(_gap(text[end:]))
    return mark_safe("".join(pieces))  # noqa: S308 - each piece is escaped where it is made


def _tokens(text: str) -> Iterator[tuple[int, int, str]]:
    """Start, stop and kind of each scalar. PyYAML's own scanner tells keys apart."""
    is_key = False
    for token in yaml.scan(text, Loader=_Loader):
        if isinstance(token, yaml.KeyToken):
            is_key = True
        elif isinstance(token, yaml.ScalarToken):
            kind = "key" if is_key else "plain" if token.plain else "text"
            is_key = False
            yield token.start_mark.index, token.end_mark.index, kind


def _span(kind: str, text: str) -> str:
    if kind == "plain":
        return conditional_escape(text)
    if kind == "text" and any(placeholder in text for placeholder in PLACEHOLDERS):
        kind = "text y-secret"
    return format_html('<span class="y-{}">{}</span>', kind, text)


def _gap(text: str) -> str:
    """What stands between scalars: punctuation, blanks, and comments."""
    return "".join(_line(line) for line in text.splitlines(keepends=True))


def _line(line: str) -> str:
    before, mark, comment = line.partition("#")
    if not mark:
        return conditional_escape(line)
    body = comment.rstrip("\n")
    end = comment[len(body) :]
    return conditional_escape(before) + format_html(
        '<span class="y-comment">#{}</span>{}', body, end
    )
