"""Asks Akash's own validator, in one long-lived Node process."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Verdict:
    """What the validator said; ``document`` is what js-yaml read."""

    valid: bool
    manifest_ok: bool
    errors: tuple[str, ...]
    document: Any

    @property
    def accepted(self) -> bool:
        """Whether Akash takes the file."""
        return self.valid and self.manifest_ok


def _ready() -> None:
    if not shutil.which("node"):
        raise RuntimeError("The SDL's judge needs Node 20 or newer: apt-get install nodejs npm.")
    if not (HERE / "node_modules" / "@akashnetwork" / "chain-sdk").is_dir():
        raise RuntimeError("The SDL's judge is not installed: run `npm ci` in tests/judge.")


class Judge:
    """Starts with the first ``with``; answers one document at a time."""

    def __enter__(self) -> Self:
        _ready()
        self._process = subprocess.Popen(
            ["node", "judge.mjs"],
            cwd=HERE,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.communicate(timeout=60)

    def judge(self, text: str) -> Verdict:
        """The verdict on one YAML text."""
        answer = self._ask({"yaml": text})
        return Verdict(
            answer["valid"],
            answer["manifest_ok"],
            tuple(answer["errors"]),
            answer["document"],
        )

    def derive(self, text: str) -> dict[str, Any]:
        """What Akash's own SDK makes of a valid YAML text: group specs, manifest, hash."""
        return self._ask({"yaml": text, "derive": True})

    def _ask(self, question: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "The judge ended."
        answer: dict[str, Any] = json.loads(line)
        return answer
