"""Which files of a Hub repository a quantisation's name means.

Names follow llama.cpp's ``gguf-split`` (``-00001-of-00003.gguf``) and the
habits of those who publish quantisations: ``Model-Q4_K_M.gguf``,
``model.q4_k_m.gguf``, ``UD-Q4_K_XL/Model-UD-Q4_K_XL-00001-of-00002.gguf``.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath

from inference.errors import ModelNotFound, RegistryAnswer, Unsupported

PREFERRED = (
    "Q4_K_M",
    "UD-Q4_K_XL",
    "MXFP4",
    "MXFP4_MOE",
    "Q4_K_S",
    "IQ4_XS",
    "IQ4_NL",
    "Q4_0",
    "Q5_K_M",
    "Q5_K_S",
    "Q6_K",
    "Q8_0",
    "Q3_K_M",
    "BF16",
    "F16",
    "F32",
)
PREFERRED_PROJECTORS = ("F16", "BF16", "Q8_0", "F32")
MOST_PARTS = 1000
SHOWN = 16
_SPLIT = re.compile(r"(?P<stem>.+)-(?P<part>\d{5})-of-(?P<count>\d{5})\.gguf\Z", re.IGNORECASE)
_LABEL = re.compile(
    r"(?:(?<=[-._/ ])|\A)"
    r"((?:UD-)?(?:I?Q[1-8](?:_[A-Z0-9]+)*|TQ[12]_0|BF16|F(?:P)?(?:16|32)|MXFP4(?:_MOE)?|NVFP4))"
    r"(?=[-._/ ]|\Z)",
    re.IGNORECASE,
)
_NO_WEIGHTS = re.compile(r"(^|[-._])(imatrix|mmproj|ggml-vocab)([-._]|$)", re.IGNORECASE)


@dataclass(frozen=True)
class Group:
    """The files of one quantisation, first part first. ``label`` is upper-case, maybe empty."""

    label: str
    paths: tuple[str, ...]

    @property
    def first(self) -> str:
        return self.paths[0]


def label_of(path: str) -> str:
    """The quantisation that a path names, in upper case; empty where it names none.

    The file's own name counts before its folder's, the last label before others.
    """
    whole = PurePosixPath(path)
    for text in (_stem(whole.name), *reversed(whole.parent.parts)):
        found = _LABEL.findall(text)
        if found:
            return str(found[-1]).upper().replace("FP16", "F16").replace("FP32", "F32")
    return ""


def is_projector(path: str) -> bool:
    name = PurePosixPath(path).name.lower()
    return name.endswith(".gguf") and "mmproj" in name


def groups(paths: Iterable[str]) -> tuple[Group, ...]:
    """The weights among a repository's files, the parts of a split model together.

    Raises RegistryAnswer where a part is missing.
    """
    split: dict[tuple[str, int], dict[int, str]] = defaultdict(dict)
    found: list[Group] = []
    for path in paths:
        if not path.lower().endswith(".gguf") or _NO_WEIGHTS.search(PurePosixPath(path).stem):
            continue
        match = _SPLIT.match(path)
        if match:
            split[match["stem"], int(match["count"])][int(match["part"])] = path
        else:
            found.append(Group(label_of(path), (path,)))
    whole = [
        Group(label_of(parts[min(parts)]), tuple(parts[number] for number in sorted(parts)))
        for (_, count), parts in split.items()
        if count <= MOST_PARTS and sorted(parts) == list(range(1, count + 1))
    ]
    return tuple(sorted((*found, *whole), key=lambda group: group.first))


def choose(paths: Iterable[str], quantisation: str, name: str) -> Group:
    """The files that a quantisation means; empty or ``latest``: the best known one.

    Raises Unsupported, ModelNotFound or RegistryAnswer with what there is.
    """
    found = groups(paths)
    if not found:
        raise Unsupported(
            f"{name} has no GGUF files, and this server runs nothing else.",
            next_step="Look for a GGUF conversion of the same model.",
        )
    if not quantisation or quantisation.lower() == "latest":
        return _default(found, name)
    matching = _matching(found, quantisation)
    if not matching:
        raise ModelNotFound(
            f"{name} has no {quantisation}.", next_step=f"There are: {_labels(found)}."
        )
    return _only(matching, name)


def exact(paths: Iterable[str], file: str, name: str) -> Group:
    """One exact file, or all parts where it is the first part of a split model."""
    known = tuple(paths)
    for group in groups(known):
        if file == group.first:
            return group
    if _SPLIT.match(file):
        raise RegistryAnswer(
            f"{name} is one part of a split model.",
            next_step="Name its first part (…-00001-of-…), and see that every part is there.",
        )
    if file not in known:
        raise ModelNotFound(f"{name} does not exist.", next_step="Check the file's name.")
    if not file.lower().endswith(".gguf"):
        raise Unsupported(f"{name} is not a GGUF file, and this server runs nothing else.")
    return Group(label_of(file), (file,))


def projector(paths: Iterable[str], weights: str) -> str:
    """The vision projector that goes with some weights; empty where there is none.

    One in the weights' own folder counts before others, and f16 before more
    and less precise ones.
    """
    folder = PurePosixPath(weights).parent
    found = [path for path in paths if is_projector(path)]
    beside = [path for path in found if PurePosixPath(path).parent == folder]
    at_root = [path for path in found if "/" not in path]
    return min(beside or at_root or found, key=_projector_rank, default="")


def _projector_rank(path: str) -> tuple[int, str]:
    label = label_of(path)
    known = label in PREFERRED_PROJECTORS
    rank = PREFERRED_PROJECTORS.index(label) if known else len(PREFERRED_PROJECTORS)
    return rank, path


def _stem(name: str) -> str:
    match = _SPLIT.match(name)
    return match["stem"] if match else name.removesuffix(".gguf").removesuffix(".GGUF")


def _matching(found: tuple[Group, ...], quantisation: str) -> tuple[Group, ...]:
    """Groups by label, else by the file's name (with or without ``.gguf``)."""
    wanted = quantisation.upper().replace("FP16", "F16").replace("FP32", "F32")
    by_label = tuple(group for group in found if group.label == wanted)
    if by_label:
        return by_label
    stems = {_stem(PurePosixPath(group.first).name).upper(): group for group in found}
    named = stems.get(wanted.removesuffix(".GGUF"))
    return (named,) if named else ()


def _default(found: tuple[Group, ...], name: str) -> Group:
    for label in PREFERRED:
        matching = _matching(found, label)
        if matching:
            return _only(matching, name)
    return _only(found, name)


def _only(matching: tuple[Group, ...], name: str) -> Group:
    """The one group; where several have the same label, the one at the shallowest place."""
    depth = min(group.first.count("/") for group in matching)
    nearest = [group for group in matching if group.first.count("/") == depth]
    if len(nearest) == 1:
        return nearest[0]
    shown = ", ".join(group.first for group in nearest[:SHOWN])
    raise ModelNotFound(
        f"{name} can mean several files.",
        next_step=f"Name one of them, as hf.co/user/repo/FILE: {shown}.",
    )


def _labels(found: tuple[Group, ...]) -> str:
    labels = dict.fromkeys(group.label or group.first for group in found)
    more = f" and {len(labels) - SHOWN} more" if len(labels) > SHOWN else ""
    return ", ".join(list(labels)[:SHOWN]) + more
