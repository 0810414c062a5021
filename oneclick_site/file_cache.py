"""Files as the cache, which a clock that is set back does not keep alive for hours."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from django.core.cache.backends.filebased import FileBasedCache

# Another machine's clock, behind a shared folder, may be off by some of it.
LEEWAY_SECONDS = 60.0


class FileCache(FileBasedCache):
    """Forgets what seems to have been written in the future.

    An entry holds the moment of its end. After a start with a clock that runs
    ahead, and its correction, that moment would be hours or years away: what
    was out of reach for five seconds would stay so.
    """

    def _is_expired(self, f: Any) -> bool:
        if os.fstat(f.fileno()).st_mtime > time.time() + LEEWAY_SECONDS:
            f.close()
            Path(f.name).unlink(missing_ok=True)
            return True
        # django-stubs leaves the private method out.
        expired: bool = super()._is_expired(f)  # type: ignore[misc]
        return expired
