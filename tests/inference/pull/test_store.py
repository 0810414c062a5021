"""The models folder: one process at a time, nothing half, nothing forgotten."""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path

import pytest

from inference.errors import ModelNotFound, NotEnoughDisk, StorageError
from inference.pull import find, installed
from inference.pull.store import Store, bytes_text
from inference.pull.tasks import pull, remove
from inference.pull.values import Digest, RemoteFile
from tests.inference.pull.conftest import KIB, QUICK, Puller
from tests.standins.weights import Weights, gguf

NAME = "hf.co/user/repo:Q8_0"
DATA = gguf(300 * KIB, 8)


@pytest.fixture(autouse=True)
def _repository(weights: Weights) -> None:
    weights.add_hub("user/repo", {"m-Q8_0.gguf": DATA, "m-Q4_0.gguf": gguf(90 * KIB, 4)})


def test_it_works(puller: Puller) -> None:
    model = puller.pull(NAME)
    assert installed(puller.told()) == (model,)
    assert find(NAME, puller.told()) == model
    assert find("hf.co/user/repo:Q4_0", puller.told()) is None


def test_two_at_a_time_download_once(puller: Puller, weights: Weights) -> None:
    told = puller.told("--model", NAME)

    async def both() -> None:
        first, second = await asyncio.gather(
            pull(NAME, told, limits=QUICK), pull(NAME, told, limits=QUICK)
        )
        assert first == second

    asyncio.run(both())
    assert weights.sent == len(DATA)


def test_a_folder_that_was_moved_still_counts(
    puller: Puller, weights: Weights, tmp_path: Path
) -> None:
    puller.pull(NAME)
    asked = weights.requests
    puller.folder = puller.folder.rename(tmp_path / "elsewhere")
    assert puller.pull(NAME).path.read_bytes() == DATA
    assert weights.requests == asked


@pytest.mark.parametrize("harm", ["missing", "short"])
def test_a_file_that_went_missing_is_downloaded_again(puller: Puller, harm: str) -> None:
    path = puller.pull(NAME).path
    path.unlink()
    if harm == "short":
        path.write_bytes(DATA[:-1])
    assert find(NAME, puller.told()) is None
    assert puller.pull(NAME).path.read_bytes() == DATA


@pytest.mark.parametrize(
    "change",
    [
        {"format": 99},
        {"files": []},
        {"files": [{"path": "/etc/passwd", "size": 1, "sha256": "", "name": ""}]},
        {"files": [{"path": "../x", "size": 1, "sha256": "", "name": ""}]},
        {"files": None},
        {"source": "moon"},
        {"modified": "yesterday"},
    ],
)
def test_a_broken_record_counts_as_not_downloaded(
    puller: Puller, change: dict[str, object]
) -> None:
    puller.pull(NAME)
    record = next((puller.folder / "index").glob("*.json"))
    record.write_text(json.dumps({**json.loads(record.read_text()), **change}))
    assert find(NAME, puller.told()) is None
    assert puller.pull(NAME).path.read_bytes() == DATA


def test_a_record_that_is_no_json_counts_as_not_downloaded(puller: Puller) -> None:
    puller.pull(NAME)
    next((puller.folder / "index").glob("*.json")).write_text("[1, 2")
    assert installed(puller.told()) == ()


def test_removing_keeps_what_another_model_shares(puller: Puller) -> None:
    kept = puller.pull("hf.co/user/repo/m-Q8_0.gguf")
    puller.pull(NAME)
    asyncio.run(remove(NAME, puller.told()))
    assert installed(puller.told()) == (kept,)
    asyncio.run(remove(kept.name, puller.told()))
    assert list((puller.folder / "blobs").iterdir()) == []


def test_removing_a_split_model_leaves_nothing(puller: Puller, weights: Weights) -> None:
    parts = {f"m-Q8_0-0000{n}-of-00002.gguf": gguf(70 * KIB, n) for n in (1, 2)}
    weights.add_hub("user/split", parts)
    puller.pull("hf.co/user/split")
    same = puller.pull("hf.co/user/split:Q8_0")
    asyncio.run(remove("hf.co/user/split", puller.told()))
    assert installed(puller.told()) == (same,)
    asyncio.run(remove(same.name, puller.told()))
    assert list((puller.folder / "blobs").iterdir()) == []
    assert list((puller.folder / "splits").iterdir()) == []


def test_removing_what_is_not_there_is_told(puller: Puller) -> None:
    with pytest.raises(ModelNotFound, match="is not here"):
        asyncio.run(remove(NAME, puller.told()))


def test_a_folder_that_cannot_be_used_is_told(puller: Puller) -> None:
    puller.folder = Path("/proc/models")
    with pytest.raises(StorageError, match="cannot be used"):
        puller.pull(NAME)


def test_a_folder_that_cannot_be_locked_is_told(puller: Puller) -> None:
    """As one that is mounted for reading only: it is there, and nothing in it can be opened."""
    (puller.folder / ".lock").mkdir(parents=True)
    with pytest.raises(StorageError, match="cannot be used"):
        puller.pull(NAME)
    with pytest.raises(StorageError, match="cannot be used"):
        asyncio.run(remove(NAME, puller.told()))


def test_room_is_made_by_giving_up_other_downloads(tmp_path: Path) -> None:
    """What another model left unfinished goes before a download is refused."""
    store = Store(tmp_path)
    store.prepare()
    other, free = tmp_path / "blobs" / "sha256-00.part", shutil.disk_usage(tmp_path).free
    other.write_bytes(b"x" * KIB)
    other.with_suffix(".journal").write_bytes(b"{}\n")
    file = RemoteFile(NAME, "http://127.0.0.1/x", "m.gguf", 1 << 49, Digest("ab" * 32))
    with pytest.raises(NotEnoughDisk, match="563 TB more"):
        store.require_room([file], 0, NAME)
    assert not other.exists()
    assert not other.with_suffix(".journal").exists()
    assert free > 0


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 bytes"), (999, "999 bytes"), (1500, "1.5 kB"), (5e9, "5.0 GB"), (2e20, "200000 PB")],
)
def test_bytes_are_told_as_disks_are_sold(count: float, text: str) -> None:
    assert bytes_text(count) == text
