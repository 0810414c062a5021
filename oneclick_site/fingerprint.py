"""Which code this is: what another version cached must not be read as one's own."""

from __future__ import annotations

import hashlib
from pathlib import Path


def fingerprint(package: Path) -> str:
    """Twelve hexadecimal digits that change with any module of a package.

    Caches hold pickled values of our own classes. One that was made by other
    code may lack a field, or be of a class that is gone.
    """
    digest = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        digest.update(path.relative_to(package).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]
