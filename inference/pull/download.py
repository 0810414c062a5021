"""One file: parallel ranges, resumed from what is on disk, hashed while it lands."""

from __future__ import annotations

import math
import os
import re
import threading
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from inference.errors import (
    DigestMismatch,
    InferenceError,
    RegistryAnswer,
    StorageError,
    UnreadableModel,
)
from inference.models import MAGIC
from inference.pull.buffers import Buffers
from inference.pull.connection import FAILURES, Connection
from inference.pull.disk import journal_of, part_of, sync_folder, told_as_storage
from inference.pull.journal import Journal
from inference.pull.pace import Pace
from inference.pull.pieces import Pieces
from inference.pull.progress import Meter, Stage
from inference.pull.refusals import Changed, Transient
from inference.pull.stopping import Stopped
from inference.pull.transport import Answer, Transport
from inference.pull.values import Hash, RemoteFile

# Bytes that are read back at once to be hashed: they stay in the processor's cache.
WINDOW = 1 << 20
# Bytes that are written at once. For more of them Linux takes large folios, which is memory
# that nobody used of late: where a host lends a virtual machine its memory page by page,
# each of them costs a fault (docs/benchmarks.md, “Pulling weights”).
WRITE = 64 << 10
# Bytes after which the disk is told to write what it has.
FLUSH = 64 << 20
_CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18}|\*)\Z")


def download(transport: Transport, file: RemoteFile, path: Path, meter: Meter) -> None:
    """Put a verified file at ``path``, or raise an InferenceError.

    Until it is complete it lies at ``path`` + ``.part`` with its journal
    beside it; what is there already is not downloaded again.
    """
    for trust_etag in (True, False):
        with told_as_storage(path.parent):
            running = _Download(transport, file, path, meter, trust_etag=trust_etag)
        try:
            running.run()
            return
        except Changed:
            running.begin_anew()
        finally:
            running.close()


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
        self._pieces = Pieces(file.size, self._journal.piece, self._journal.pieces)
        self._resumed = frozenset(self._journal.pieces)
        self._news = threading.Condition()
        self._sequential = threading.Lock()
        self._over = threading.Event()
        self._pace = Pace(self._limits)
        self._buffers = Buffers(min(file.size, self._journal.piece))
        self._window = memoryview(bytearray(WINDOW))
        self._hashed = 0
        self._landed = 0
        self._location = ""
        meter.expect(str(file.digest), file.name, self._pieces.stored_bytes, file.size)

    def run(self) -> None:
        """Download what is missing, and see that the whole is what the registry names.

        Every thread has ended when this returns or raises: a late write must
        not reach another file that got the same number.
        """
        self._meter.stage(Stage.DOWNLOADING)
        count = self._limits.connections
        with ExitStack() as stack, ThreadPoolExecutor(count + 2, "pull") as pool:
            connections = [stack.enter_context(self._transport.connection()) for _ in range(count)]
            hashing = pool.submit(self._hash)
            running: list[Future[Any]] = [hashing, pool.submit(self._flush)]
            running += [pool.submit(self._work, *each) for each in enumerate(connections)]
            ended, _ = wait(running, return_when=FIRST_EXCEPTION)
            self._end()
            for connection in connections:
                connection.stop()
        for future in ended:
            future.result()
        self._check(hashing.result())
        self._complete()

    def begin_anew(self) -> None:
        """Throw away what is on disk: it belongs to another version of the file."""
        self._journal.clear()
        os.ftruncate(self._disk, 0)

    def close(self) -> None:
        os.close(self._disk)
        self._journal.close()

    def _end(self) -> None:
        """Let every thread that waits for news end."""
        with self._news:
            self._over.set()
            self._news.notify_all()

    def _work(self, number: int, connection: Connection) -> None:
        self._pace.join(number, self._over)
        failures, landed = 0, 0
        while (run := self._next()) is not None:
            try:
                self._stream(connection, run)
            except (Transient, *FAILURES) as error:
                connection.close()
                self._give_back(run)
                failures = failures + 1 if self._landed == landed else 1
                landed = self._landed
                self._transport.wait(connection, failures, error, self._file.model)
            else:
                failures = 0

    def _next(self) -> range | None:
        """The next run of missing pieces; None once the whole file is hashed."""
        with self._news:
            while not self._over.is_set():
                is_behind = self._is_behind()
                most = self._pace.share(self._pieces.missing, is_behind=is_behind)
                run = None if is_behind and self._is_far_ahead() else self._pieces.take(most)
                if run is not None:
                    return run
                self._news.wait()
        return None

    def _is_behind(self) -> bool:
        """Whether what arrived waits to be hashed."""
        return self._hashed not in self._resumed and self._pieces.is_stored(self._hashed)

    def _is_far_ahead(self) -> bool:
        """Whether what would arrive next would only wait longer."""
        first = self._pieces.first_missing
        return first is not None and first >= self._hashed + self._limits.lead

    def _give_back(self, run: range) -> None:
        with self._news:
            self._pieces.put_back(run)
            self._news.notify_all()

    def _stream(self, connection: Connection, run: range) -> None:
        start = self._pieces.start(run[0])
        stop = self._pieces.start(run[-1]) + self._pieces.length(run[-1])
        url, known = self._location or self._file.url, self._location
        headers = {"Range": f"bytes={start}-{stop - 1}"}
        try:
            answer = self._transport.ask(connection, url, self._file.model, headers)
            self._take(connection, answer, start, stop)
        except InferenceError as error:
            if not known or isinstance(error, (UnreadableModel, StorageError)):
                raise
            self._location = ""
            raise Transient(f"the link to the file ended: {error}") from None
        except (Transient, *FAILURES):
            self._location = ""
            raise

    def _take(self, connection: Connection, answer: Answer, start: int, stop: int) -> None:
        self._refuse_other_file(answer)
        if answer.response.status == 206:
            self._refuse_other_range(answer, start, stop)
            self._location = answer.url
            self._receive(connection, start, stop)
            return
        self._refuse_page(answer)
        connection.deadline = math.inf
        with self._sequential:
            if not self._pieces.is_stored(start // self._pieces.piece):
                self._receive(connection, 0, self._file.size)

    def _receive(self, connection: Connection, start: int, stop: int) -> None:
        """Store what comes in, piece by piece, each once it is whole."""
        index = start // self._pieces.piece
        while self._pieces.start(index) < stop:
            memory, length = self._buffers.take(), self._pieces.length(index)
            if connection.receive(memory[:length]) < length:
                raise Transient("the connection ended early")
            if self._pieces.is_stored(index):
                self._buffers.give_back(memory)
            else:
                self._land(index, memory)
            index += 1
        if connection.receive(memoryview(bytearray(1))):
            raise Transient("more bytes came than were asked for")

    def _land(self, index: int, memory: memoryview) -> None:
        data = memory[: self._pieces.length(index)]
        if index == 0 and data[: len(MAGIC)] != MAGIC:
            raise UnreadableModel(f"{self._file.name} is not a GGUF file.")
        with told_as_storage(self._path.parent):
            self._write(self._pieces.start(index), data)
        with self._news:
            with told_as_storage(self._path.parent):
                self._journal.add(index)
            self._buffers.keep(index, memory, hashed=self._hashed)
            self._pieces.store(index)
            self._landed += 1
            self._pace.received()
            self._meter.received(str(self._file.digest), len(data))
            if self._pieces.is_complete:
                self._meter.stage(Stage.VERIFYING)
            self._news.notify_all()

    def _write(self, offset: int, data: memoryview) -> None:
        while data:
            written = os.pwrite(self._disk, data[:WRITE], offset)
            offset, data = offset + written, data[written:]

    def _hash(self) -> str:
        """Hash the file in order, following the pieces as they land."""
        digest = self._file.digest.start(self._file.size)
        for index in range(self._pieces.count):
            self._wait_for(index)
            with self._pace.hashing(is_new=index not in self._resumed):
                self._feed(digest, index)
            with self._news:
                self._hashed = index + 1
                self._news.notify_all()
        self._end()
        return digest.hexdigest()

    def _feed(self, digest: Hash, index: int) -> None:
        """Hash one piece: from memory where it has just come, else from the file."""
        length, memory = self._pieces.length(index), self._buffers.kept(index)
        if memory is not None:
            digest.update(memory[:length])
            self._buffers.give_back(memory)
            return
        stop = self._pieces.start(index) + length
        for offset in range(self._pieces.start(index), stop, WINDOW):
            window = self._window[: stop - offset]
            with told_as_storage(self._path.parent):
                digest.update(window[: os.preadv(self._disk, [window], offset)])

    def _wait_for(self, index: int) -> None:
        """Wait until a piece is on disk. Raises Stopped."""
        with self._news:
            self._news.wait_for(lambda: self._over.is_set() or self._pieces.is_stored(index))
            if self._over.is_set() or self._transport.is_stopped:
                raise Stopped

    def _flush(self) -> None:
        """Have the disk write while the network still brings bytes, and not only at the end."""
        step = due = max(1, FLUSH // self._pieces.piece)
        while self._has_landed(due):
            written = len(self._journal.pieces)
            with told_as_storage(self._path.parent):
                os.fdatasync(self._disk)
                self._journal.synced(written)
            due = self._landed + step

    def _has_landed(self, count: int) -> bool:
        """Wait until so many pieces have landed; False where the whole file is here before."""
        with self._news:
            self._news.wait_for(lambda: self._over.is_set() or self._landed >= count)
            return not self._over.is_set()

    def _check(self, found: str) -> None:
        if found == self._file.digest.hex:
            return
        if self._resumed:
            raise Changed
        self._part.unlink(missing_ok=True)
        self._journal.remove()
        raise DigestMismatch(
            f"{self._file.name} arrived with the digest {found[:12]}…, and the registry names "
            f"{self._file.digest.hex[:12]}…: it was thrown away."
        )

    def _complete(self) -> None:
        with told_as_storage(self._path.parent):
            os.fsync(self._disk)
            self._part.rename(self._path)
        self._journal.remove()
        sync_folder(self._path.parent)

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
            with told_as_storage(self._path.parent):
                self._journal.note_etag(etag[:256])

    def _refuse_other_range(self, answer: Answer, start: int, stop: int) -> None:
        match = _CONTENT_RANGE.match(answer.response.headers.get("Content-Range", ""))
        if not match or (int(match[1]), int(match[2])) != (start, stop - 1):
            raise Transient("other bytes came than were asked for")
        if match[3] not in ("*", str(self._file.size)):
            raise Transient(f"the file has {match[3]} bytes, and not {self._file.size}")

    def _refuse_page(self, answer: Answer) -> None:
        """A server that ignores ranges sends the whole file, or it is no file at all."""
        if answer.response.headers.get_content_type() == "text/html":
            raise RegistryAnswer(
                f"{answer.host} answered a web page instead of {self._file.name}.",
                next_step="Look whether a proxy or a sign-in page stands between.",
            )
        length = answer.response.length
        if length is not None and length != self._file.size:
            raise Transient(f"the file has {length} bytes, and not {self._file.size}")
