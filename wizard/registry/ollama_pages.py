"""Reads the Ollama library's pages: there is no JSON list of its models.

The site marks its elements with ``x-test-*`` at some times and not at others,
so each fact is looked for by such a mark, then by what the words around it
say. A page in which nothing is recognised raises RegistryError: a changed
site must not look like an empty one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from selectolax.parser import HTMLParser, Node

from wizard.registry.errors import RegistryError

MAX_CARDS = 1000
MAX_TAGS = 2000
MAX_TEXT = 600
_MODEL_LINK = re.compile(r"/(?:(?P<space>[\w-]{1,80})/)?(?P<name>[\w][\w.-]{0,79})\Z")
_TAG_LINK = re.compile(r"/(?:[\w-]{1,80}/)?[\w][\w.-]{0,79}:(?P<tag>[\w][\w.-]{0,79})\Z")
_SIZE_BADGE = re.compile(r"(?:(\d{1,3})x)?e?(\d{1,4}(?:\.\d{1,3})?)([bmk])", re.IGNORECASE)
_COUNT = re.compile(r"(\d[\d,]{0,11}(?:\.\d{1,3})?)\s*([KMB]?)(?:\s|\xa0)*(?:Pulls|Downloads)\b")
_BYTES = re.compile(r"(\d{1,4}(?:\.\d{1,3})?)\s?([KMGT]B)\b")
_CONTEXT = re.compile(r"\b(\d{1,4}(?:\.\d{1,2})?)\s?([KM]?)(?:\s|\xa0)+context", re.IGNORECASE)
_DIGEST = re.compile(r"\b[0-9a-f]{12}\b")
_MOMENT = re.compile(r"[A-Z][a-z]{2} \d{1,2}, \d{4} \d{1,2}:\d{2} [AP]M UTC")
_NEXT = re.compile(r"[?&]page=\d")
_NOT_MODELS = frozenset({"blog", "docs", "signin", "download", "models", "search", "public"})
_FACTORS = {"": 1, "K": 1_000, "M": 1_000_000, "B": 1_000_000_000}
_DECIMAL = {"KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_TOKENS = {"": 1, "K": 1024, "M": 1024 * 1024}
CAPABILITIES = frozenset({"tools", "thinking", "vision", "embedding", "audio", "insert", "cloud"})


@dataclass(frozen=True)
class Card:
    """A model in a list. ``parameters`` are the sizes that it comes in."""

    namespace: str
    name: str
    summary: str
    capabilities: frozenset[str]
    parameters: tuple[int, ...]
    pulls: int | None
    updated: datetime | None


@dataclass(frozen=True)
class Listing:
    """A list of models, and whether a further page follows."""

    cards: tuple[Card, ...]
    has_next: bool


@dataclass(frozen=True)
class Tag:
    """A tag's row. ``size`` is the page's text in bytes, 0 where it shows none (cloud)."""

    name: str
    digest: str
    size: int
    context_length: int | None


@dataclass(frozen=True)
class TagList:
    """A model's page of tags."""

    summary: str
    capabilities: frozenset[str]
    pulls: int | None
    updated: datetime | None
    tags: tuple[Tag, ...]


def read_listing(html: str) -> Listing:
    """Read ``/search`` or ``/library``. Raises RegistryError where it is no such page."""
    tree = HTMLParser(html)
    cards = [card for node in tree.css("li a[href]")[:MAX_CARDS] if (card := _card(node))]
    if not cards and not _says_empty(tree):
        raise RegistryError("The Ollama library's page has changed: no model is found in it.")
    following = tree.css("li[hx-get]")
    has_next = any(_NEXT.search(node.attributes.get("hx-get") or "") for node in following)
    return Listing(tuple({(card.namespace, card.name): card for card in cards}.values()), has_next)


def read_tags(html: str) -> TagList:
    """Read ``/library/NAME/tags``. Raises RegistryError where it is no such page."""
    tree = HTMLParser(html)
    tags: dict[str, Tag] = {}
    for node in tree.css("a[href]"):
        found = _TAG_LINK.search(node.attributes.get("href") or "")
        if found and len(tags) < MAX_TAGS:
            tags[found["tag"]] = _merged(tags.get(found["tag"]), _tag(found["tag"], node))
    if not tags:
        raise RegistryError("The Ollama library's page has changed: no tag is found in it.")
    text = _text(tree.body)
    return TagList(
        summary=_text(tree.css_first("#summary-content"))[:MAX_TEXT],
        capabilities=_capabilities(tree.root),
        pulls=_pulls(text),
        updated=_updated(tree.root),
        tags=tuple(tags.values()),
    )


def _card(node: Node) -> Card | None:
    found = _MODEL_LINK.match(node.attributes.get("href") or "")
    if not found or not found["space"] or found["name"].lower() in _NOT_MODELS:
        return None
    is_card = node.css_first("[x-test-model-title], [x-test-search-response-title], h2, p")
    if is_card is None:
        return None
    return Card(
        namespace=found["space"],
        name=found["name"],
        summary=_text(node.css_first("p"))[:MAX_TEXT],
        capabilities=_capabilities(node),
        parameters=_parameters(node),
        pulls=_pulls(_text(node)),
        updated=_updated(node),
    )


def _badges(node: Node | None) -> list[str]:
    if node is None:
        return []
    return [_text(item) for item in node.css("[x-test-capability], [x-test-size], span")]


def _capabilities(node: Node | None) -> frozenset[str]:
    return frozenset(text.lower() for text in _badges(node)) & CAPABILITIES


def _parameters(node: Node) -> tuple[int, ...]:
    """From badges, which are in lower case; the count of pulls beside them is not."""
    counts = {parameters(text) for text in _badges(node) if text == text.lower()}
    return tuple(sorted(count for count in counts if count))


def parameters(text: str) -> int | None:
    """How many parameters a label tells: ``8b``, ``8.0B``, ``8x7b``, ``335m``; else None."""
    found = _SIZE_BADGE.fullmatch(text.strip())
    if not found:
        return None
    count = float(found[2]) * _FACTORS[found[3].upper()] * int(found[1] or 1)
    return round(count) or None


def _pulls(text: str) -> int | None:
    found = _COUNT.search(text)
    return round(float(found[1].replace(",", "")) * _FACTORS[found[2]]) if found else None


def _updated(node: Node | None) -> datetime | None:
    """The exact moment, which the pages keep in a tooltip."""
    for item in node.css("[title]") if node else ():
        title = item.attributes.get("title") or ""
        if _MOMENT.fullmatch(title):
            return _moment(title)
    return None


def _moment(title: str) -> datetime | None:
    try:
        return datetime.strptime(title, "%b %d, %Y %I:%M %p UTC").replace(tzinfo=UTC)
    except ValueError:
        return None


def _says_empty(tree: HTMLParser) -> bool:
    return "No models" in _text(tree.body)


def _tag(name: str, node: Node) -> Tag:
    """A tag from its row: the link itself on narrow pages, its surroundings on wide ones."""
    text = _text(node)
    row: Node | None = node
    for _ in range(4):
        if _DIGEST.search(text) or row is None:
            break
        row = row.parent
        text = _text(row)
    digest, size, context = _DIGEST.search(text), _BYTES.search(text), _CONTEXT.search(text)
    return Tag(
        name=name,
        digest=digest[0] if digest else "",
        size=round(float(size[1]) * _DECIMAL[size[2]]) if size else 0,
        context_length=_tokens(context[1], context[2]) if context else None,
    )


def _merged(first: Tag | None, second: Tag) -> Tag:
    """The same tag is on the page twice, for narrow and for wide screens."""
    if first is None:
        return second
    return Tag(
        name=first.name,
        digest=first.digest or second.digest,
        size=first.size or second.size,
        context_length=first.context_length or second.context_length,
    )


def _tokens(number: str, unit: str) -> int | None:
    return round(float(number) * _TOKENS[unit.upper()]) or None


def _text(node: Node | None) -> str:
    return " ".join(node.text(separator=" ").split()) if node else ""
