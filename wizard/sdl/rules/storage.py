"""The rules of volumes (chain-sdk ``go/sdl/storage.go``)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from wizard.sdl.rules import sizes
from wizard.sdl.rules.report import Report, join, shown

MIN_STORAGE, MAX_STORAGE = 5 * sizes.MI, 32 * sizes.TI
MANY_VOLUMES = 4
ROOT = "default"
RAM = "ram"
PERSISTENT_CLASSES = ("beta1", "beta2", "beta3", "default")

SizeCheck = Callable[[Report, object, str, int, int], None]


@dataclass(frozen=True)
class Volume:
    """A volume as other rules need it: by name, persistent, in RAM, or neither."""

    name: str
    path: str
    persistent: bool
    in_ram: bool


def _truth(value: object) -> bool | None:
    """True and False as a boolean or in words; None for anything else."""
    if isinstance(value, bool):
        return value
    return {"true": True, "false": False}.get(value) if isinstance(value, str) else None


def volumes(storage: object, path: str) -> Iterator[Volume]:
    """The volumes of a profile, without problems: for rules that cross sections."""
    entries = [storage] if isinstance(storage, Mapping) else storage
    if not isinstance(entries, list | tuple):
        return
    for index, entry in enumerate(entries):
        if not isinstance(entry, Mapping):
            continue
        attributes = entry.get("attributes")
        attributes = attributes if isinstance(attributes, Mapping) else {}
        yield Volume(
            name=str(entry.get("name", ROOT)),
            path=join(path, index),
            persistent=_truth(attributes.get("persistent")) is True,
            in_ram=attributes.get("class") == RAM,
        )


def _check_attributes(report: Report, value: object, path: str) -> None:
    attributes = report.mapping(value, path)
    report.known_keys(attributes, path, ("class", "persistent"))
    report.required(attributes, path, "class", "persistent")
    if "class" not in attributes or "persistent" not in attributes:
        return
    persistent = _truth(attributes["persistent"])
    kind = attributes["class"]
    if persistent is None:
        report.error(
            join(path, "persistent"),
            "storage-persistent",
            f"{shown(attributes['persistent'])} is neither true nor false.",
            "Write persistent: true.",
        )
    elif kind == RAM and persistent:
        report.error(
            path, "storage-ram", "Memory does not outlive a restart.", "Write persistent: false."
        )
    elif kind in PERSISTENT_CLASSES and not persistent:
        report.error(
            path,
            "storage-class-persistent",
            f"The class {shown(kind)} is for persistent volumes.",
            "Write persistent: true, or remove the attributes for an ephemeral volume.",
        )
    if kind != RAM and kind not in PERSISTENT_CLASSES:
        report.error(
            join(path, "class"),
            "storage-class",
            f"{shown(kind)} is no storage class.",
            "Write beta1 (HDD), beta2 (SSD), beta3 (NVMe), default, or ram.",
        )


def check_storage(report: Report, value: object, path: str, check_size: SizeCheck) -> None:
    """The root disk and the volumes of one profile."""
    entries = [value] if isinstance(value, Mapping) else report.sequence(value, path)
    if not entries and isinstance(value, list | tuple):
        report.error(path, "storage-root", "There is no disk.", "Add - size: 10Gi.")
    names: set[str] = set()
    for index, item in enumerate(entries):
        item_path = join(path, index)
        entry = report.mapping(item, item_path)
        report.known_keys(entry, item_path, ("name", "size", "attributes"))
        report.required(entry, item_path, "size")
        if "size" in entry:
            check_size(report, entry["size"], join(item_path, "size"), MIN_STORAGE, MAX_STORAGE)
        if "attributes" in entry:
            _check_attributes(report, entry["attributes"], join(item_path, "attributes"))
        name = entry.get("name", ROOT)
        if not isinstance(name, str):
            report.text(name, join(item_path, "name"))
        elif name in names:
            report.error(
                item_path,
                "volume-twice",
                f"Two volumes are named {shown(name)}; one without a name is “{ROOT}”.",
                "Give each a name of its own.",
            )
        names.add(str(name))
    if len(entries) > MANY_VOLUMES:
        report.warning(
            path,
            "many-volumes",
            f"There are {len(entries)} volumes; few providers give more than {MANY_VOLUMES}.",
            "Put what belongs together on one volume.",
        )
