"""What views and planning ask: live registries first, the catalogue where they fail.

A failure that tells something about the model (not found, gated, cloud only)
passes through. A registry that is out of reach, too slow, rate-limited or
broken is replaced by the catalogue, and a search then says so in a notice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from itertools import chain, zip_longest
from typing import TypeVar

from django.conf import settings

from inference.refs import LATEST, HuggingFaceRef, Ref
from wizard.registry import catalogue, huggingface, ollama, variants
from wizard.registry.errors import (
    CloudOnly,
    MlxOnly,
    ModelNotFound,
    ModelPrivate,
    RateLimited,
    RegistryDown,
    RegistryError,
    RegistryTimeout,
    UnreadableHeader,
    VariantNotFound,
)
from wizard.registry.pasted import candidates
from wizard.registry.quantisation import plain
from wizard.registry.values import (
    Architecture,
    Format,
    Model,
    ModelRef,
    Origin,
    SearchPage,
    SearchQuery,
    Source,
    Variant,
)

_Item = TypeVar("_Item")
_Answer = TypeVar("_Answer")
_NAMES = {Source.HUGGING_FACE: "Hugging Face", Source.OLLAMA: "The Ollama library"}
_TROUBLE = (RateLimited, RegistryTimeout, RegistryDown)
# Below a billion parameters four bits cost much quality and save little memory.
_SMALL = 1_000_000_000
_SMALL_ORDER = ("Q8_0", "Q6_K", "F16", "BF16")
_ORDER = (
    "Q4_K_M",
    "Q4_K_S",
    "Q5_K_M",
    "Q4_K_XL",
    "IQ4_XS",
    "IQ4_NL",
    "Q4_0",
    "MXFP4",
    "Q5_K_S",
    "Q6_K",
    "Q8_0",
)


def popular(limit: int = catalogue.PAGE_SIZE) -> SearchPage:
    """The most downloaded models of both registries, without asking a network."""
    return SearchPage(
        models=catalogue.popular(limit),
        page=1,
        has_next=False,
        total=None,
        origin=Origin.CATALOGUE,
        as_of=catalogue.as_of(),
    )


def search(query: SearchQuery) -> SearchPage:
    """One page of results of one or both registries.

    Never raises because a registry fails: the catalogue stands in, with a
    notice.
    """
    sources = (query.source,) if query.source else tuple(Source)
    if settings.OFFLINE:
        page = catalogue.search(query)
        notice = f"This site works offline; showing what we knew on {_day(page.as_of)}."
        return replace(page, notices=(notice,))
    parts = _together(lambda source: _searched(source, query), sources)
    return parts[0] if len(parts) == 1 else _merged(parts, query)


def resolve(text: str) -> tuple[ModelRef, ...]:
    """Every model that a pasted text names, one that exists first.

    Empty means that the text names nothing and is to be searched for.
    """
    found = tuple(model_ref(candidate) for candidate in candidates(text))
    if len(found) < 2:
        return found
    known = tuple(ref for ref in found if catalogue.knows(ref))
    if known or settings.OFFLINE:
        return tuple(sorted(found, key=lambda ref: ref not in known))
    existing = _together(_exists, found)
    return tuple(ref for ref, _ in sorted(zip(found, existing, strict=True), key=_missing_last))


def find(ref: ModelRef) -> Model:
    """A model with its variants.

    ``origin`` tells whether the registry or the catalogue answered. Raises
    what the registry raises; where it is out of reach and the catalogue lacks
    the model too, that is the registry's own failure.
    """
    return _live_first(
        lambda: _found_live(ref),
        lambda: catalogue.find(ref),
        keep=(CloudOnly, MlxOnly),
    )


def architecture(model: Model, variant: Variant) -> Architecture:
    """A variant's hyper-parameters: its header's or config's, else the catalogue's.

    The catalogue also stands in where a gated file may not be read or a header
    cannot be; a derived shape has ``exact=False``.
    """
    if settings.OFFLINE or model.origin is Origin.CATALOGUE:
        return catalogue.architecture(model, variant)
    try:
        return _read_live(model, variant)
    except RegistryError:
        return catalogue.architecture(model, variant)


def with_tensors(model: Model, variant: Variant) -> Variant:
    """The variant with its list of tensors, which lies behind megabytes of tokenizer.

    As it is where that cannot be read, and of Ollama's, which packs no file in ways of its own.
    """
    is_live = model.origin is Origin.LIVE and not settings.OFFLINE
    if not is_live or model.ref.source is not Source.HUGGING_FACE:
        return variant
    try:
        return replace(variant, tensors=huggingface.tensors(model, variant))
    except RegistryError:
        return variant


def variant_for(model: Model, ref: ModelRef, name: str = "") -> Variant:
    """The variant that is asked for by name, by the reference's file or tag, or our default.

    Our default is Q4_K_M or what is next to it; ``latest`` on Ollama; eight
    bits for models under a billion parameters; the only one of safetensors.
    Raises VariantNotFound with the names that there are.
    """
    asked = name or ref.file or ref.tag
    if model.ref.source is Source.OLLAMA:
        return _ollama_variant(model, ref, asked or LATEST)
    if asked and asked != LATEST:
        return variants.matching(model.variants, asked)
    return _default(model)


def _default(model: Model) -> Variant:
    if not model.variants:
        raise VariantNotFound(f"{model.ref.repo} has no variant that a server can load.")
    order = _SMALL_ORDER + _ORDER if 0 < (model.parameters or 0) < _SMALL else _ORDER
    for quantisation in order:
        for variant in model.variants:
            if variant.format is Format.GGUF and plain(variant.quantisation) == quantisation:
                return variant
    return model.variants[0]


def _ollama_variant(model: Model, ref: ModelRef, tag: str) -> Variant:
    listed = next((item for item in model.variants if item.name.lower() == tag.lower()), None)
    if model.origin is Origin.LIVE and not settings.OFFLINE and not _is_exact(listed):
        try:
            return ollama.variant_for(model, ref, tag)
        except RegistryError as error:
            if not _is_trouble(error):
                raise
    if listed is None and tag == LATEST:
        return _default(model)
    return listed or variants.matching(model.variants, tag)


def _is_exact(variant: Variant | None) -> bool:
    return variant is not None and variant.size_is_exact


def _is_trouble(error: RegistryError) -> bool:
    """Whether the registry failed, rather than told something about the model."""
    return isinstance(error, _TROUBLE) or type(error) is RegistryError


def _live_first(
    live: Callable[[], Model],
    bundled: Callable[[], Model],
    keep: tuple[type[RegistryError], ...],
) -> Model:
    if settings.OFFLINE:
        return bundled()
    try:
        return live()
    except RegistryError as error:
        if not _is_trouble(error):
            raise
        try:
            return bundled()
        except keep:
            raise
        except RegistryError:
            raise error from None


def _found_live(ref: ModelRef) -> Model:
    if ref.source is Source.OLLAMA:
        return ollama.find(ref)
    return huggingface.find(ref)


def _read_live(model: Model, variant: Variant) -> Architecture:
    if not variant.files and variant.format is Format.GGUF:
        raise UnreadableHeader(f"{model.ref} names no file to read.")
    if model.ref.source is Source.OLLAMA:
        return ollama.architecture(model, variant)
    return huggingface.architecture(model, variant)


def model_ref(ref: Ref) -> ModelRef:
    """The model of a name that was read; Ollama's ``latest`` is left out, as its pages do."""
    if isinstance(ref, HuggingFaceRef):
        return ModelRef(
            Source.HUGGING_FACE, ref.user, ref.repo, ref.quantisation, ref.file, ref.revision
        )
    tag = "" if ref.tag == LATEST else ref.tag
    return ModelRef(Source.OLLAMA, ref.namespace, ref.model, tag)


def _exists(ref: ModelRef) -> bool:
    """Whether a registry has the model; a registry in trouble is given the doubt."""
    try:
        _found_live(ref)
    except (ModelNotFound, ModelPrivate):
        return False
    except RegistryError:
        return True
    return True


def _missing_last(pair: tuple[ModelRef, bool]) -> bool:
    return not pair[1]


def _together(work: Callable[[_Item], _Answer], items: Iterable[_Item]) -> list[_Answer]:
    """Run ``work`` for all items at once, in threads: each waits for a network."""
    wanted = list(items)
    if len(wanted) == 1:
        return [work(wanted[0])]
    with ThreadPoolExecutor(max_workers=len(wanted)) as pool:
        return list(pool.map(work, wanted))


def _searched(source: Source, query: SearchQuery) -> SearchPage:
    query = replace(query, source=source)
    try:
        if source is Source.OLLAMA:
            return ollama.search(query)
        return huggingface.search(query)
    except RegistryError as error:
        page = catalogue.search(query)
        return replace(page, notices=(_notice(source, error, page.as_of),))


def _notice(source: Source, error: RegistryError, as_of: datetime) -> str:
    reason = "is out of reach"
    if isinstance(error, RateLimited):
        reason = "asks us to wait"
    elif isinstance(error, RegistryTimeout):
        reason = "did not answer in time"
    elif not isinstance(error, RegistryDown):
        reason = "gave an answer that we cannot read"
    return f"{_NAMES[source]} {reason}; showing what we knew on {_day(as_of)}."


def _day(moment: datetime) -> str:
    return f"{moment.day} {moment:%B %Y}"


def _merged(parts: list[SearchPage], query: SearchQuery) -> SearchPage:
    """Both registries by turns; models named exactly as asked come first."""
    turns = chain.from_iterable(zip_longest(*(part.models for part in parts)))
    models = [model for model in turns if model is not None]
    wanted = query.text.strip().lower()
    models.sort(key=lambda model: wanted not in (model.ref.name.lower(), model.ref.repo.lower()))
    totals = [part.total for part in parts]
    is_live = any(part.origin is Origin.LIVE for part in parts)
    return SearchPage(
        models=tuple(models),
        page=max(query.page, 1),
        has_next=any(part.has_next for part in parts),
        total=sum(total for total in totals if total is not None) if None not in totals else None,
        origin=Origin.LIVE if is_live else Origin.CATALOGUE,
        as_of=min(part.as_of for part in parts),
        notices=tuple(notice for part in parts for notice in part.notices),
    )
