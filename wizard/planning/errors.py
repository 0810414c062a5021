"""Choices that make no plan."""

from __future__ import annotations


class ChoiceError(ValueError):
    """A choice that cannot be used: which field, and a sentence that says what can be."""

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(sentence)
        self.field = field
