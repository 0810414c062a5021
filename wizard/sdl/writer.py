"""Documents as YAML that every reader takes for the same thing.

YAML 1.1 and 1.2 disagree about ``yes``, ``0o17``, ``1e3``, ``1_000``, ``~`` and
more, so every string is double-quoted but for the few that this project writes
itself and that no reader mistakes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import yaml

from wizard.sdl.engines.values import Text

MAX_COMMENT = 200

# What an SDL of ours says in its own words; `uact` and the like, never a person's.
_PLAIN = {
    *("uact", "uakt", "akash", "llm", "worker", "gateway", "tcp", "error"),
    *("beta1", "beta2", "beta3", "default", "ram"),
}
_PLAIN_FORM = re.compile(r"[1-9][0-9]{0,6}(?:Mi|Gi|Ti)\Z")
_PLAIN_KEY = re.compile(r"[A-Za-z][A-Za-z_-]*\Z")
# Keys that YAML 1.1 reads as booleans or null when they stand plain.
_WORDS = frozenset(["y", "n", "yes", "no", "on", "off", "true", "false", "null"])

_SECTIONS = {
    "services": "What runs: images, settings, and the port that the world reaches.",
    "profiles": "What it runs on: CPU, memory, GPU and disk, and the most you would pay.",
    "deployment": "How many of each.",
    "volumes": "Where the weights stay.",
}


class _Key(str):
    """A mapping's key, so that the dumper can tell it from a value."""

    __slots__ = ()


class _Dumper(yaml.SafeDumper):
    """PyYAML's own dumper with our quoting and no anchors."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - the base class's signature
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002
        # Items stand further in than their key: what people expect of an SDL.
        super().increase_indent(flow, False)


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    plain = text in _PLAIN or _PLAIN_FORM.match(text)
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if plain else '"')


def _represent_block(dumper: yaml.SafeDumper, text: Text) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", str(text), style="|")


def _represent_key(dumper: yaml.SafeDumper, key: _Key) -> yaml.ScalarNode:
    word = _PLAIN_KEY.match(key) and key.lower() not in _WORDS
    plain = word or _PLAIN_FORM.match(key)
    return dumper.represent_scalar("tag:yaml.org,2002:str", str(key), style=None if plain else '"')


_Dumper.add_representer(str, _represent_text)
_Dumper.add_representer(Text, _represent_block)
_Dumper.add_representer(_Key, _represent_key)


def _with_keys(value: object) -> object:
    if isinstance(value, Mapping):
        return {_Key(key): _with_keys(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_with_keys(item) for item in value]
    return value


def _comment(text: str) -> str:
    """One comment line: whatever would end it becomes a space."""
    shown = "".join(char if char.isprintable() else " " for char in text)
    return f"# {shown.strip()[:MAX_COMMENT]}".rstrip() + "\n"


def _dump(document: object) -> str:
    text: str = yaml.dump(
        _with_keys(document),
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        default_flow_style=False,
        width=2**31,
    )
    return text


def to_yaml(document: Mapping[str, object], comments: Iterable[str] = ()) -> str:
    """The document as YAML, keys in their order, lists as lists.

    ``comments`` are the header's lines; each section has its own fixed one.
    """
    parts = ["".join(_comment(line) for line in comments)] if comments else []
    for key, value in document.items():
        heading = _comment(_SECTIONS[key]) if key in _SECTIONS else ""
        parts.append(heading + _dump({key: value}))
    return "\n".join(parts)
