"""The book-keeping of pieces, and of how far a download is."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.pull.journal import Journal
from inference.pull.pieces import Pieces
from inference.pull.progress import Meter, Progress, Stage


def test_it_works() -> None:
    pieces = Pieces(10, 4, stored=[1, 99])
    assert pieces.count == 3
    assert pieces.stored_bytes == 4
    assert pieces.take(8) == range(0, 1)
    assert pieces.take(8) == range(2, 3)
    assert pieces.take(8) is None
    pieces.store(0)
    pieces.put_back(range(0, 3))
    assert pieces.take(1) == range(2, 3)
    pieces.store(2)
    assert pieces.is_complete
    assert not pieces.is_stored(3)
    assert pieces.stored_bytes == 10


@given(
    st.integers(1, 500),
    st.integers(1, 50),
    st.sets(st.integers(0, 60)),
    st.integers(1, 9),
    st.randoms(use_true_random=False),
)
def test_every_byte_is_taken_exactly_once(
    size: int, piece: int, stored: set[int], most: int, chance: object
) -> None:
    pieces = Pieces(size, piece, stored)
    landed = [index for index in stored if index < pieces.count]
    while (run := pieces.take(most)) is not None:
        assert 1 <= len(run) <= most
        for index in list(run)[: getattr(chance, "randint")(1, len(run))]:  # noqa: B009
            pieces.store(index)
            landed.append(index)
        pieces.put_back(run)
    assert sorted(landed) == list(range(pieces.count))
    assert sum(pieces.length(index) for index in landed) == size
    assert pieces.is_complete


def _journal(path: Path, *, digest: str = "sha256:ab", piece: int = 10, boot: str = "1") -> Journal:
    return Journal(path, digest=digest, size=100, piece=piece, boot=boot)


def test_a_journal_is_read_again_up_to_its_torn_line(tmp_path: Path) -> None:
    path = tmp_path / "x.journal"
    first = _journal(path)
    first.add(3)
    first.add(4)
    first.note_etag('"e"')
    first.close()
    with path.open("ab") as file:
        file.write(b"[5")
    again = _journal(path, piece=99)
    again.add(6)
    again.close()
    assert again.piece == 10
    assert again.etag == '"e"'
    assert again.pieces == [3, 4, 6]
    assert path.read_bytes().count(b"[5") == 0


def test_another_files_journal_counts_for_nothing(tmp_path: Path) -> None:
    path = tmp_path / "x.journal"
    first = _journal(path)
    first.add(3)
    first.close()
    other = _journal(path, digest="sha256:cd")
    other.close()
    assert other.pieces == []


def test_after_a_crash_of_the_machine_only_synced_pieces_count(tmp_path: Path) -> None:
    path = tmp_path / "x.journal"
    first = _journal(path)
    for index in (3, 4, 5):
        first.add(index)
    first.synced(2)
    first.close()
    after = _journal(path, boot="2")
    assert after.pieces == [3, 4]
    after.add(6)
    after.close()
    assert _journal(path, boot="2").pieces == [3, 4, 6]
    assert _journal(path, boot="3").pieces == [3, 4]


def test_where_the_system_names_no_boot_only_synced_pieces_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("inference.pull.journal._BOOT_ID", tmp_path / "missing")
    path = tmp_path / "x.journal"
    first = _journal(path, boot="")
    first.add(3)
    first.synced(1)
    first.add(4)
    first.close()
    assert _journal(path, boot="").pieces == [3]


def test_progress_counts_what_is_on_disk_and_what_came_in() -> None:
    told: list[Progress] = []
    meter = Meter("a:latest", told.append)
    meter.expect("sha256:ab", "model", 40, 100)
    meter.stage(Stage.DOWNLOADING)
    meter.received("sha256:ab", 30)
    meter.tell()
    assert told[0].done == 40
    assert told[-1].done == 70
    assert told[-1].received == 30
    assert told[-1].fraction == 0.7
    assert told[-1].bytes_per_second > 0
    assert told[-1].seconds_left
