"""What keeps a plan from becoming a file."""

from __future__ import annotations


class SdlError(ValueError):
    """A plan that cannot be written; the message says what to change.

    ``field`` names the choice at fault, as in ``Choices``, or is empty.
    """

    def __init__(self, message: str, *, field: str = "") -> None:
        super().__init__(message)
        self.field = field
