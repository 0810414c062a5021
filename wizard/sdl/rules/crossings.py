"""The rules that hold between sections (chain-sdk ``go/sdl/v2.go`` ``validate``)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice

from wizard.sdl.rules.expose import external_port, is_global
from wizard.sdl.rules.report import Report, join, section, shown, whole
from wizard.sdl.rules.storage import Volume, volumes

MAX_COUNT = 50
MAX_UNITS = 20
MAX_GROUPS = 20
# Names that a fix lists.
MAX_NAMED = 20

Document = Mapping[object, object]
Entry = Mapping[object, object]


def _one_of(names: Iterable[object]) -> str:
    """What to do about a name that is none of these: some of them, where there are many."""
    some = [shown(name) for name in islice(names, MAX_NAMED)]
    return f"Name one of {', '.join(some) or 'those that you add'}."


def _ports(document: Document) -> Iterator[tuple[str, Entry, str]]:
    """Service, entry and path of every well-formed port."""
    for name, service in section(document, "services").items():
        ports = service.get("expose") if isinstance(service, Mapping) else None
        for index, entry in enumerate(ports if isinstance(ports, list | tuple) else ()):
            if isinstance(entry, Mapping):
                yield str(name), entry, f"services.{shown(name)}.expose[{index}]"


def _targets(document: Document) -> Iterator[tuple[str, Entry, Entry, str]]:
    """Service, port, target and path of every well-formed target."""
    for name, entry, path in _ports(document):
        targets = entry.get("to")
        for index, target in enumerate(targets if isinstance(targets, list | tuple) else ()):
            if isinstance(target, Mapping):
                yield name, entry, target, f"{path}.to[{index}]"


def _check_count(report: Report, value: object, path: str) -> None:
    count = whole(value)
    if count is None or not 1 <= count <= MAX_COUNT:
        report.error(
            path,
            "count",
            f"{shown(value)} is no number of replicas from 1 to {MAX_COUNT}.",
            "Write 1.",
        )


def _check_unit(
    report: Report, document: Document, name: str, placement: str, unit: object, path: str
) -> None:
    """One service at one placement: its profile, price, count and volumes."""
    entry = report.mapping(unit, path)
    report.known_keys(entry, path, ("profile", "count"))
    report.required(entry, path, "profile", "count")
    if "count" in entry:
        _check_count(report, entry["count"], join(path, "count"))
    profile = entry.get("profile")
    if not isinstance(profile, str):
        return
    profiles = section(document, "profiles")
    compute = section(profiles, "compute")
    if profile not in compute:
        report.error(
            join(path, "profile"),
            "no-profile",
            f"There is no compute profile {shown(profile)}.",
            _one_of(compute),
        )
    placements = section(profiles, "placement")
    if placement not in placements:
        report.error(
            path,
            "no-placement",
            f"There is no placement {shown(placement)}.",
            _one_of(placements),
        )
    elif profile not in section(placements[placement], "pricing"):
        report.error(
            f"profiles.placement.{shown(placement)}.pricing",
            "no-price",
            f"The profile {shown(profile)} has no price.",
            f"Add {shown(profile)}: {{denom: uact, amount: …}}.",
        )
    _check_volumes(report, document, name, profile)


def _check_volumes(report: Report, document: Document, name: str, profile: str) -> None:
    """Every mount has a volume, and every volume of worth a mount."""
    compute = section(section(document, "profiles"), "compute")
    path = f"profiles.compute.{shown(profile)}.resources.storage"
    storage = section(compute.get(profile), "resources").get("storage")
    known = {volume.name: volume for volume in volumes(storage, path)}
    service = section(document, "services").get(name)
    mounts = section(section(service, "params"), "storage")
    for volume in mounts:
        if volume not in known:
            report.error(
                f"services.{shown(name)}.params.storage.{shown(volume)}",
                "no-volume",
                f"The profile {shown(profile)} has no volume {shown(volume)}.",
                f"Add it under {path}, or remove the mount.",
            )
    for volume in known.values():
        _check_mounted(report, volume, mounts, name)


def _check_mounted(report: Report, volume: Volume, mounts: Entry, name: str) -> None:
    mounted = mounts.get(volume.name)
    if isinstance(mounted, Mapping) and mounted.get("mount"):
        return
    if not volume.persistent and not volume.in_ram:
        return
    where = "/dev/shm" if volume.in_ram else "/models"  # noqa: S108 - a path to show
    report.error(
        volume.path,
        "unmounted",
        f"The volume {shown(volume.name)} is paid for and mounted nowhere in {shown(name)}.",
        f"Add services.{shown(name)}.params.storage.{shown(volume.name)}: {{mount: {where}}}.",
    )


def _check_deployment(report: Report, document: Document) -> None:
    services = section(document, "services")
    units: Counter[str] = Counter()
    for name, placements, path in report.items(document.get("deployment", {}), "deployment"):
        if name not in services:
            report.error(
                path,
                "no-service",
                f"There is no service {shown(name)}.",
                _one_of(services),
            )
        for placement, unit, unit_path in report.items(placements, path):
            units[placement] += 1
            _check_unit(report, document, name, placement, unit, unit_path)
    for placement, count in units.items():
        if count > MAX_UNITS:
            report.error(
                f"profiles.placement.{shown(placement)}",
                "units",
                f"{count} services share a placement; {MAX_UNITS} is the most.",
                "Split them over two placements.",
            )
    if len(units) > MAX_GROUPS:
        report.error("deployment", "groups", f"{MAX_GROUPS} placements are the most.", "Use fewer.")
    for service in services:
        if service not in section(document, "deployment"):
            report.error(
                f"services.{shown(service)}",
                "not-deployed",
                f"The service {shown(service)} is not under deployment, so that it never runs.",
                "Add it there, or remove it.",
            )


def _check_reach(report: Report, document: Document) -> None:
    if not any(is_global(entry) for _, entry, _ in _ports(document)):
        report.error(
            "services",
            "no-global",
            "No port is open to the world, and a deployment needs one that is.",
            "Add to: [{global: true}] to the port that clients use.",
        )
    services = section(document, "services")
    for _, _, target, path in _targets(document):
        peer = target.get("service")
        if isinstance(peer, str) and peer not in services:
            report.error(
                join(path, "service"),
                "no-service",
                f"There is no service {shown(peer)}.",
                _one_of(services),
            )
    hosts: set[str] = set()
    for _, entry, path in _ports(document):
        accepted = entry.get("accept")
        for host in accepted if isinstance(accepted, list | tuple) else ():
            if host in hosts:
                report.error(
                    join(path, "accept"),
                    "hostname-twice",
                    f"{shown(host)} is accepted twice.",
                    "Keep it at one port.",
                )
            hosts.add(str(host))


def _check_dependencies(report: Report, document: Document) -> None:
    services = section(document, "services")
    for name, service in services.items():
        wanted = service.get("dependencies") if isinstance(service, Mapping) else None
        for index, item in enumerate(wanted if isinstance(wanted, list | tuple) else ()):
            peer = item.get("service") if isinstance(item, Mapping) else None
            if isinstance(peer, str) and peer not in services:
                report.error(
                    f"services.{shown(name)}.dependencies[{index}]",
                    "no-service",
                    f"There is no service {shown(peer)}.",
                    "Remove the dependency, or add the service.",
                )


def _check_endpoints(report: Report, document: Document) -> None:
    endpoints = section(document, "endpoints")
    used: set[object] = set()
    taken: set[tuple[object, object, str]] = set()
    for _, entry, target, path in _targets(document):
        name = target.get("ip")
        if not isinstance(name, str):
            continue
        if name not in endpoints:
            report.error(
                join(path, "ip"),
                "no-endpoint",
                f"There is no endpoint {shown(name)}.",
                f"Add endpoints: {{{shown(name)}: {{kind: ip}}}}.",
            )
        used.add(name)
        door = (name, external_port(entry), str(entry.get("proto", "tcp")).lower())
        if door in taken:
            report.error(
                path,
                "endpoint-port",
                f"Port {shown(door[1])} of the endpoint {shown(name)} is taken already.",
                "Give each port of an endpoint to one service.",
            )
        taken.add(door)
    for name in endpoints:
        if name not in used:
            report.error(
                f"endpoints.{shown(name)}",
                "endpoint-unused",
                f"The endpoint {shown(name)} is used by no port.",
                "Remove it, or name it as ip at a global port.",
            )


def _check_denoms(report: Report, document: Document) -> None:
    placements = section(section(document, "profiles"), "placement")
    denoms = {
        str(section(section(placement, "pricing"), str(profile)).get("denom"))
        for placement in placements.values()
        for profile in section(placement, "pricing")
    }
    if len(denoms) > 1:
        report.error(
            "profiles.placement",
            "denom-mixed",
            f"The prices are in {' and '.join(sorted(map(shown, denoms)))}.",
            "Use one currency for all.",
        )


def check_crossings(report: Report, document: Document) -> None:
    """Every rule that needs more than one section."""
    _check_deployment(report, document)
    _check_reach(report, document)
    _check_dependencies(report, document)
    _check_endpoints(report, document)
    _check_denoms(report, document)
