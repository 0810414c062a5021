"""What the form of Akash Console changes in a file that is imported into it.

Its API takes a file as it is. Its form reads a file into fields and writes
another one from them, in which some things that the chain allows are lost:
https://github.com/akash-network/console apps/deploy-web/src/utils/sdl
``sdlImport.ts`` and ``sdlGenerator.ts`` (August 2026).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from wizard.sdl.rules.expose import is_global
from wizard.sdl.rules.report import Report, join, section, shown

_Entry = Mapping[object, object]
_DECIMAL_SIZE = re.compile(r"\d+\.\d+[A-Za-z]+\Z")
# What an internal port without ``as`` becomes.
_DEFAULT_PORT = 80


def _items(value: object, path: str) -> Iterator[tuple[object, str]]:
    for index, item in enumerate(value if isinstance(value, list | tuple) else ()):
        yield item, join(path, index)


def _check_words(report: Report, service: _Entry, path: str) -> None:
    for key in ("command", "args"):
        for word, word_path in _items(service.get(key), join(path, key)):
            if not isinstance(word, str) or (word and word == word.strip() and "\n" not in word):
                continue
            report.warning(
                word_path,
                "console-word",
                "Akash Console's form drops empty words and splits others at line breaks.",
                "Keep a script in a variable and run it by sh -c 'eval \"$NAME\"'; "
                "avoid words that are empty.",
            )


def _check_ports(report: Report, service: _Entry, path: str) -> None:
    for entry, entry_path in _items(service.get("expose"), join(path, "expose")):
        if not isinstance(entry, Mapping) or is_global(entry):
            continue
        if "as" not in entry and entry.get("port") != _DEFAULT_PORT:
            report.warning(
                entry_path,
                "console-port",
                f"Without as, Akash Console's form puts this port at {_DEFAULT_PORT}.",
                f"Add as: {shown(entry.get('port'))}.",
            )


def _check_names(report: Report, document: _Entry) -> None:
    for name, placements in section(document, "deployment").items():
        for placement, use in placements.items() if isinstance(placements, Mapping) else ():
            profile = use.get("profile") if isinstance(use, Mapping) else name
            if profile != name:
                report.warning(
                    f"deployment.{shown(name)}.{shown(placement)}.profile",
                    "console-profile",
                    "Akash Console's form reads a file only where each profile has its service's "
                    "name.",
                    f"Name the profile {shown(name)}, also under pricing; repeat a shared one.",
                )


def _check_sizes(report: Report, document: _Entry) -> None:
    for name, profile in section(section(document, "profiles"), "compute").items():
        resources = section(profile, "resources")
        path = f"profiles.compute.{shown(name)}.resources"
        sizes = [(section(resources, "memory").get("size"), f"{path}.memory.size")]
        storage = resources.get("storage")
        volumes = storage if isinstance(storage, list | tuple) else [storage]
        for index, volume in enumerate(volumes):
            size = volume.get("size") if isinstance(volume, Mapping) else None
            sizes.append((size, f"{path}.storage[{index}].size"))
        for size, size_path in sizes:
            if isinstance(size, str) and _DECIMAL_SIZE.match(size):
                report.warning(
                    size_path,
                    "console-size",
                    f"Akash Console's form cuts {shown(size)} at the point.",
                    "Write a whole number of a smaller unit, such as 1536Mi for 1.5Gi.",
                )


def check_console_form(report: Report, document: _Entry) -> None:
    """A warning for each thing that would not outlive the form."""
    for name, service in section(document, "services").items():
        if isinstance(service, Mapping):
            path = f"services.{shown(name)}"
            _check_words(report, service, path)
            _check_ports(report, service, path)
    _check_names(report, document)
    _check_sizes(report, document)
