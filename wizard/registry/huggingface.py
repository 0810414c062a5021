"""Models of the Hugging Face Hub: search, facts, variants, hyper-parameters.

Facts of a branch are kept for minutes, those of a commit for days.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import replace

from django.conf import settings
from django.core.cache import cache
from huggingface_hub.hf_api import ModelInfo

from wizard.registry import (
    architectures,
    config_json,
    config_quantisation,
    gguf_header,
    gguf_reader,
    http,
    huggingface_facts,
    huggingface_files,
    variants,
)
from wizard.registry import huggingface_client as client
from wizard.registry.errors import (
    ModelGated,
    ModelNotFound,
    ModelPrivate,
    NothingToServe,
    RegistryError,
    UnreadableHeader,
    UnsupportedArchitecture,
)
from wizard.registry.gguf_header import Header
from wizard.registry.huggingface_search import search
from wizard.registry.values import (
    Architecture,
    Format,
    Model,
    ModelFile,
    ModelRef,
    TensorSizes,
    Variant,
)

__all__ = ["architecture", "find", "search", "tensors"]

BRANCH_SECONDS = 600
COMMIT_SECONDS = 7 * 86_400
CONVERSIONS_SECONDS = 86_400
MISSING_SECONDS = 60
MAX_CONVERSIONS = 8
MAX_PARTS = 16
_COMMIT = re.compile(r"[0-9a-f]{40}\Z")
_INDEX = "model.safetensors.index.json"
# Names of weights that nothing quantised.
_PLAIN = ("BF16", "F16", "F32", "")
_PLUGIN_METHODS = {"bitsandbytes", "bnb", "exl2", "exl3", "hqq", "quanto", "eetq", "aqlm", "higgs"}


def find(ref: ModelRef) -> Model:
    """A model with its variants; ``ref`` of the answer has the repository's present name.

    Raises ModelPrivate or ModelNotFound, NothingToServe (with GGUF conversions)
    where no file can be loaded, UnsupportedArchitecture where no engine knows
    the model, and RateLimited, RegistryTimeout or RegistryDown. A gated model
    is answered: its facts are public.
    """
    key = http.cache_key("hf-model", settings.HUGGING_FACE_URL, ref.repo, ref.revision)
    known = cache.get(key)
    if isinstance(known, RegistryError):
        raise known
    if not isinstance(known, Model):
        known = _found(ref, key)
    return replace(known, ref=replace(known.ref, tag=ref.tag, file=ref.file))


def architecture(model: Model, variant: Variant) -> Architecture:
    """The hyper-parameters of one variant, from its GGUF header or config.json.

    Raises ModelGated where the files ask for accepted terms, UnreadableHeader
    where neither tells what is needed.
    """
    place = (settings.HUGGING_FACE_URL, model.ref.repo, model.revision)
    key = http.cache_key("hf-architecture", *place, variant.format, variant.files[:1])
    known = cache.get(key)
    if isinstance(known, Architecture):
        return known
    if variant.format is Format.GGUF:
        known = _from_header(model, variant)
    else:
        is_packed = variant.quantisation not in _PLAIN
        known = _from_config(model.ref.repo, model.revision, is_packed=is_packed)
    cache.set(key, known, COMMIT_SECONDS if model.revision else BRANCH_SECONDS)
    return known


def tensors(model: Model, variant: Variant) -> TensorSizes | None:
    """Where the tensors of a GGUF lie, from whole headers: megabytes, behind the tokenizer.

    None where that is not told, could not be read of late, or the file has too many parts.
    Raises RegistryError, UnreadableHeader also where it takes long.
    """
    if not 0 < len(variant.files) <= MAX_PARTS:
        return None
    place = (settings.HUGGING_FACE_URL, model.ref.repo, model.revision)
    key = http.cache_key("hf-tensors", *place, variant.files)
    known = cache.get(key)
    if known is not None:
        return known if isinstance(known, TensorSizes) else None
    deadline = time.monotonic() + settings.REGISTRY_TIMEOUT
    try:
        parts = [_header(model, file, deadline) for file in variant.files]
    except RegistryError:
        cache.set(key, False, BRANCH_SECONDS)
        raise
    found = gguf_header.joined(parts).tensor_sizes()
    cache.set(key, found or False, COMMIT_SECONDS if model.revision else BRANCH_SECONDS)
    return found


def _found(ref: ModelRef, key: str) -> Model:
    try:
        info = client.model_info(ref.repo, ref.revision)
    except (ModelPrivate, ModelNotFound) as error:
        cache.set(key, error, MISSING_SECONDS)
        raise
    model = _with_variants(info, ref)
    is_commit = bool(_COMMIT.match(ref.revision))
    cache.set(key, model, COMMIT_SECONDS if is_commit else BRANCH_SECONDS)
    return model


def _with_variants(info: ModelInfo, ref: ModelRef) -> Model:
    files = huggingface_files.of(info)
    model = huggingface_facts.model(info, ref)
    found = _gguf_variants(info, files, model)
    served = _safetensors_variants(info, files, model)
    if found:
        both = found + _beside(found, served) if _is_served(info) else found
        return replace(model, variants=both)
    conversions = _conversions(info.id)
    if not served:
        raise NothingToServe(
            huggingface_files.why_nothing(info, files),
            conversions=conversions,
            next_step=_conversion_step(conversions) or huggingface_files.next_step(info, files),
        )
    if not _is_served(info):
        raise _unsupported(info, conversions)
    return replace(model, variants=served, gguf_repos=conversions)


def _beside(found: tuple[Variant, ...], served: tuple[Variant, ...]) -> tuple[Variant, ...]:
    """The safetensors of a repository that has GGUF too, under names of their own."""
    taken = {variant.name for variant in found}
    return tuple(
        replace(variant, name=f"{variant.name}-safetensors") if variant.name in taken else variant
        for variant in served
    )


def _gguf_variants(
    info: ModelInfo, files: tuple[ModelFile, ...], model: Model
) -> tuple[Variant, ...]:
    found = variants.from_gguf(
        files,
        parameters=model.parameters,
        context_length=model.context_length,
        architecture_name=model.architecture_name,
    )
    name = info.gguf.get("architecture") if isinstance(info.gguf, dict) else None
    if found and name and name not in architectures.LLAMA_CPP:
        raise UnsupportedArchitecture(
            f"llama.cpp does not know the architecture {str(name)[:80]!r} of {info.id}."
        )
    return found


def _safetensors_variants(
    info: ModelInfo, files: tuple[ModelFile, ...], model: Model
) -> tuple[Variant, ...]:
    has_config = any(file.path == "config.json" for file in files)
    method = huggingface_facts.quant_method(info)
    if huggingface_files.is_mlx(info) or not has_config or method in _PLUGIN_METHODS:
        return ()
    return variants.from_safetensors(
        files,
        _listed(model) if variants.needs_index(files) else None,
        quantisation=huggingface_facts.quantisation(info),
        parameters=model.parameters,
        architecture_name=model.architecture_name,
    )


def _listed(model: Model) -> frozenset[str] | None:
    """The file names in the index; None where it is gated or makes no sense."""
    try:
        index = client.read_json(model.ref.repo, model.revision, _INDEX, client.MAX_INDEX)
    except (ModelGated, UnreadableHeader):
        return None
    names = index.get("weight_map") if isinstance(index, dict) else None
    if not isinstance(names, dict):
        return None
    return frozenset(name for name in names.values() if isinstance(name, str)) or None


def _is_served(info: ModelInfo) -> bool:
    """Whether vLLM knows a class of the model, or none is told."""
    classes = huggingface_facts.classes(info)
    return not classes or any(name in architectures.VLLM for name in classes)


def _unsupported(info: ModelInfo, conversions: tuple[str, ...]) -> UnsupportedArchitecture:
    named = huggingface_facts.classes(info)[0]
    if named in architectures.CONVERTIBLE:
        sentence = f"vLLM does not serve {named}; llama.cpp does, from a GGUF conversion."
    else:
        sentence = f"Neither vLLM nor llama.cpp knows {named}."
    return UnsupportedArchitecture(
        sentence, conversions=conversions, next_step=_conversion_step(conversions)
    )


def _conversion_step(conversions: tuple[str, ...]) -> str:
    return f"Take a GGUF conversion of it, such as {conversions[0]}." if conversions else ""


def _conversions(repo: str) -> tuple[str, ...]:
    """GGUF conversions of a model, the most downloaded first; none where the Hub is busy."""
    key = http.cache_key("hf-conversions", settings.HUGGING_FACE_URL, repo)
    known = cache.get(key)
    if isinstance(known, tuple):
        return known
    try:
        found = client.list_models(
            filter=[f"base_model:quantized:{repo}", "gguf"],
            sort="downloads",
            limit=MAX_CONVERSIONS,
            expand=["downloads"],
        )
    except RegistryError:
        return ()
    conversions = tuple(info.id for info in found)
    cache.set(key, conversions, CONVERSIONS_SECONDS)
    return conversions


def _from_header(model: Model, variant: Variant) -> Architecture:
    if not variant.files:
        raise UnreadableHeader(f"{model.ref} names no file to read.")
    try:
        return _header(model, variant.files[0]).architecture()
    except UnreadableHeader as error:
        return _from_base_model(model, error)


def _header(model: Model, file: ModelFile, deadline: float | None = None) -> Header:
    """A file's header, up to the end of its tensors where there is a deadline to reach it."""
    ranges = client.ranges_of(model.ref.repo, model.revision, file.path)

    def fetch(start: int, stop: int) -> bytes:
        if deadline and time.monotonic() > deadline:
            raise UnreadableHeader("This file's list of tensors takes too long to read.")
        return ranges(start, stop)

    size = file.size or gguf_reader.MAX_HEADER
    return gguf_header.read(fetch, size, whole=deadline is not None)


def _from_base_model(model: Model, error: UnreadableHeader) -> Architecture:
    """Where a header is of no use, the original's config.json is a rough guide."""
    if model.base_model.count("/") != 1:
        raise error
    try:
        return replace(_from_config(model.base_model, ""), exact=False)
    except RegistryError:
        raise error from None


def _from_config(repo: str, revision: str, *, is_packed: bool = False) -> Architecture:
    """``is_packed`` tells that the weights' own types are none of the plain ones."""
    config = client.read_json(repo, revision, "config.json")
    if is_packed and isinstance(config, Mapping) and not config_quantisation.of(config):
        told = _separate(repo, revision)
        config = config_quantisation.with_separate(config, told)
    return config_json.architecture(config)


def _separate(repo: str, revision: str) -> object:
    """How weights are quantised, from a file of its own; nothing where there is none."""
    try:
        return client.read_json(repo, revision, config_quantisation.SEPARATE)
    except UnreadableHeader:
        return None
