from __future__ import annotations

from pathlib import Path

from oneclick_site import settings
from oneclick_site.fingerprint import fingerprint
from tests.site.live import ROOT


def _package(folder: Path, text: str, name: str = "values.py") -> Path:
    folder.mkdir()
    (folder / name).write_text(text)
    return folder


def test_it_works(tmp_path: Path) -> None:
    one = _package(tmp_path / "one", "x = 1\n")
    assert fingerprint(one) == fingerprint(_package(tmp_path / "same", "x = 1\n"))
    assert fingerprint(one) != fingerprint(_package(tmp_path / "changed", "x = 2\n"))
    assert fingerprint(one) != fingerprint(_package(tmp_path / "moved", "x = 1\n", "other.py"))


def test_a_cache_of_other_code_is_not_read() -> None:
    """A value of a class that is gone would end every page that asks for it."""
    assert settings.CACHES["default"]["KEY_PREFIX"] == fingerprint(ROOT / "wizard")
