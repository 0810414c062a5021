"""Groups a repository's files into variants: one for each way to load them."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from wizard.registry.errors import VariantNotFound
from wizard.registry.quantisation import in_file_name, plain
from wizard.registry.values import Format, ModelFile, Variant

_PART = re.compile(r"-(?P<part>\d{5})-of-(?P<total>\d{5})\Z")
_NO_WEIGHTS = re.compile(
    r"\A\.|mmproj|imatrix|(?:\A|[-_.])(?:lora|adapter|vocab)(?:[-_.]|\Z)", re.IGNORECASE
)
_PROJECTOR = re.compile(r"mmproj", re.IGNORECASE)
_PROJECTOR_ORDER = ("F16", "BF16", "Q8_0", "F32")
_INDEX = "model.safetensors.index.json"


@dataclass(frozen=True)
class _Group:
    stem: str
    files: tuple[ModelFile, ...]

    @property
    def base(self) -> str:
        return self.stem.rpartition("/")[2]

    @property
    def quantisation(self) -> str:
        return in_file_name(self.base) or in_file_name(self.stem)


def from_gguf(
    files: Iterable[ModelFile],
    *,
    parameters: int | None = None,
    context_length: int | None = None,
    architecture_name: str = "",
) -> tuple[Variant, ...]:
    """A variant for each quantisation, the smallest first.

    Parts of a split file are one variant; a split that lacks parts is left
    out, since no engine loads it. Projectors go with every variant; importance
    matrices, adapters and vocabularies are no weights.
    """
    own = [file for file in files if file.path.lower().endswith(".gguf")]
    projector = _projector([file for file in own if _PROJECTOR.search(_base(file))])
    groups = _groups(file for file in own if not _NO_WEIGHTS.search(_base(file)))
    named = _named(groups)
    variants = (
        Variant(
            name=name,
            format=Format.GGUF,
            quantisation=group.quantisation,
            files=group.files,
            projector=projector,
            parameters=parameters,
            context_length=context_length,
            digest=group.files[0].sha256 if len(group.files) == 1 else "",
            size_is_exact=all(file.size for file in group.files),
            architecture_name=architecture_name,
        )
        for name, group in named.items()
    )
    return tuple(sorted(variants, key=lambda variant: (variant.weight_bytes, variant.name)))


def from_safetensors(
    files: Sequence[ModelFile],
    listed: frozenset[str] | None,
    *,
    quantisation: str,
    parameters: int | None = None,
    architecture_name: str = "",
) -> tuple[Variant, ...]:
    """One variant, or none. ``listed`` are the file names in the index, where it was read."""
    chosen = _loaded(files, listed)
    if not chosen:
        return ()
    variant = Variant(
        name=quantisation or "safetensors",
        format=Format.SAFETENSORS,
        quantisation=quantisation,
        files=chosen,
        parameters=parameters,
        digest=chosen[0].sha256 if len(chosen) == 1 else "",
        size_is_exact=all(file.size for file in chosen),
        architecture_name=architecture_name,
    )
    return (variant,)


def needs_index(files: Sequence[ModelFile]) -> bool:
    """Whether only the index tells which safetensors files are loaded."""
    if not any(file.path == _INDEX for file in files):
        return False
    candidates = _top_level(files)
    return len(_groups(candidates)) != 1


def matching(variants: Sequence[Variant], asked: str) -> Variant:
    """The variant of that name, quantisation or file, in any case.

    Raises VariantNotFound with the list of names.
    """
    wanted = asked.casefold()
    for test in (_has_name, _has_file, _has_quantisation):
        found = [variant for variant in variants if test(variant, wanted)]
        if found:
            return found[0]
    names = ", ".join(variant.name for variant in variants[:40])
    raise VariantNotFound(
        f"There is no variant {asked[:120]!r} here.", next_step=f"Choose one of: {names}."
    )


def _has_name(variant: Variant, wanted: str) -> bool:
    return variant.name.casefold() == wanted


def _has_file(variant: Variant, wanted: str) -> bool:
    paths = {file.path.casefold() for file in variant.files}
    return wanted in paths | {path.rpartition("/")[2] for path in paths}


def _has_quantisation(variant: Variant, wanted: str) -> bool:
    own = {variant.quantisation.casefold(), plain(variant.quantisation).casefold()}
    return bool(variant.quantisation) and wanted in own


def _base(file: ModelFile) -> str:
    return file.path.rpartition("/")[2]


def _projector(files: Sequence[ModelFile]) -> ModelFile | None:
    def rank(file: ModelFile) -> tuple[int, int]:
        name = plain(in_file_name(_base(file)))
        order = _PROJECTOR_ORDER.index(name) if name in _PROJECTOR_ORDER else 9
        return order, file.size

    return min(files, key=rank, default=None)


def _groups(files: Iterable[ModelFile]) -> list[_Group]:
    """Whole files, and splits that have all their parts, in the order of the parts."""
    parts: dict[tuple[str, int], dict[int, ModelFile]] = defaultdict(dict)
    for file in files:
        stem = file.path.rpartition(".")[0]
        split = _PART.search(stem)
        key = (stem[: split.start()], int(split["total"])) if split else (stem, 1)
        parts[key][int(split["part"]) if split else 1] = file
    return [
        _Group(stem, tuple(found[number] for number in sorted(found)))
        for (stem, total), found in parts.items()
        if total and sorted(found) == list(range(1, min(total, len(found) + 1) + 1))
    ]


def _named(groups: Sequence[_Group]) -> Mapping[str, _Group]:
    """A name for each group: its quantisation, or its file's where two share one."""
    named: dict[str, _Group] = {}
    for group in sorted(groups, key=lambda group: (len(group.stem), group.stem)):
        names = (group.quantisation, group.base, group.stem)
        name = next(name for name in names if name and (name not in named or name == group.stem))
        named[name] = group
    return named


def _top_level(files: Iterable[ModelFile]) -> list[ModelFile]:
    return [
        file
        for file in files
        if "/" not in file.path
        and file.path.endswith(".safetensors")
        and not file.path.startswith(("consolidated", "adapter_"))
    ]


def _loaded(files: Sequence[ModelFile], listed: frozenset[str] | None) -> tuple[ModelFile, ...]:
    """The files that transformers and vLLM load: never the copies that repositories keep."""
    if listed is not None:
        chosen = [file for file in files if file.path in listed]
        return tuple(chosen) if len(chosen) == len(listed) else ()
    candidates = _top_level(files)
    for file in candidates:
        if file.path == "model.safetensors":
            return (file,)
    groups = _groups(candidates)
    preferred = [group for group in groups if group.stem == "model"] or groups
    return tuple(file for group in preferred for file in group.files)
