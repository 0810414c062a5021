"""One file: parallel ranges, resumed from what is on disk, hashed while it lands."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TypeVar

from inference.errors import (
    DigestMismatch,
    InferenceError,
    RegistryAnswer,
    StorageError,
    UnreadableModel,
)
from inference.gguf import MAGIC
from inference.pull.disk import storage_error, sync_folder
from inference.pull.journal import Journal
from inference.pull.pieces import Pieces
from inference.pull.progress import Meter, Stage
from inference.pull.refusals import Changed, Transient
from inference.pull.transport import NETWORK_FAILURES, Answer, Transport
from inference.pull.values import RemoteFile

T = TypeVar("T")
HASH_BATCH = 16
# Bytes after which the disk is told to write what it has.
FLUSH = 64 << 20
_CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18}|\*)\Z")


async def download(transport: Transport, file: RemoteFile, path: Path, meter: Meter) -> None:
    """Put a verified file at ``path``, or raise an InferenceError.

    Until it is complete it lies at ``path`` + ``.part`` with its journal
    beside it; what is there already is not downloaded again.
    """
    for trust_etag in (True, False):
        running = _Download(transport, file, path, meter, trust_etag=trust_etag)
        try:
            await running.run()
            return
        except Changed:
            running.begin_anew()
        finally:
            running.close()


def part_of(path: Path) -> Path:
    """Where a file lies while it is incomplete."""
    return path.with_name(path.name + ".part")


def journal_of(path: Path) -> Path:
    return path.with_name(path.name + ".journal")


class _Download:
    def __init__(
        self, transport: Transport, file: RemoteFile, path: Path, meter: Meter, *, trust_etag: bool
    ) -> None:
        self._transport = transport
        self._limits = transport.limits
        self._file = file
        self._path = path
        self._meter = meter
        self._trust_etag = trust_etag
        self._part = part_of(path)
        is_new = not self._part.exists()
        self._journal = Journal(
            journal_of(path), digest=str(file.digest), size=file.size, piece=self._limits.piece
        )
        if is_new:
            self._journal.clear()
        self._disk = os.open(self._part, os.O_RDWR | os.O_CREAT, 0o644)
        os.ftruncate(self._disk, file.size)
        self._resumed = frozenset(self._journal.checksums)
        self._pieces = Pieces(file.size, self._journal.piece, self._resumed)
        self._window = bytearray(self._pieces.piece)
        self._pool = ThreadPoolExecutor(self._limits.connections + 2, "pull")
        self._news = asyncio.Condition()
        self._sequential = asyncio.Lock()
        self._is_finished = False
        self._landed = 0
        self._location = ""
        meter.expect(str(file.digest), file.name, self._pieces.stored_bytes, file.size)

    async def run(self) -> None:
        """Download what is missing, and see that the whole is what the registry names.

        Threads end first, whatever happens: a late write must not reach another
        file that got the same number.
        """
        self._meter.stage(Stage.DOWNLOADING)
        try:
            async with asyncio.TaskGroup() as group:
                hashing = group.create_task(self._hash())
                group.create_task(self._flush())
                for _ in range(self._limits.connections):
                    group.create_task(self._work())
        except BaseExceptionGroup as failures:
            raise _first(failures) from None
        finally:
            self._pool.shutdown(wait=True)
        self._check(hashing.result())
        await asyncio.to_thread(self._complete)

    def begin_anew(self) -> None:
        """Throw away what is on disk: it belongs to another version of the file."""
        self._journal.clear()
        os.ftruncate(self._disk, 0)

    def close(self) -> None:
        os.close(self._disk)
        self._journal.close()

    async def _work(self) -> None:
        failures, landed = 0, 0
        while (run := await self._next()) is not None:
            try:
                await self._stream(run)
            except (Transient, *NETWORK_FAILURES) as error:
                await self._give_back(run)
                failures = failures + 1 if self._landed == landed else 1
                landed = self._landed
                await self._transport.wait(failures, error, self._file.model)
            else:
                failures = 0

    async def _next(self) -> range | None:
        """The next run of missing pieces; None once the whole file is hashed."""
        async with self._news:
            while not self._is_finished:
                share = -(-self._pieces.missing // self._limits.connections)
                run = self._pieces.take(max(1, min(self._limits.run, share)))
                if run is not None:
                    return run
                await self._news.wait()
        return None

    async def _give_back(self, run: range) -> None:
        async with self._news:
            self._pieces.put_back(run)
            self._news.notify_all()

    async def _stream(self, run: range) -> None:
        start = self._pieces.start(run[0])
        stop = self._pieces.start(run[-1]) + self._pieces.length(run[-1])
        url, known = self._location or self._file.url, self._location
        headers = {"Range": f"bytes={start}-{stop - 1}"}
        try:
            async with self._transport.open(url, self._file.model, headers) as answer:
                await self._take(answer, start, stop)
        except InferenceError as error:
            if not known or isinstance(error, (UnreadableModel, StorageError)):
                raise
            self._location = ""
            raise Transient(f"the link to the file ended: {error}") from None
        except (Transient, *NETWORK_FAILURES):
            self._location = ""
            raise

    async def _take(self, answer: Answer, start: int, stop: int) -> None:
        self._refuse_other_file(answer)
        if answer.response.status == 206:
            self._refuse_other_range(answer, start, stop)
            self._location = str(answer.response.url)
            async with asyncio.timeout(self._limits.run_timeout):
                await self._receive(answer, start, stop)
            return
        self._refuse_page(answer)
        async with self._sequential:
            if not self._pieces.is_stored(start // self._pieces.piece):
                await self._receive(answer, 0, self._file.size)

    async def _receive(self, answer: Answer, start: int, stop: int) -> None:
        """Cut what comes in into pieces, and store each once it is whole.

        One buffer serves all of them: asking the system for fresh memory for
        every piece costs more than filling it.
        """
        index, filled, buffer = start // self._pieces.piece, 0, bytearray(self._pieces.piece)
        async for chunk, _ in answer.response.content.iter_chunks():
            rest = memoryview(chunk)
            while rest:
                if self._pieces.start(index) >= stop:
                    raise Transient("more bytes came than were asked for")
                whole = self._pieces.length(index)
                taken = min(whole - filled, len(rest))
                buffer[filled : filled + taken] = rest[:taken]
                filled, rest = filled + taken, rest[taken:]
                if filled == whole:
                    await self._land(index, memoryview(buffer)[:whole])
                    index, filled = index + 1, 0
        if self._pieces.start(index) < stop:
            raise Transient("the connection ended early")

    async def _land(self, index: int, data: memoryview) -> None:
        if self._pieces.is_stored(index):
            return
        if index == 0 and data[: len(MAGIC)] != MAGIC:
            raise UnreadableModel(f"{self._file.name} is not a GGUF file.")
        await self._in_thread(partial(self._write, index, data))
        async with self._news:
            self._pieces.store(index)
            self._landed += 1
            self._meter.received(str(self._file.digest), len(data))
            if self._pieces.is_complete:
                self._meter.stage(Stage.VERIFYING)
            self._news.notify_all()

    def _write(self, index: int, data: memoryview) -> None:
        offset, rest = self._pieces.start(index), data
        while rest:
            written = os.pwrite(self._disk, rest, offset)
            offset, rest = offset + written, rest[written:]
        self._journal.add(index, data)

    async def _hash(self) -> str:
        """Hash the file in order, following the pieces as they land."""
        digest, index = self._file.digest.start(self._file.size), 0
        while index < self._pieces.count:
            ready = await self._stored_from(index)
            for index in ready:
                data = await self._in_thread(partial(self._read, index))
                if index in self._resumed and not self._journal.holds(index, data):
                    await self._lose(index)
                    break
                await self._in_thread(partial(digest.update, data))
            else:
                index = ready.stop
        async with self._news:
            self._is_finished = True
            self._news.notify_all()
        return digest.hexdigest()

    async def _flush(self) -> None:
        """Have the disk write while the network still brings bytes, and not only at the end."""
        step = due = max(1, FLUSH // self._pieces.piece)
        while await self._has_landed(due):
            await self._in_thread(partial(os.fdatasync, self._disk))
            due = self._landed + step

    async def _has_landed(self, count: int) -> bool:
        """Wait until so many pieces have landed; False where the whole file is here before."""
        async with self._news:
            await self._news.wait_for(lambda: self._is_finished or self._landed >= count)
            return not self._is_finished

    async def _stored_from(self, index: int) -> range:
        async with self._news:
            await self._news.wait_for(lambda: self._pieces.is_stored(index))
            return self._pieces.stored_from(index, HASH_BATCH)

    async def _lose(self, index: int) -> None:
        """A piece from an earlier start is not what was noted: download it again."""
        async with self._news:
            self._resumed -= {index}
            self._journal.forget(index)
            self._pieces.lose(index)
            self._meter.corrected(str(self._file.digest), -self._pieces.length(index))
            self._news.notify_all()

    def _read(self, index: int) -> memoryview:
        """A piece from the disk, in a buffer that the next one overwrites."""
        window = memoryview(self._window)[: self._pieces.length(index)]
        return window[: os.preadv(self._disk, [window], self._pieces.start(index))]

    def _check(self, found: str) -> None:
        if found == self._file.digest.hex:
            return
        self._part.unlink(missing_ok=True)
        self._journal.remove()
        raise DigestMismatch(
            f"{self._file.name} arrived with the digest {found[:12]}…, and the registry names "
            f"{self._file.digest.hex[:12]}…: it was thrown away."
        )

    def _complete(self) -> None:
        try:
            os.fsync(self._disk)
            self._part.rename(self._path)
        except OSError as error:
            raise storage_error(error, self._path.parent) from None
        self._journal.remove()
        sync_folder(self._path.parent)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)
        except OSError as error:
            raise storage_error(error, self._part.parent) from None

    def _refuse_other_file(self, answer: Answer) -> None:
        """Notice early that the bytes are of another version than the one that is meant."""
        linked, own = answer.linked_etag, self._file.digest
        if len(linked) == 64 and not own.git and linked != own.hex:
            raise RegistryAnswer(
                f"{self._file.name} is not the file that the repository lists: it was changed.",
                next_step="Start again; a pinned revision never changes.",
            )
        etag = answer.response.headers.get("ETag", "")
        if not etag or etag.startswith("W/") or not self._trust_etag:
            return
        if self._journal.etag and etag != self._journal.etag:
            raise Changed
        if not self._journal.etag:
            self._journal.note_etag(etag[:256])

    def _refuse_other_range(self, answer: Answer, start: int, stop: int) -> None:
        match = _CONTENT_RANGE.match(answer.response.headers.get("Content-Range", ""))
        if not match or (int(match[1]), int(match[2])) != (start, stop - 1):
            raise Transient("other bytes came than were asked for")
        if match[3] not in ("*", str(self._file.size)):
            raise Transient(f"the file has {match[3]} bytes, and not {self._file.size}")

    def _refuse_page(self, answer: Answer) -> None:
        """A server that ignores ranges sends the whole file, or it is no file at all."""
        if answer.response.content_type == "text/html":
            raise RegistryAnswer(
                f"{answer.response.url.host} answered a web page instead of {self._file.name}.",
                next_step="Look whether a proxy or a sign-in page stands between.",
            )
        length = answer.response.content_length
        if length is not None and length != self._file.size:
            raise Transient(f"the file has {length} bytes, and not {self._file.size}")


def _first(failures: BaseExceptionGroup[BaseException]) -> BaseException:
    """One failure of a group: the first that is not itself a group."""
    failure: BaseException = failures
    while isinstance(failure, BaseExceptionGroup):
        failure = failure.exceptions[0]
    return failure
