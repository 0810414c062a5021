"""Models of the Ollama registry: search, facts, tags, hyper-parameters.

Lists come from the site's pages, the facts of one tag from its manifest. A
name is valid when its manifest answers, whether a page lists it or not.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import quote

from django.conf import settings
from django.core.cache import cache

from wizard.registry import catalogue, gguf_header, http, ollama_pages
from wizard.registry import ollama_registry as registry
from wizard.registry.errors import (
    CloudModel,
    MlxOnly,
    RegistryError,
    VariantNotFound,
)
from wizard.registry.ollama_pages import Card, Tag, TagList
from wizard.registry.quantisation import in_file_name
from wizard.registry.values import (
    Architecture,
    Format,
    Model,
    ModelFile,
    ModelRef,
    Origin,
    SearchPage,
    SearchQuery,
    Source,
    Variant,
)

__all__ = ["architecture", "find", "search", "variant_for", "without_gguf"]

SITE = "The Ollama library"
LATEST = "latest"
LIBRARY = "library"
SEARCH_SECONDS = 300
PAGE_SECONDS = 900
MAX_PAGE = 8 << 20
LAST_PAGE = 100
# Average bytes a parameter of the Q4_K_M that most tags are.
_BYTES_PER_PARAMETER = 0.6
_MLX = re.compile(r"(?:\A|-)(?:mlx|nvfp4|mxfp8)(?:-|\Z)", re.IGNORECASE)
_ORDERS = {"newest": "newest"}


def search(query: SearchQuery) -> SearchPage:
    """One page of the library, in the site's own order.

    The pages tell neither licences nor exact sizes: those are the catalogue's
    where it knows the model, and else unknown. Raises RegistryError where the
    page is not understood, and RateLimited, RegistryTimeout or RegistryDown.
    """
    page = min(max(query.page, 1), LAST_PAGE)
    address = _search_address(query, page)
    key = http.cache_key("ollama-search", settings.OLLAMA_URL, address)
    listing = cache.get(key)
    if not isinstance(listing, ollama_pages.Listing):
        listing = ollama_pages.read_listing(_page(address, as_htmx=page > 1) or "")
        cache.set(key, listing, SEARCH_SECONDS)
    now = datetime.now(UTC)
    models = (_of_card(card, now) for card in listing.cards)
    return SearchPage(
        models=tuple(model for model in models if _matches(model, query)),
        page=page,
        has_next=listing.has_next,
        total=None,
        origin=Origin.LIVE,
        as_of=now,
    )


def find(ref: ModelRef) -> Model:
    """A model with its tags; the asked one (``latest`` by default) with exact bytes.

    Raises ModelNotFound, VariantNotFound for a tag of a known model, CloudOnly
    or MlxOnly for a tag with nothing to run here, and RateLimited,
    RegistryTimeout or RegistryDown.
    """
    listed = _listed(ref)
    if listed is None:
        return _unlisted(ref)
    variants = tuple(_of_tag(tag) for tag in listed.tags if _is_gguf(tag))
    if not variants and all(registry.is_cloud(tag.name) for tag in listed.tags):
        raise CloudModel(f"{ref.repo} has no weights: it runs in Ollama's cloud only.")
    if not variants:
        raise MlxOnly(f"{ref.repo} has tags for Apple's MLX only, none of GGUF.")
    if ref.tag or any(variant.name == LATEST for variant in variants):
        asked = _exact(ref, ref.tag or LATEST, listed)
        variants = _with(variants, asked)
    return _model(ref, listed, variants)


def without_gguf(ref: ModelRef) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The listed tags that only run in Ollama's cloud, and those for Apple's MLX."""
    listed = _listed(ref)
    refused = [tag.name for tag in listed.tags if not _is_gguf(tag)] if listed else []
    cloud = tuple(name for name in refused if registry.is_cloud(name))
    return cloud, tuple(name for name in refused if name not in cloud)


def variant_for(model: Model, ref: ModelRef, name: str = "") -> Variant:
    """The variant of a tag, listed or not, with exact bytes.

    Raises VariantNotFound with the tags that there are, CloudOnly or MlxOnly.
    """
    tag = name or ref.tag or LATEST
    try:
        exact = registry.variant(model.ref, tag, registry.manifest(model.ref, tag))
    except VariantNotFound as error:
        if tag == LATEST and model.variants:
            return variant_for(model, ref, model.variants[0].name)
        raise _with_names(error, model) from None
    listed = next((item for item in model.variants if item.name == tag), None)
    return _completed(exact, listed)


def architecture(model: Model, variant: Variant) -> Architecture:
    """Hyper-parameters from the header of a tag's weights.

    Raises UnreadableHeader, and RateLimited, RegistryTimeout or RegistryDown.
    """
    file = next((file for file in variant.files if file.path.startswith("sha256:")), None)
    if file is None:
        file = variant_for(model, model.ref, variant.name).files[0]
    key = http.cache_key("ollama-architecture", file.path)
    known = cache.get(key)
    if isinstance(known, Architecture):
        return known
    found = gguf_header.read(registry.ranges_of(model.ref, file.path), file.size).architecture()
    cache.set(key, found, registry.DIGEST_SECONDS)
    return found


def _search_address(query: SearchQuery, page: int) -> str:
    text = quote(query.text.strip()[:200], safe="")
    order = _ORDERS.get(query.sort, "")
    parts = [f"q={text}" if text else "", f"o={order}" if order else ""]
    # The site gives later pages to htmx requests only.
    parts.append(f"page={page}" if page > 1 else "")
    return "/search?" + "&".join(part for part in parts if part)


def _page(address: str, *, as_htmx: bool = False) -> str | None:
    """A page of the site; None where it has no such page."""
    response = registry.session().get(
        settings.OLLAMA_URL + address,
        headers={"HX-Request": "true"} if as_htmx else {},
        extensions={http.LIMIT: MAX_PAGE},
    )
    if response.status_code == 404:
        return None
    if response.status_code != 200:
        raise RegistryError(f"{SITE} answers with the status {response.status_code}.")
    return response.content.decode(errors="replace")


def _of_card(card: Card, now: datetime) -> Model:
    ref = ModelRef(Source.OLLAMA, card.namespace, card.name)
    is_cloud = "cloud" in card.capabilities and not card.parameters
    model = Model(
        ref=ref,
        title=card.name,
        origin=Origin.LIVE,
        as_of=now,
        summary=card.summary,
        task=_task(card.capabilities),
        tags=("cloud",) if is_cloud else (),
        capabilities=card.capabilities - {"cloud"},
        parameters=card.parameters[0] if card.parameters else None,
        downloads=card.pulls,
        updated=card.updated,
        smallest_bytes=_smallest(card),
    )
    return _with_known(model)


def _smallest(card: Card) -> int | None:
    return round(card.parameters[0] * _BYTES_PER_PARAMETER) if card.parameters else None


def _with_known(model: Model) -> Model:
    """Add what the pages do not tell and the catalogue does."""
    known = catalogue.peek(model.ref)
    if known is None:
        return model
    return replace(
        model,
        licence=model.licence or known.licence,
        parameters=model.parameters or known.parameters,
        context_length=model.context_length or known.context_length,
        smallest_bytes=known.smallest_bytes or model.smallest_bytes,
        architecture_name=model.architecture_name or known.architecture_name,
    )


def _task(capabilities: frozenset[str]) -> str:
    if "embedding" in capabilities:
        return "feature-extraction"
    return "image-text-to-text" if "vision" in capabilities else "text-generation"


def _matches(model: Model, query: SearchQuery) -> bool:
    if query.author and model.ref.namespace.lower() != query.author.lower():
        return False
    if query.task and model.task != query.task:
        return False
    if query.licence and model.licence.lower() != query.licence.lower():
        return False
    return query.max_bytes is None or 0 < (model.smallest_bytes or 0) <= query.max_bytes


def _listed(ref: ModelRef) -> TagList | None:
    """The page of tags; None where there is none, or where it is not understood."""
    key = http.cache_key("ollama-tags", settings.OLLAMA_URL, ref.repo)
    known = cache.get(key)
    if isinstance(known, TagList):
        return known
    html = _page(f"/{ref.namespace}/{ref.name}/tags")
    if html is None:
        return None
    try:
        listed = ollama_pages.read_tags(html)
    except RegistryError:
        return None
    cache.set(key, listed, PAGE_SECONDS)
    return listed


def _unlisted(ref: ModelRef) -> Model:
    """A model that no page lists, from the manifest of its tag alone."""
    tag = ref.tag or LATEST
    try:
        found = registry.manifest(ref, tag)
    except VariantNotFound:
        raise registry.not_found(ref) from None
    variant = registry.variant(ref, tag, found)
    nothing = TagList("", frozenset(), None, None, ())
    return _model(ref, nothing, (variant,))


def _exact(ref: ModelRef, tag: str, listed: TagList) -> Variant:
    row = next((item for item in listed.tags if item.name == tag), None)
    try:
        found = registry.manifest(ref, tag)
    except VariantNotFound as error:
        names = ", ".join(item.name for item in listed.tags[:40])
        error.next_step = f"Choose one of: {names}."
        raise
    except RegistryError:
        if row is None or not _is_gguf(row):
            raise
        return _of_tag(row)
    return _completed(registry.variant(ref, tag, found), _of_tag(row) if row else None)


def _is_gguf(tag: Tag) -> bool:
    return not registry.is_cloud(tag.name) and not _MLX.search(tag.name)


def _of_tag(tag: Tag) -> Variant:
    """A variant from a row of the page, whose sizes have two digits."""
    return Variant(
        name=tag.name,
        format=Format.GGUF,
        quantisation=_quantisation(tag.name),
        files=(ModelFile("", tag.size),),
        parameters=ollama_pages.parameters(tag.name.partition("-")[0]),
        context_length=tag.context_length,
        digest=tag.digest,
        size_is_exact=False,
    )


def _quantisation(name: str) -> str:
    return in_file_name(name).replace("FP16", "F16")


def _completed(exact: Variant, listed: Variant | None) -> Variant:
    if listed is None:
        return exact
    return replace(
        exact,
        context_length=exact.context_length or listed.context_length,
        parameters=exact.parameters or listed.parameters,
    )


def _with(variants: tuple[Variant, ...], exact: Variant) -> tuple[Variant, ...]:
    """The exact one in its place, and for every alias with the same digest."""
    same = [
        replace(exact, name=item.name)
        if item.name == exact.name or (item.digest and exact.digest.startswith(item.digest))
        else item
        for item in variants
    ]
    return tuple(same if any(item.name == exact.name for item in same) else [exact, *same])


def _model(ref: ModelRef, listed: TagList, variants: tuple[Variant, ...]) -> Model:
    default = next((item for item in variants if item.name == (ref.tag or LATEST)), variants[0])
    capabilities = listed.capabilities - {"cloud"}
    if default.projector:
        capabilities |= {"vision"}
    model = Model(
        ref=ref,
        title=ref.name,
        origin=Origin.LIVE,
        as_of=datetime.now(UTC),
        summary=listed.summary,
        task=_task(capabilities),
        capabilities=capabilities,
        parameters=default.parameters,
        context_length=default.context_length,
        downloads=listed.pulls,
        updated=listed.updated,
        architecture_name=default.architecture_name,
        variants=variants,
        smallest_bytes=min((item.download_bytes for item in variants if item.files), default=None),
    )
    return _with_known(model)


def _with_names(error: VariantNotFound, model: Model) -> VariantNotFound:
    names = ", ".join(item.name for item in model.variants[:40])
    return VariantNotFound(str(error), next_step=f"Choose one of: {names}." if names else "")
