"""Figures and parts of pages, as people read them."""

from __future__ import annotations

from datetime import UTC, datetime

from django import template
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString

register = template.Library()

_SHORT = ((10**12, "T"), (10**9, "B"), (10**6, "M"), (10**3, "K"))
_AGES = ((86_400, "day"), (3_600, "hour"), (60, "minute"))


@register.filter
def gigabytes(count: int | None) -> str:
    """Bytes as ``5.2 GB`` (10⁹), or ``870 MB`` below one."""
    if count is None:
        return "–"
    if abs(count) >= 10**11:
        return f"{count / 1e9:,.0f} GB"
    if abs(count) >= 95 * 10**7:
        return f"{count / 1e9:.1f} GB"
    return f"{count / 1e6:,.0f} MB"


@register.filter
def short(count: int | None) -> str:
    """``8.2B``, ``270M``, ``41.5K``."""
    if count is None:
        return "–"
    for size, letter in _SHORT:
        if count >= size:
            return f"{_three_digits(count / size)}{letter}"
    return str(count)


def _three_digits(number: float) -> str:
    return f"{number:.0f}" if number >= 99.95 else f"{number:.1f}".removesuffix(".0")


@register.filter
def tokens(count: int | None) -> str:
    """A context length on a scale: ``32k`` of 1,024 tokens, else the plain figure."""
    if count is None:
        return "–"
    if count >= 1024 * 1024 and count % (1024 * 1024) == 0:
        return f"{count // (1024 * 1024)}M"
    return f"{count / 1024:.0f}k" if count >= 1024 else str(count)


@register.filter
def grouped(count: int | None) -> str:
    """``40,960``."""
    return "–" if count is None else f"{count:,}"


@register.filter
def usd(amount: float | None) -> str:
    """USD with as many digits as matter: ``$0.16``, ``$1,204``."""
    if amount is None:
        return "–"
    return f"${amount:,.0f}" if amount >= 100 else f"${amount:,.2f}"


@register.filter
def monthly(usd_per_hour: float | None) -> float | None:
    """USD of an average month, 730 hours."""
    return None if usd_per_hour is None else usd_per_hour * 730


@register.filter
def licence(name: str) -> str:
    """A licence as its registry names it; the Hub calls one that it does not know “other”."""
    return "its own" if name == "other" else name


@register.filter
def age(moment: datetime | None) -> str:
    """``6 minutes ago``; the date itself after a fortnight."""
    if moment is None:
        return "at an unknown time"
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    seconds = (datetime.now(UTC) - aware).total_seconds()
    if seconds > 14 * 86_400:
        return f"on {day(aware)}"
    for length, name in _AGES:
        if seconds >= length:
            count = int(seconds // length)
            return f"{count} {name}{'' if count == 1 else 's'} ago"
    return "just now"


@register.filter
def day(moment: datetime | None) -> str:
    """``3 October 2026``."""
    return f"{moment.day} {moment:%B %Y}" if moment else "–"


@register.simple_tag
def icon(name: str, label: str = "") -> SafeString:
    """An icon of the sprite; without a label it is decoration."""
    hidden = format_html('role="img" aria-label="{}"', label) if label else 'aria-hidden="true"'
    return format_html(
        '<svg class="icon" {} focusable="false"><use href="{}#{}"/></svg>',
        SafeString(hidden),
        static("vendor/icons.svg"),
        name,
    )


@register.filter
def stylesheets(names: str) -> list[str]:
    """Addresses of the site's own sheets, in the order of their names."""
    return [static(f"css/{name}.css") for name in names.split()]
