"""How a rule says what it found: a path, a sentence, a fix."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from wizard.sdl.values import Problem

MAX_PROBLEMS = 100
MAX_SHOWN = 60

# What people write instead, from Docker Compose and Kubernetes mostly.
_INSTEAD = {
    "depends_on": "Write dependencies: [{service: …}], or leave it out: Akash starts all at once.",
    "environment": 'Write env, a list of "NAME=value" strings.',
    "volumes": "Write the volume under profiles.compute.….storage and its mount under params.",
    "ports": "Write expose, a list with port, as and to.",
    "restart": "Leave it out: a container that exits is always restarted.",
    "entrypoint": "Write command.",
    "cmd": "Write args.",
    "build": "Build and push the image, and name it under image.",
    "healthcheck": "Leave it out: Akash has no probes.",
    "replicas": "Write count under deployment.",
    "resources": "Write it under profiles.compute.",
    "profile": "Write profiles.",
    "deployments": "Write deployment.",
}


def shown(value: object) -> str:
    """A value as a sentence shows it: short, and on one line."""
    text = value if isinstance(value, str) else _plain(value)
    clean = "".join(char if char.isprintable() else "�" for char in text)
    return clean if len(clean) <= MAX_SHOWN else clean[:MAX_SHOWN] + "…"


def _plain(value: object) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, Sequence):
        return "a list"
    return str(value)


def join(path: str, key: object) -> str:
    """The path of a key below ``path``; an integer is a list's index."""
    if isinstance(key, int) and not isinstance(key, bool):
        return f"{path}[{key}]"
    return f"{path}.{shown(key)}" if path else shown(key)


@dataclass
class Report:
    """The problems so far, at most :data:`MAX_PROBLEMS`."""

    problems: list[Problem] = field(default_factory=list)

    def error(self, path: str, rule: str, sentence: str, fix: str) -> None:
        """A rule that the network enforces."""
        self._add(Problem(path, sentence, fix, rule))

    def warning(self, path: str, rule: str, sentence: str, fix: str) -> None:
        """What is allowed, and rarely meant."""
        self._add(Problem(path, sentence, fix, rule, is_error=False))

    def _add(self, problem: Problem) -> None:
        if len(self.problems) < MAX_PROBLEMS and problem not in self.problems:
            self.problems.append(problem)

    def mapping(self, value: object, path: str) -> Mapping[object, object]:
        """The value where it is a mapping; else a problem, and an empty one."""
        if isinstance(value, Mapping):
            return value
        self.error(
            path,
            "type",
            f"This has to be a mapping of names to values, and is {shown(value)}.",
            "Indent “name: value” lines below it, or remove the key.",
        )
        return {}

    def sequence(self, value: object, path: str) -> Sequence[object]:
        """The value where it is a list; else a problem, and an empty one."""
        if isinstance(value, Sequence) and not isinstance(value, str | bytes):
            return value
        self.error(
            path,
            "type",
            f"This has to be a list, and is {shown(value)}.",
            "Write each item on a line of its own after “- ”, or remove the key.",
        )
        return ()

    def text(self, value: object, path: str) -> str:
        """The value where it is a non-empty string; else a problem, and ``""``."""
        if isinstance(value, str) and value:
            return value
        self.error(
            path,
            "type",
            f"This has to be a text, and is {shown(value) or 'empty'}.",
            "Write it in double quotes.",
        )
        return ""

    def boolean(self, value: object, path: str) -> bool:
        """The value where it is a boolean; else a problem, and False."""
        if isinstance(value, bool):
            return value
        self.error(
            path, "type", f"This has to be true or false, and is {shown(value)}.", "Write true."
        )
        return False

    def known_keys(self, value: Mapping[object, object], path: str, known: Sequence[str]) -> None:
        """A problem for each key that the schema does not have at this place."""
        for key in value:
            if key in known:
                continue
            fix = _INSTEAD.get(key, "") if isinstance(key, str) else ""
            self.error(
                join(path, key),
                "unknown-key",
                f"{shown(key)} is no key here, and unknown keys are rejected.",
                fix or f"Remove it; known are {', '.join(known)}.",
            )

    def required(self, value: Mapping[object, object], path: str, *keys: str) -> None:
        """A problem for each key that is missing."""
        for key in keys:
            if key not in value:
                self.error(
                    join(path, key), "required", f"{key} is missing.", f"Add {key} at this place."
                )

    def items(self, value: object, path: str) -> Iterator[tuple[str, object, str]]:
        """Name, value and path of a mapping's items; a problem for a name that is no text."""
        for key, item in self.mapping(value, path).items():
            if isinstance(key, str) and key:
                yield key, item, join(path, key)
            else:
                self.error(
                    join(path, key),
                    "type",
                    f"{shown(key) or 'An empty text'} is no name.",
                    "Write the name in double quotes.",
                )

    def members(self, value: object, path: str) -> Iterator[tuple[object, str]]:
        """Each item of a list with its path."""
        for index, item in enumerate(self.sequence(value, path)):
            yield item, join(path, index)


def section(value: object, key: str) -> Mapping[object, object]:
    """``value[key]`` where both are mappings, else an empty one, without a problem."""
    inner = value.get(key) if isinstance(value, Mapping) else None
    return inner if isinstance(inner, Mapping) else {}


def whole(value: object) -> int | None:
    """The value where it is an integer and no boolean."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None
