"""In how many ways a text can be read by a grammar, as llama.cpp does.

It keeps a stack for each way (``llama_grammar_advance_stack``), and follows each of them by
itself through every token that the vocabulary has (``llama_grammar_reject_candidates``).
"""

from __future__ import annotations

from collections import Counter
from itertools import accumulate, count

from inference.engine.gbnf import Grammar, Ranges, Refused, Symbol

# Characters that a text is followed for: few tokens are longer.
FOLLOWED = 24
# Looks at a symbol meanwhile: a tenth of a second.
MOST_LOOKS = 100_000


def most_ways(grammar: Grammar, enough: int) -> int:
    """In how many ways the beginning of a text can be read, at the worst that is met.

    llama.cpp's work for a token grows with that: it follows each way by itself. Of a text, each
    character is the one that leaves the most; there is no looking further where there are
    ``enough``. Raises Refused where the looking alone is too much, as of a rule that begins
    with itself.
    """
    return _Ways(grammar).most(enough)


class _Ways:
    """What may come next, as stacks of what is still to be read; each is known by a number.

    A stack is a sequence, a place in it, and the stack below. Number 0 is the empty one.
    """

    def __init__(self, grammar: Grammar) -> None:
        self._sequences = [each for rule in grammar.rules for each in rule]
        numbers = count()
        self._rules = [[next(numbers) for _ in rule] for rule in grammar.rules]
        self._stacks: dict[tuple[int, int, int], int] = {}
        self._known = [(0, 0, 0)]
        self._after: dict[int, list[int]] = {}
        self._looks = 0
        self._begin = [self._stack(each, 0, 0) for each in self._rules[grammar.root]]

    def most(self, enough: int) -> int:
        ways = Counter(end for start in self._begin for end in self._ends(start))
        most = ways.total()
        for _ in range(FOLLOWED):
            if not ways or most >= enough:
                break
            ways = self._step(ways)
            most = max(most, ways.total())
        return most

    def _step(self, ways: Counter[int]) -> Counter[int]:
        """The ways after the character that leaves the most."""
        changes: Counter[int] = Counter()
        for stack, number in ways.items():
            left = number * len(self._next(stack))
            for first, last in self._ranges(stack):
                changes[first] += left
                changes[last + 1] -= left
        if not changes:
            return Counter()
        points = sorted(changes)
        sums = list(accumulate(changes[point] for point in points))
        code = points[sums.index(max(sums))]
        found: Counter[int] = Counter()
        for stack, number in ways.items():
            if any(first <= code <= last for first, last in self._ranges(stack)):
                for after in self._next(stack):
                    found[after] += number
        return found

    def _next(self, stack: int) -> list[int]:
        """The stacks that one leads to by a character."""
        if stack and stack not in self._after:
            self._after[stack] = self._ends(self._rest(stack))
        return self._after.get(stack, [])

    def _ends(self, start: int) -> list[int]:
        """The stacks with a character on top that one leads to, and the empty one."""
        todo, seen, found = [start], set[int](), list[int]()
        while todo:
            self._looks += 1
            if self._looks > MOST_LOOKS:
                raise Refused("too many ways to read a text, or a rule that begins with itself")
            stack = todo.pop()
            if stack in seen:
                continue
            seen.add(stack)
            symbol = self._symbol(stack)
            if not isinstance(symbol, int):
                found.append(stack)
                continue
            rest = self._rest(stack)
            todo.extend(self._stack(each, 0, rest) for each in self._rules[symbol])
        return found

    def _ranges(self, stack: int) -> Ranges:
        symbol = self._symbol(stack)
        return () if isinstance(symbol, int) else symbol

    def _symbol(self, stack: int) -> Symbol:
        sequence, at, _ = self._known[stack]
        return self._sequences[sequence][at] if stack else ()

    def _rest(self, stack: int) -> int:
        sequence, at, below = self._known[stack]
        return self._stack(sequence, at + 1, below)

    def _stack(self, sequence: int, at: int, below: int) -> int:
        if at == len(self._sequences[sequence]):
            return below
        key = (sequence, at, below)
        if key not in self._stacks:
            self._stacks[key] = len(self._known)
            self._known.append(key)
        return self._stacks[key]
