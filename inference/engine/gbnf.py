"""llama.cpp's grammars (GBNF), read as llama.cpp reads them.

Grammar of grammars: llama.cpp ``grammars/README.md`` and ``src/llama-grammar.cpp`` (b11549).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

# Where llama.cpp takes any number to be meant (MAX_REPETITION_THRESHOLD).
MOST_REPETITIONS = 2000
# Symbols with every repetition written out: 12 bytes each there, and a copy of all for each answer.
MOST_SYMBOLS = 100_000
HIGHEST = 0x10FFFF
_TOKENS = re.compile(
    r"""(?P<blank>[ \t]+|\#[^\r\n]*)|(?P<line>[\r\n])|(?P<define>::=)|(?P<name>[A-Za-z0-9-]+)
    |"(?P<literal>(?:[^"\\]|\\.)*)"|\[(?P<characters>(?:[^]\\]|\\.)*)\]|(?P<any>\.)|(?P<token>!?<[^>]*>)
    |(?P<repeat>[*+?]|\{\s*\d{1,9}\s*(?:,\s*\d{0,9}\s*)?\})|(?P<mark>[()|])""",
    re.VERBOSE | re.DOTALL,
)
_CHARACTER = re.compile(
    r"\\x([0-9A-Fa-f]{2})|\\u([0-9A-Fa-f]{4})|\\U([0-9A-Fa-f]{8})|\\(.)|(.)", re.DOTALL
)
_ESCAPES = {"t": "\t", "r": "\r", "n": "\n"}
_REPEATS = {"*": (0, None), "+": (1, None), "?": (0, 1)}

# What one character has to be: ranges of code points, first and last.
Ranges = tuple[tuple[int, int], ...]
# A rule by its number, or a character.
Symbol = int | Ranges
ANY: Ranges = ((0, HIGHEST),)


class Refused(Exception):
    """What is no grammar, or more than llama.cpp works through in time; the text says why."""


@dataclass
class _Rule:
    """A rule that is being read. ``last`` is where its last item begins, which may be repeated."""

    number: int
    alternatives: list[list[Symbol]] = field(default_factory=lambda: [[]])
    last: int = 0

    def add(self, *symbols: Symbol) -> None:
        self.last = len(self.alternatives[-1])
        self.alternatives[-1].extend(symbols)


class Grammar:
    """A grammar's rules by their numbers, each with its alternatives.

    Raises Refused.
    """

    def __init__(self, text: str) -> None:
        self._numbers: dict[str, int] = {}
        self._tokens: dict[str, int] = {}
        self.rules: list[list[tuple[Symbol, ...]]] = []
        self._symbols = 0
        self._open: list[_Rule] = []
        self._goes_on = False
        tokens = list(_tokens(text))
        for at, (kind, value) in enumerate(tokens):
            self._read(kind, value, at > 0 and tokens[at - 1][0] == "name")
        self._end()
        if "root" not in self._numbers:
            raise Refused("it has no rule called root")

    @property
    def root(self) -> int:
        """The number of the rule that a text has to follow."""
        return self._numbers["root"]

    def _read(self, kind: str, value: str, after_name: bool) -> None:
        if kind == "line":
            if len(self._open) == 1 and not self._goes_on:
                self._end()
            return
        goes_on, self._goes_on = self._goes_on, value in ("|", "::=")
        if not self._open:
            if kind != "name":
                raise Refused(f"a rule begins with its name, not with {value[:20]}")
            self._open.append(_Rule(self._number(value)))
        elif kind == "define":
            rule = self._open[0]
            if goes_on or len(self._open) > 1 or rule.alternatives != [[]] or not after_name:
                raise Refused("::= stands within a rule")
        else:
            self._item(kind, value, self._open[-1])

    def _item(self, kind: str, value: str, rule: _Rule) -> None:
        if kind == "name":
            rule.add(self._number(value))
        elif kind == "literal":
            rule.add(*(((code, code),) for code in _codes(value)))
        elif kind == "characters":
            rule.add(_ranges(value))
        elif kind == "any":
            rule.add(ANY)
        elif kind == "token":
            rule.add(self._token(value))
        elif kind == "repeat":
            self._repeat(rule, *_times(value))
        elif value == "(":
            self._open.append(_Rule(self._new()))
        elif value == "|":
            rule.alternatives.append([])
            rule.last = 0
        else:
            self._close()
        self._bound(len(rule.alternatives[-1]) - rule.last)

    def _close(self) -> None:
        if len(self._open) < 2:
            raise Refused("a ) has no (")
        group = self._open.pop()
        self._keep(group)
        self._open[-1].add(group.number)

    def _end(self) -> None:
        if not self._open:
            return
        if len(self._open) > 1:
            raise Refused("a ( has no )")
        self._keep(self._open.pop())

    def _keep(self, rule: _Rule) -> None:
        self.rules[rule.number] = [tuple(each) for each in rule.alternatives]

    def _repeat(self, rule: _Rule, least: int, most: int | None) -> None:
        """As llama.cpp writes it out: S{1,3} is S S', S' ::= S S'' |, S'' ::= S |."""
        sequence = rule.alternatives[-1]
        item = sequence[rule.last :]
        if not item:
            raise Refused("there is nothing to repeat")
        if most is not None and most < least:
            raise Refused(f"{{{least},{most}}} asks for more than it allows")
        if least > MOST_REPETITIONS:
            raise Refused(f"more than {MOST_REPETITIONS:,} repetitions")
        if most is not None and most > MOST_REPETITIONS:
            most = None
        self._bound(len(item) * max(least, most or 1))
        sequence[rule.last :] = item * least
        optional = 1 if most is None else most - least
        number = -1
        for done in range(optional):
            number, following = self._new(), number
            rest = [number] if most is None else [following][:done]
            self.rules[number] = [(*item, *rest), ()]
        if optional:
            sequence.append(number)

    def _token(self, text: str) -> Ranges:
        """A token, which is met as a whole, as a character behind all others."""
        name = text.removeprefix("!")
        at = HIGHEST + 1 + self._tokens.setdefault(name, len(self._tokens))
        if name == text:
            return ((at, at),)
        return ((HIGHEST + 1, at - 1), (at + 1, HIGHEST + MOST_SYMBOLS + 1))

    def _number(self, name: str) -> int:
        if name not in self._numbers:
            self._numbers[name] = self._new()
        return self._numbers[name]

    def _new(self) -> int:
        self.rules.append([])
        return len(self.rules) - 1

    def _bound(self, more: int) -> None:
        self._symbols += more
        if self._symbols > MOST_SYMBOLS:
            raise Refused(f"more than {MOST_SYMBOLS:,} symbols, its repetitions written out")


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    at = 0
    while at < len(text):
        found = _TOKENS.match(text, at)
        if found is None or found.lastgroup is None:
            raise Refused(f"llama.cpp knows no {text[at : at + 20]!r}")
        at = found.end()
        if found.lastgroup != "blank":
            yield found.lastgroup, found[found.lastgroup]


def _codes(text: str) -> list[int]:
    """The code points of a literal, or of what stands in brackets."""
    return [_code(*found.groups()) for found in _CHARACTER.finditer(text)]


def _code(*groups: str | None) -> int:
    *numbers, escaped, plain = groups
    number = next(filter(None, numbers), None)
    if number:
        return int(number, 16)
    return ord(plain or _ESCAPES.get(escaped or "", escaped or "\0"))


def _ranges(text: str) -> Ranges:
    """``a-z_`` as ranges, ``^a-z`` as those beside it."""
    is_negative = text.startswith("^")
    found = list[tuple[int, int]]()
    parts = [(each[0], _code(*each.groups())) for each in _CHARACTER.finditer(text[is_negative:])]
    at = 0
    while at < len(parts):
        is_range = at + 2 < len(parts) and parts[at + 1][0] == "-"
        found.append((parts[at][1], parts[at + 2 if is_range else at][1]))
        at += 3 if is_range else 1
    return _beside(found) if is_negative else tuple(found)


def _beside(ranges: list[tuple[int, int]]) -> Ranges:
    found, free = list[tuple[int, int]](), 0
    for first, last in sorted(ranges):
        if free < first:
            found.append((free, first - 1))
        free = max(free, last + 1)
    return (*found, (free, HIGHEST)) if free <= HIGHEST else tuple(found)


def _times(repeat: str) -> tuple[int, int | None]:
    """How often at least, and at most; None for any number."""
    if not repeat.startswith("{"):
        return _REPEATS[repeat]
    least, comma, most = repeat.strip("{}").partition(",")
    if not comma:
        return int(least), int(least)
    return int(least), int(most) if most.strip() else None
