"""The rules of a service's ports (chain-sdk ``go/sdl/expose.go``, ``v2.go``)."""

from __future__ import annotations

import re
from collections.abc import Mapping

from wizard.sdl.rules.report import Report, join, shown, whole

TLS_PORT = 80
MAX_PORT = 65_535
PROTOCOLS = ("tcp", "udp", "TCP", "UDP")
NEXT_CASES = (
    *("error", "timeout", "500", "502", "503", "504", "403", "404", "429"),
    "off",
)
# The largest value and what it counts.
HTTP_LIMITS = {
    "max_body_size": (104_857_600, "bytes"),
    "read_timeout": (60_000, "milliseconds"),
    "send_timeout": (60_000, "milliseconds"),
    "next_tries": (2**32 - 1, "tries"),
    "next_timeout": (2**32 - 1, "milliseconds"),
}
DEFAULT_BODY = 1_048_576

_HOSTNAME = re.compile(
    r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?)*\Z"
)
_MAX_HOSTNAME = 255


def _check_port(report: Report, value: object, path: str) -> None:
    port = whole(value)
    if port is None or not 1 <= port <= MAX_PORT:
        report.error(
            path,
            "port",
            f"{shown(value)} is no port.",
            f"Write a whole number from 1 to {MAX_PORT}, without quotes.",
        )


def _check_accept(report: Report, value: object, path: str) -> None:
    for item, item_path in report.members(value, path):
        host = item if isinstance(item, str) else ""
        if len(host) > _MAX_HOSTNAME or not _HOSTNAME.match(host):
            report.error(
                item_path,
                "hostname",
                f"{shown(item)} is no host name.",
                "Write a name such as llm.example.org, without https:// and without a path.",
            )


def _check_target(report: Report, value: object, path: str) -> None:
    target = report.mapping(value, path)
    report.known_keys(target, path, ("global", "service", "ip"))
    is_global = report.boolean(target["global"], join(path, "global")) if "global" in target else 0
    if "service" in target:
        report.text(target["service"], join(path, "service"))
    if "ip" in target and report.text(target["ip"], join(path, "ip")) and not is_global:
        report.error(
            path, "ip-global", "A leased IP is for a port that is global.", "Add global: true."
        )


def _check_next_cases(report: Report, value: object, path: str) -> None:
    cases = report.sequence(value, path)
    for index, case in enumerate(cases):
        if isinstance(case, str) and case in NEXT_CASES:
            continue
        if case is False:
            fix = 'Write "off" in double quotes: some readers take it for false.'
        elif whole(case) is not None:
            fix = f'Put it in double quotes: "{shown(case)}".'
        else:
            fix = f"Use one of {', '.join(NEXT_CASES)}."
        report.error(
            join(path, index), "next-cases", f"{shown(case)} is not a text that is known.", fix
        )
    if "off" in cases and len(cases) > 1:
        report.error(
            path, "next-cases-off", "off stands alone: it excludes the others.", "Keep one of them."
        )


def _check_http_options(report: Report, value: object, path: str) -> None:
    options = report.mapping(value, path)
    report.known_keys(options, path, (*HTTP_LIMITS, "next_cases"))
    for key, (most, unit) in HTTP_LIMITS.items():
        if key not in options:
            continue
        number = whole(options[key])
        if number is None or number < 0:
            report.error(
                join(path, key),
                "http-option",
                f"{shown(options[key])} is no number of {unit}.",
                f"Write a whole number up to {most}, without quotes.",
            )
        elif number > most:
            report.error(
                join(path, key),
                "http-limit",
                f"{number} is above the limit of {most} {unit}.",
                f"Write {most}.",
            )
    if "next_cases" in options:
        _check_next_cases(report, options["next_cases"], join(path, "next_cases"))


def is_global(entry: object) -> bool:
    """Whether a port is open to the world."""
    targets = entry.get("to") if isinstance(entry, Mapping) else None
    return isinstance(targets, list | tuple) and any(
        isinstance(target, Mapping) and target.get("global") is True for target in targets
    )


def external_port(entry: Mapping[object, object]) -> object:
    """``as``, or the port itself."""
    return entry.get("as", entry.get("port"))


def _check_reach(report: Report, entry: Mapping[object, object], path: str) -> None:
    """What a global port gets: a TLS hostname on 80, a random port elsewhere."""
    if not is_global(entry):
        return
    if external_port(entry) != TLS_PORT or str(entry.get("proto", "tcp")).lower() != "tcp":
        report.warning(
            path,
            "tls-port",
            "Only TCP on the external port 80 gets a host name with TLS; this gets a random port "
            "on the provider's host, in plain text.",
            "Add as: 80, unless that is what you want.",
        )
        return
    options = entry.get("http_options")
    if not isinstance(options, Mapping) or "max_body_size" not in options:
        report.warning(
            path,
            "body-size",
            f"Without http_options.max_body_size a request is cut at {DEFAULT_BODY} bytes, which "
            "one image exceeds.",
            "Add http_options: {max_body_size: 104857600}.",
        )


def check_expose(report: Report, value: object, path: str) -> None:
    """Every port of one service."""
    if value is None:
        return
    for item, item_path in report.members(value, path):
        entry = report.mapping(item, item_path)
        report.known_keys(entry, item_path, ("port", "as", "proto", "accept", "to", "http_options"))
        report.required(entry, item_path, "port")
        for key in ("port", "as"):
            if key in entry:
                _check_port(report, entry[key], join(item_path, key))
        if "proto" in entry and entry["proto"] not in PROTOCOLS:
            report.error(
                join(item_path, "proto"),
                "protocol",
                f"{shown(entry['proto'])} is no protocol here.",
                "Write tcp or udp; http and https both travel over tcp.",
            )
        if "accept" in entry:
            _check_accept(report, entry["accept"], join(item_path, "accept"))
        if "to" in entry:
            for target, target_path in report.members(entry["to"], join(item_path, "to")):
                _check_target(report, target, target_path)
        if "http_options" in entry:
            _check_http_options(report, entry["http_options"], join(item_path, "http_options"))
        _check_reach(report, entry, item_path)
