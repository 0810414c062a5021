"""The cache in files, when the clock was set back, or the folder cannot be used."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from oneclick_site.file_cache import LOOK_EVERY, FileCache


@pytest.fixture
def cache(tmp_path: Path) -> FileCache:
    return FileCache(str(tmp_path), {})


def _written(folder: Path, *, seconds_ahead: float) -> None:
    """Let everything in the cache be from then."""
    moment = time.time() + seconds_ahead
    for path in folder.glob("*.djcache"):
        os.utime(path, (moment, moment))


def test_it_works(cache: FileCache) -> None:
    cache.set("x", 1, 60)
    assert cache.get("x") == 1
    assert not cache.add("x", 2, 60)
    assert cache.touch("x", 60)
    cache.set("x", 3, 0)
    assert cache.get("x") is None


@pytest.mark.parametrize("timeout", [5, 10**9, None])
def test_what_is_from_the_future_is_forgotten(
    cache: FileCache, tmp_path: Path, timeout: int | None
) -> None:
    cache.set("x", 1, timeout)
    _written(tmp_path, seconds_ahead=3 * 3600)
    assert cache.get("x") is None
    assert list(tmp_path.glob("*.djcache")) == []
    assert cache.add("x", 2, timeout)
    assert cache.get("x") == 2


def test_whether_there_are_too_many_is_asked_now_and_then(tmp_path: Path) -> None:
    """To list a folder of 20,000 for each value took as long as a page."""
    cache = FileCache(str(tmp_path), {"OPTIONS": {"MAX_ENTRIES": 30}})
    for number in range(LOOK_EVERY - 1):
        cache.set(str(number), number)
    assert len(list(tmp_path.glob("*.djcache"))) == LOOK_EVERY - 1
    cache.set("more", 1)
    assert len(list(tmp_path.glob("*.djcache"))) < LOOK_EVERY - 1


def test_one_of_many_adds(cache: FileCache, tmp_path: Path) -> None:
    """Django's own looks whether there is a file, and writes one: two may then both have added."""
    others = [cache, *(FileCache(str(tmp_path), {}) for _ in range(7))]
    with ThreadPoolExecutor(8) as pool:
        for turn in range(20):
            added = list(pool.map(lambda one, key=turn: one.add(key, 1, 60), others))
            assert added.count(True) == 1


def test_every_count_counts(cache: FileCache) -> None:
    cache.set("x", 0, 60)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: cache.incr("x"), range(100)))
    assert cache.get("x") == 100


def test_clocks_that_differ_a_little_do_no_harm(cache: FileCache, tmp_path: Path) -> None:
    cache.set("x", 1, 3600)
    _written(tmp_path, seconds_ahead=20)
    assert cache.get("x") == 1
    assert "x" in cache


def _unusable(tmp_path: Path) -> FileCache:
    """A cache whose folder cannot be made, whoever the tests run as."""
    (tmp_path / "file").touch()
    return FileCache(str(tmp_path / "file" / "cache"), {})


def test_a_folder_that_cannot_be_used_takes_nothing_down(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    unusable = _unusable(tmp_path)
    unusable.set("x", 1, 60)
    assert unusable.is_away
    assert unusable.get("x") == 1
    assert not unusable.add("x", 2, 60)
    assert unusable.incr("x") == 2
    assert unusable.get_many(["x", "y"]) == {"x": 2}
    assert unusable.delete("x")
    assert unusable.get("x", "nothing") == "nothing"
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_a_folder_that_comes_back_is_used_again(tmp_path: Path) -> None:
    unusable = _unusable(tmp_path)
    unusable.set("x", 1, 60)
    (tmp_path / "file").unlink()
    unusable.set("x", 2, 60)
    assert not unusable.is_away
    assert unusable.get("x") == 2
    assert list((tmp_path / "file" / "cache").glob("*.djcache"))


@pytest.mark.parametrize("garbled", [b"", bytes(200), b"what is this?", b"\x80\x05K\x01."])
def test_what_a_crash_garbled_is_forgotten(
    cache: FileCache, tmp_path: Path, garbled: bytes
) -> None:
    cache.set("x", 1, None)
    (entry,) = tmp_path.glob("*.djcache")
    entry.write_bytes(garbled)
    assert cache.get("x") is None
    assert cache.add("x", 2, None)
    assert cache.get("x") == 2
    assert not cache.is_away
