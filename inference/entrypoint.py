"""The image's start: take over the volume as root, then serve as nobody in particular.

A fresh volume on Akash belongs to root, and no group is set for it: an image
that starts as another user could not write there. So the start is root's, and
everything after it is not. Standard library only.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

USER = GROUP = 10001
HOME = "/home/runtime"
DEVICES = ("/dev/nvidia*", "/dev/dri/*", "/dev/kfd")


def main() -> None:
    """Prepare, drop every privilege, and become ``python -m inference``."""
    volume = Path(os.environ.get("MODELS_DIR") or "/models")
    environ = environment(os.environ, volume)
    if os.geteuid() == 0:
        take_over(volume, Path(environ["CUDA_CACHE_PATH"]))
        drop_privileges()
    command = [sys.executable, "-m", "inference", *(sys.argv[1:] or ["serve"])]
    os.execve(sys.executable, command, environ)  # noqa: S606  (an argument list, no shell)


def environment(given: Mapping[str, str], volume: Path) -> dict[str, str]:
    """The server's environment: kernels that CUDA compiles are kept on the volume."""
    own = {"MODELS_DIR": str(volume), "CUDA_CACHE_PATH": str(volume / ".cuda-cache"), "HOME": HOME}
    kept = {name: value for name, value in given.items() if value or name not in own}
    return {**own, **kept, "HOME": HOME}


def take_over(*folders: Path) -> None:
    """Make folders, and everything in them, the runtime's own.

    A volume that cannot be taken over is left as it is: the server says so
    when it cannot write there.
    """
    for folder in folders:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for path in (folder, *_inside(folder)):
                if path.lstat().st_uid != USER:
                    os.chown(path, USER, GROUP, follow_symlinks=False)
        except OSError as error:
            sys.stderr.write(f"{folder} cannot be taken over: {error.strerror}.\n")


def drop_privileges() -> None:
    """Be the unprivileged user for good, with no group but its own and the GPUs'."""
    groups = {path.stat().st_gid for path in _devices()} - {0}
    os.setgroups(sorted(groups | {GROUP}))
    os.setgid(GROUP)
    os.setuid(USER)


def _inside(folder: Path) -> Iterator[Path]:
    for place, folders, files in os.walk(folder):
        yield from (Path(place, name) for name in (*folders, *files))


def _devices() -> Iterator[Path]:
    root = Path("/")
    for pattern in DEVICES:
        yield from root.glob(pattern.removeprefix("/"))


if __name__ == "__main__":
    main()
