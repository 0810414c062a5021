"""A folder by which a test knows how far a stand-in's process is, and lets it go on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Gate:
    """What the stand-in engine is asked waits here until the test opens the gate.

    It takes the place of a time that is long enough on one machine, and not on a busier one.
    """

    folder: Path

    @property
    def prompt(self) -> str:
        """What to say to the stand-in engine."""
        return f"until {self.folder}"

    @property
    def was_asked(self) -> bool:
        """Whether the stand-in engine has read it."""
        return (self.folder / "asked").exists()

    def open(self) -> None:
        """Let the engine go on."""
        (self.folder / "open").touch()

    def close(self) -> None:
        """Let the next one wait."""
        for name in ("asked", "open"):
            (self.folder / name).unlink(missing_ok=True)
