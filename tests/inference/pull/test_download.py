"""One file over a bad line: broken, lying, changed, slow and endless answers."""

from __future__ import annotations

import asyncio
import hashlib
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from inference.errors import (
    DigestMismatch,
    InferenceError,
    NotEnoughDisk,
    RegistryAnswer,
    RegistryUnreachable,
    UnreadableModel,
)
from inference.pull import Stage
from inference.pull.limits import Limits
from inference.pull.tasks import pull
from inference.pull.values import Digest, Hash
from tests.faults.outcomes import eventually
from tests.inference.pull.conftest import KIB, QUICK, Puller
from tests.standins.server import Reply, Request, Sparse, redirect, text
from tests.standins.weights import Weights, all_is_well, gguf

NAME = "hf.co/user/repo:Q8_0"
# So little patience is used up by a busy machine too, which then takes a few attempts more.
IMPATIENT = replace(QUICK, stall_timeout=0.2, attempts=1000)
DATA = gguf(1000 * KIB + 7, 8)
DIGEST = hashlib.sha256(DATA).hexdigest()


@pytest.fixture(autouse=True)
def _repository(weights: Weights) -> None:
    weights.add_hub("user/repo", {"m-Q8_0.gguf": DATA})


def test_it_works(puller: Puller, weights: Weights) -> None:
    assert puller.pull(NAME).path.read_bytes() == DATA
    assert weights.cdn.count(DIGEST) > 1
    assert all("range" in request.headers for request in weights.cdn.requests)
    assert weights.sent == len(DATA)


@pytest.mark.parametrize("connections", [1, 3, 16])
@pytest.mark.parametrize(("run", "lead"), [(1, 1), (16, 1), (1, 99), (3, 2)])
def test_every_division_of_the_work_brings_the_same_bytes(
    puller: Puller, weights: Weights, connections: int, run: int, lead: int
) -> None:
    limits = replace(QUICK, piece=8 * KIB, connections=connections, run=run, lead=lead)
    assert puller.pull(NAME, limits=limits).path.read_bytes() == DATA
    assert weights.sent == len(DATA)


def test_one_connection_is_enough_where_hashing_never_waits(
    puller: Puller, weights: Weights
) -> None:
    assert puller.pull(NAME, limits=replace(QUICK, patience=600)).path.read_bytes() == DATA
    assert weights.cdn.connected == 1


def test_the_others_join_where_the_first_says_nothing(puller: Puller, weights: Weights) -> None:
    """It goes on when they have brought all but its own pieces."""
    is_first, own, connected = iter([True]), QUICK.run * QUICK.piece, []

    def watch(count: int) -> None:
        if next(is_first, False):
            eventually(lambda: weights.sent - count >= len(DATA) - own)
            connected.append(weights.cdn.connected)

    weights.on_bytes = watch
    assert puller.pull(NAME, limits=replace(QUICK, patience=0.01)).path.read_bytes() == DATA
    assert connected
    assert connected[0] > 1


def test_a_cancelled_download_ends_at_once_and_goes_on_later(
    puller: Puller, weights: Weights
) -> None:
    """Two connections hang: their threads end, and the folder's lock is free again."""
    weights.cdn.hang(DIGEST, times=2)
    told, journal = puller.told("--model", NAME), _journal(puller)
    patient = replace(QUICK, stall_timeout=600, connections=3)

    async def begin_and_cancel() -> None:
        running = asyncio.create_task(pull(NAME, told, puller.seen.append, limits=patient))
        while not (journal.exists() and "\n[" in journal.read_text()):
            await asyncio.sleep(0.01)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    asyncio.run(begin_and_cancel())
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("pull")]
    weights.cdn.heal()
    assert puller.pull(NAME).path.read_bytes() == DATA
    assert puller.seen[-1].received < len(DATA)


def test_a_cancelled_wait_ends_at_once(puller: Puller, weights: Weights) -> None:
    weights.hub.fail("/api/", text("", 503, headers={"Retry-After": "300"}))
    told = puller.told("--model", NAME)

    async def begin_and_cancel() -> None:
        running = asyncio.create_task(pull(NAME, told, limits=QUICK))
        while weights.hub.count("/api/") == 0:
            await asyncio.sleep(0.01)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    asyncio.run(begin_and_cancel())


def test_progress_is_told_from_nothing_to_ready(puller: Puller) -> None:
    puller.pull(NAME)
    stages = list(dict.fromkeys(progress.stage for progress in puller.seen))
    assert stages == [Stage.RESOLVING, Stage.DOWNLOADING, Stage.VERIFYING, Stage.READY]
    last = puller.seen[-1]
    assert last.done == last.size == last.received == len(DATA)
    assert last.fraction == 1.0
    assert last.files[0].name == "m-Q8_0.gguf"
    assert last.files[0].digest == f"sha256:{DIGEST}"


@pytest.mark.parametrize("place", [4, 500 * KIB, len(DATA) - 1])
def test_a_flipped_byte_is_refused_and_thrown_away(
    puller: Puller, weights: Weights, place: int
) -> None:
    flipped = bytearray(DATA)
    flipped[place] ^= 1
    weights.serve(DIGEST, bytes(flipped))
    with pytest.raises(DigestMismatch, match="thrown away"):
        puller.pull(NAME)
    assert puller.leftovers() == []
    weights.serve(DIGEST, DATA)
    assert puller.pull(NAME).path.read_bytes() == DATA


def test_what_is_no_gguf_is_refused_after_its_first_piece(puller: Puller, weights: Weights) -> None:
    weights.add_hub("user/other", {"m-Q8_0.gguf": b"\x80\x02" * 500 * KIB})
    with pytest.raises(UnreadableModel, match="not a GGUF file"):
        puller.pull("hf.co/user/other")


def test_a_full_disk_is_told_before_the_first_byte(puller: Puller, weights: Weights) -> None:
    digest = "ab" * 32
    entry = {"type": "file", "path": "m-Q8_0.gguf", "size": 1 << 49, "lfs": {"oid": digest}}
    weights.hub.fail("/tree/", text(f"[{_json(entry)}]"))
    with pytest.raises(NotEnoughDisk, match="563 TB more") as refused:
        puller.pull(NAME)
    assert "more room" in refused.value.next_step
    assert weights.sent == 0


def _json(entry: dict[str, object]) -> str:
    return str(entry).replace("'", '"')


def test_a_connection_that_ends_early_is_taken_up_again(puller: Puller, weights: Weights) -> None:
    half = Reply(
        206,
        DATA,
        {"Content-Range": f"bytes 0-{256 * KIB - 1}/{len(DATA)}"},
        stop=100 * KIB,
        claimed=256 * KIB,
    )
    weights.cdn.fail(DIGEST, half, times=2)
    weights.cdn.drop(DIGEST, times=2)
    assert puller.pull(NAME).path.read_bytes() == DATA


def test_a_stalled_connection_is_given_up(puller: Puller, weights: Weights) -> None:
    weights.cdn.hang(DIGEST, times=3)
    assert puller.pull(NAME, limits=IMPATIENT).path.read_bytes() == DATA


def test_a_connection_that_stalls_in_its_middle_is_given_up(
    puller: Puller, weights: Weights
) -> None:
    stalls, is_over = iter(range(3)), threading.Event()
    weights.on_bytes = lambda _count: None if next(stalls, None) is None else _wait(is_over)
    assert puller.pull(NAME, limits=IMPATIENT).path.read_bytes() == DATA
    is_over.set()


def test_a_connection_that_only_trickles_is_given_up(puller: Puller, weights: Weights) -> None:
    stalls, is_over = iter(range(3)), threading.Event()
    weights.on_bytes = lambda _count: None if next(stalls, None) is None else _wait(is_over)
    quick = replace(QUICK, run_timeout=0.2, attempts=1000)
    assert puller.pull(NAME, limits=quick).path.read_bytes() == DATA
    is_over.set()


def _wait(event: threading.Event) -> None:
    event.wait(60)


def test_a_busy_cdn_is_asked_again(puller: Puller, weights: Weights) -> None:
    weights.cdn.rate_limit(DIGEST, wait=0, times=2)
    weights.cdn.fail(DIGEST, text("", 500), times=2)
    assert puller.pull(NAME).path.read_bytes() == DATA


def test_an_expired_link_is_made_anew(puller: Puller, weights: Weights) -> None:
    """The CDN's first answer works, the next request of the same link is refused."""
    limits = replace(QUICK, connections=1)
    seen: list[str] = []

    def answer(request: Request) -> Reply:
        seen.append(request.path)
        if len(seen) == 2:
            return text("Request has expired", 403)
        return weights.file(replace(request, args={"digest": DIGEST}))

    weights.cdn.route("GET", f"/{DIGEST}", answer)
    assert puller.pull(NAME, limits=limits).path.read_bytes() == DATA
    assert weights.hub.count("/resolve/") == 2


def test_a_link_that_never_works_is_told(puller: Puller, weights: Weights) -> None:
    weights.cdn.fail(DIGEST, text("no", 403))
    with pytest.raises(InferenceError, match="user/repo"):
        puller.pull(NAME)


def test_a_server_without_ranges_is_read_in_one_go(puller: Puller, weights: Weights) -> None:
    weights.cdn.route("GET", f"/{DIGEST}", Reply(200, DATA))
    assert puller.pull(NAME).path.read_bytes() == DATA


def test_a_server_that_streams_without_a_length_is_bounded(
    puller: Puller, weights: Weights
) -> None:
    endless = Reply(200, Sparse(DATA, len(DATA) + (64 << 20)), claimed=len(DATA) + (64 << 20))
    weights.cdn.route("GET", f"/{DIGEST}", endless)
    with pytest.raises(RegistryUnreachable, match="bytes, and not"):
        puller.pull(NAME)


def test_more_bytes_than_asked_for_are_refused(puller: Puller, weights: Weights) -> None:
    def answer(request: Request) -> Reply:
        headers = {
            "Transfer-Encoding": "chunked",
            "Content-Range": f"bytes 0-{256 * KIB - 1}/{len(DATA)}",
        }
        chunk = 257 * KIB
        body = b"%x\r\n%s\r\n0\r\n\r\n" % (chunk, DATA[:chunk])
        return Reply(206, body, headers)

    weights.cdn.route("GET", f"/{DIGEST}", answer)
    with pytest.raises(RegistryUnreachable, match=r"more bytes|other bytes"):
        puller.pull(NAME)


@pytest.mark.parametrize(
    "content_range", ["", "bytes 5-9/10", f"bytes 0-{256 * KIB - 1}/99", "bytes */7", "x" * 999]
)
def test_a_lie_about_the_range_is_refused(
    puller: Puller, weights: Weights, content_range: str
) -> None:
    lie = Reply(206, DATA, {"Content-Range": content_range}, stop=256 * KIB)
    weights.cdn.route("GET", f"/{DIGEST}", lie)
    with pytest.raises(RegistryUnreachable):
        puller.pull(NAME)


def test_a_sign_in_page_is_named(puller: Puller, weights: Weights) -> None:
    page = text("<html>Sign in</html>", content_type="text/html")
    weights.cdn.route("GET", f"/{DIGEST}", page)
    with pytest.raises(RegistryAnswer, match="a web page instead"):
        puller.pull(NAME)


def test_a_redirect_in_a_circle_is_refused(puller: Puller, weights: Weights) -> None:
    weights.cdn.route("GET", f"/{DIGEST}", redirect(f"/{DIGEST}"))
    with pytest.raises(RegistryAnswer, match="more than 5 times"):
        puller.pull(NAME)


def test_a_file_changed_under_the_revision_is_noticed(puller: Puller, weights: Weights) -> None:
    other = redirect(f"{weights.cdn.url}/{DIGEST}", headers={"X-Linked-Etag": f'"{"cd" * 32}"'})
    weights.hub.fail("/resolve/", other)
    with pytest.raises(RegistryAnswer, match="was changed"):
        puller.pull(NAME, limits=replace(QUICK, connections=1))
    assert weights.sent < len(DATA)


def test_an_unfinished_download_goes_on(puller: Puller, weights: Weights) -> None:
    _pull_a_part(puller, weights)
    assert puller.pull(NAME).path.read_bytes() == DATA
    resumed = next(seen for seen in puller.seen if seen.stage is Stage.DOWNLOADING and seen.done)
    assert puller.seen[-1].received == len(DATA) - resumed.done


def test_the_rest_is_downloaded_while_what_is_there_is_hashed(
    puller: Puller, weights: Weights, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hashing begins once every byte is sent: who waited for it would not end."""
    # One after the other: with the first piece among those that are there.
    _pull_a_part(puller, weights, replace(QUICK, connections=1))
    stored = sum(line.startswith("[") for line in _journal(puller).read_text().split("\n"))
    whole = weights.sent + len(DATA) - stored * QUICK.piece

    def start(digest: Digest, size: int) -> Hash:
        eventually(lambda: weights.sent >= whole)
        return begin(digest, size)

    begin = Digest.start
    monkeypatch.setattr(Digest, "start", start)
    assert puller.pull(NAME, limits=replace(QUICK, lead=1)).path.read_bytes() == DATA


def test_a_file_changed_under_an_unfinished_download_begins_anew(
    puller: Puller, weights: Weights
) -> None:
    _pull_a_part(puller, weights)
    weights.etags[DIGEST] = '"another"'
    assert puller.pull(NAME).path.read_bytes() == DATA
    assert puller.seen[-1].received == len(DATA)


def test_what_the_disk_garbled_is_downloaded_again(puller: Puller, weights: Weights) -> None:
    """No word of a wrong digest: it is this machine's fault, and not the registry's."""
    _pull_a_part(puller, weights)
    part = puller.folder / "blobs" / f"sha256-{DIGEST}.part"
    with part.open("r+b") as file:
        file.seek(100)
        file.write(b"garbled")
    assert puller.pull(NAME).path.read_bytes() == DATA
    assert puller.seen[-1].done == len(DATA)


def test_what_a_crash_of_the_machine_may_have_lost_is_downloaded_again(
    puller: Puller, weights: Weights, monkeypatch: pytest.MonkeyPatch
) -> None:
    _pull_a_part(puller, weights)
    monkeypatch.setattr("inference.pull.journal._boot_id", lambda: "after the crash")
    assert puller.pull(NAME).path.read_bytes() == DATA
    assert puller.seen[-1].received == len(DATA)


@pytest.mark.parametrize(
    "journal", [b"", b"\n", b"{}\n", b"[]\n[0, 1]\n", b"\xff\xfe\n", b'{"format": 1']
)
def test_a_broken_journal_counts_for_nothing(
    puller: Puller, weights: Weights, journal: bytes
) -> None:
    _pull_a_part(puller, weights)
    _journal(puller).write_bytes(journal)
    assert puller.pull(NAME).path.read_bytes() == DATA


def test_a_journal_without_its_file_counts_for_nothing(puller: Puller, weights: Weights) -> None:
    _pull_a_part(puller, weights)
    (puller.folder / "blobs" / f"sha256-{DIGEST}.part").unlink()
    assert puller.pull(NAME).path.read_bytes() == DATA


def test_a_registry_that_is_away_is_told_in_words(puller: Puller) -> None:
    with pytest.raises(RegistryUnreachable) as told:
        puller.pull(NAME, "--hugging-face-url", "http://127.0.0.1:9")
    assert "after 4 attempts: Connection refused." in str(told.value)


def _journal(puller: Puller) -> Path:
    return puller.folder / "blobs" / f"sha256-{DIGEST}.journal"


def _pull_a_part(puller: Puller, weights: Weights, limits: Limits = QUICK) -> None:
    """Let the line break for good after some pieces."""

    def break_down(_count: int) -> None:
        if weights.sent > len(DATA) // 2:
            raise ConnectionAbortedError

    weights.on_bytes = break_down
    with pytest.raises(RegistryUnreachable, match="could not be downloaded"):
        puller.pull(NAME, limits=limits)
    assert len(puller.leftovers()) == 2
    weights.on_bytes = all_is_well
    puller.seen.clear()
