"""Files as the cache: a clock that is set back, or a full disk, takes no page with it."""

from __future__ import annotations

import fcntl
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from django.core.cache.backends.base import DEFAULT_TIMEOUT
from django.core.cache.backends.filebased import FileBasedCache
from django.core.cache.backends.locmem import LocMemCache

# Another machine's clock, behind a shared folder, may be off by some of it.
LEEWAY_SECONDS = 60.0
# Values written by a process until it looks again whether there are too many: that lists the
# whole folder, which with 20,000 entries takes as long as a page.
LOOK_EVERY = 100
_LOCK = "lock"
_MISSING = object()
_log = logging.getLogger(__name__)


class _Folder:
    """One folder as this process sees it, and what could not be written there."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.memory = LocMemCache(f"file-cache {path}", {})
        self.is_away = False
        self.written = 0

    def leave(self, error: OSError) -> None:
        if not self.is_away:
            self.is_away = True
            told = "the cache's folder %s cannot be used, each process keeps its own: %s"
            _log.warning(told, self.path, error.strerror)

    def come_back(self) -> None:
        if self.is_away:
            self.is_away = False
            self.memory.clear()
            _log.warning("the cache's folder %s can be used again", self.path)


# Django makes a cache object for each request under ASGI.
_folders: dict[str, _Folder] = {}


class FileCache(FileBasedCache):
    """Forgets what seems to be from the future, and keeps in memory what no file can take.

    An entry holds the moment of its end. After a start with a clock that runs
    ahead, and its correction, that moment would be hours or years away: what
    was out of reach for five seconds would stay so.
    """

    def __init__(self, folder: str, params: dict[str, Any]) -> None:
        self._folder = _folders.get(folder) or _folders.setdefault(folder, _Folder(folder))
        try:
            super().__init__(folder, params)
        except OSError as error:  # the folder is made as the last thing
            self._folder.leave(error)

    @property
    def is_away(self) -> bool:
        """Whether the last write found the folder full, or not to be written to."""
        return self._folder.is_away

    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        if self.is_away:
            found = self._folder.memory.get(key, _MISSING, version=version)
            if found is not _MISSING:
                return found
        try:
            return super().get(key, default, version)
        except OSError as error:
            self._folder.leave(error)
            return default
        except Exception:  # pickle raises whatever a file makes it do that a crash left
            self.delete(key, version)
            return default

    def has_key(self, key: Any, version: int | None = None) -> bool:
        return self.get(key, _MISSING, version) is not _MISSING

    def set(
        self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None
    ) -> None:
        try:
            super().set(key, value, timeout, version)
        except OSError as error:
            self._folder.leave(error)
            self._folder.memory.set(key, value, timeout, version)
        else:
            self._folder.come_back()

    def add(
        self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None
    ) -> bool:
        with self._alone():
            added: bool = super().add(key, value, timeout, version)
            return added

    def incr(self, key: Any, delta: int = 1, version: int | None = None) -> int:
        with self._alone():
            counted: int = super().incr(key, delta, version)
            return counted

    def delete(self, key: Any, version: int | None = None) -> bool:
        was_kept = self._folder.memory.delete(key, version)
        try:
            return super().delete(key, version) or was_kept
        except OSError as error:
            self._folder.leave(error)
            return was_kept

    def _cull(self) -> None:
        self._folder.written += 1
        if self._folder.written % LOOK_EVERY == 0:
            super()._cull()  # type: ignore[misc]  # a private one, which django-stubs leaves out

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep other threads and processes out between a look and what is written after it."""
        lock = self._lock()
        try:
            yield
        finally:
            if lock is not None:
                os.close(lock)

    def _lock(self) -> int | None:
        """An open file that nobody else has locked, as far as the folder can do that."""
        folder = Path(self._folder.path)
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = os.open(folder / _LOCK, os.O_WRONLY | os.O_CREAT, 0o600)
        except OSError as error:
            self._folder.leave(error)
            return None
        with suppress(OSError):
            fcntl.flock(lock, fcntl.LOCK_EX)
        return lock

    def _is_expired(self, f: Any) -> bool:
        if os.fstat(f.fileno()).st_mtime > time.time() + LEEWAY_SECONDS:
            f.close()
            Path(f.name).unlink(missing_ok=True)
            return True
        # django-stubs leaves the private method out.
        expired: bool = super()._is_expired(f)  # type: ignore[misc]
        return expired
