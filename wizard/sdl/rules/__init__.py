"""Every rule that Akash has for an SDL, each as a problem with a path and a fix.

Where the documentation and the chain's code disagree, the code counts
(https://github.com/akash-network/chain-sdk ``go/sdl``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from wizard.sdl.rules.compute import check_compute
from wizard.sdl.rules.console_form import check_console_form
from wizard.sdl.rules.crossings import check_crossings
from wizard.sdl.rules.placement import check_placement
from wizard.sdl.rules.report import Report, join, shown
from wizard.sdl.rules.services import check_service
from wizard.sdl.values import Problem

__all__ = ["check"]

VERSIONS = ("2.0", "2.1")
KEYS = ("version", "services", "profiles", "deployment", "endpoints", "include")

# The chain's “[a-z]+[-_0-9a-z]+”, which can be read in one way only.
_ENDPOINT_NAME = re.compile(r"[a-z][-_0-9a-z]+\Z")


def _check_version(report: Report, value: object) -> None:
    if value in VERSIONS and isinstance(value, str):
        return
    report.error(
        "version",
        "version",
        f"{shown(value)} is no version of the SDL; it is a text, not a number.",
        'Write version: "2.0", with the quotes.',
    )


def _check_endpoints(report: Report, value: object) -> None:
    for name, item, path in report.items(value, "endpoints"):
        if not _ENDPOINT_NAME.match(name):
            report.error(
                path,
                "endpoint-name",
                f"{shown(name)} is no endpoint's name.",
                "Use lower-case letters first, then letters, digits, “-” and “_”.",
            )
        endpoint = report.mapping(item, path)
        report.known_keys(endpoint, path, ("kind",))
        if endpoint.get("kind") != "ip":
            report.error(join(path, "kind"), "endpoint-kind", "ip is the only kind.", "kind: ip")


def _check_profiles(report: Report, value: object) -> None:
    profiles = report.mapping(value, "profiles")
    report.known_keys(profiles, "profiles", ("compute", "placement"))
    report.required(profiles, "profiles", "compute", "placement")
    for _, compute, path in report.items(profiles.get("compute", {}), "profiles.compute"):
        check_compute(report, compute, path)
    for _, placement, path in report.items(profiles.get("placement", {}), "profiles.placement"):
        check_placement(report, placement, path)


def check(document: object) -> list[Problem]:
    """Every rule that the document breaks, errors first.

    ``document`` is what a YAML reader made of the text; anything is accepted.
    """
    report = Report()
    root = report.mapping(document, "")
    if not isinstance(document, Mapping):
        return report.problems
    report.known_keys(root, "", KEYS)
    report.required(root, "", "version", "services", "profiles", "deployment")
    if "version" in root:
        _check_version(report, root["version"])
    for name, service, path in report.items(root.get("services", {}), "services"):
        check_service(report, name, service, path)
    if "profiles" in root:
        _check_profiles(report, root["profiles"])
    if "endpoints" in root:
        _check_endpoints(report, root["endpoints"])
    check_crossings(report, root)
    check_console_form(report, root)
    return sorted(report.problems, key=lambda problem: not problem.is_error)
