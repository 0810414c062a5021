"""Pulling a file beside curl, aria2, ``hf download`` and a plain copy, from nginx on this machine.

    python -m benchmarks.pull_compare [--mib 1024] [--folder /dev/shm] [--rounds 3]

nginx sends the file and speaks as much of the Hub as the clients ask for. The
ways after curl verify the SHA-256, but for ``hf download``; what is only received, and a
file that is only hashed, tell what no way can be faster than. A program that is
not installed is left out. ``--folder`` says where everything lies: in memory
the programs are measured, on a disk mostly the disk. With ``--sync`` each time
ends when the file is safe on the disk, which our pull waits for in any case. With
``--tls`` all of it goes over HTTPS, as it does from the registries.
"""

from __future__ import annotations

import argparse
import compileall
import getpass
import hashlib
import json
import os
import random
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import inference
from benchmarks.servers import free_port, started

MIB = 1 << 20
REPO, FILE, COMMIT = "user/repo", "model-Q8_0.gguf", "5f0b02c75b57c5855da9ae460ce51323ea669d8a"
CONFIG = """
user {user}; worker_processes 1; daemon off; error_log stderr; pid {folder}/nginx.pid;
events {{}}
http {{
  access_log off; sendfile on; default_type application/json;
  client_body_temp_path {folder}/t; proxy_temp_path {folder}/t; fastcgi_temp_path {folder}/t;
  uwsgi_temp_path {folder}/t; scgi_temp_path {folder}/t;
  server {{
    listen 127.0.0.1:{port};
    {tls}
    location = /health {{ return 200 "{{}}"; }}
    location /api/models/{repo}/revision/ {{ return 200 '{info}'; }}
    location /api/models/{repo}/tree/ {{ return 200 '{tree}'; }}
    location ~ ^/{repo}/resolve/[^/]+/(?<name>.+)$ {{
      etag off; add_header ETag '"{digest}"'; add_header X-Repo-Commit {commit};
      add_header X-Linked-Etag '"{digest}"'; add_header X-Linked-Size {size};
      alias {folder}/$name;
    }}
    location /blobs/ {{ alias {folder}/; }}
  }}
}}
"""


@dataclass(frozen=True)
class Source:
    """Where the file is, and how it is asked for."""

    path: Path
    hub: str
    digest: str
    certificate: Path | None = None

    @property
    def url(self) -> str:
        return f"{self.hub}/blobs/{FILE}"


@dataclass(frozen=True)
class Taken:
    """What one way took: seconds, and seconds of CPU."""

    seconds: float
    cpu: float


Way = Callable[[Source, Path], list[str]]


def _copy(source: Source, target: Path) -> list[str]:
    return ["cp", str(source.path), str(target / FILE)]


def _curl(source: Source, target: Path) -> list[str]:
    return ["curl", "--silent", "--fail", "--output", str(target / FILE), source.url]


def _received(source: Source, _target: Path) -> list[str]:
    return ["curl", "--silent", "--fail", "--output", "/dev/null", source.url]


def _hashed(source: Source, _target: Path) -> list[str]:
    return ["openssl", "dgst", "-sha256", str(source.path)]


def _curl_then(program: str) -> Way:
    """Two passes: download, then hash what lies on the disk."""

    def way(source: Source, target: Path) -> list[str]:
        path = target / FILE
        return _shell(f"curl --silent --fail --output {path} {source.url} && {program} {path}")

    return way


def _curl_and(program: str) -> Way:
    """One pass: hash what flows by."""

    def way(source: Source, target: Path) -> list[str]:
        return _shell(f"curl --silent --fail {source.url} | tee {target / FILE} | {program}")

    return way


def _shell(line: str) -> list[str]:
    return ["sh", "-c", line]


def _aria2(source: Source, target: Path) -> list[str]:
    many = ["--max-connection-per-server=8", "--split=8", "--min-split-size=4M"]
    check = ["--file-allocation=none", f"--checksum=sha-256={source.digest}"]
    return ["aria2c", "--quiet", *many, *check, f"--dir={target}", f"--out={FILE}", source.url]


def _hf(_source: Source, target: Path) -> list[str]:
    return [_beside_python("hf"), "download", REPO, FILE, "--local-dir", str(target)]


def _ours(source: Source, target: Path) -> list[str]:
    where = ["--models-dir", str(target), "--hugging-face-url", source.hub]
    return [sys.executable, "-m", "inference", "pull", f"hf.co/{REPO}@{COMMIT}/{FILE}", *where]


WAYS: dict[str, Way] = {
    "cp": _copy,
    "curl": _curl,
    "only received": _received,
    "only hashed": _hashed,
    "curl, then sha256sum": _curl_then("sha256sum"),
    "curl to tee to sha256sum": _curl_and("sha256sum"),
    "curl to tee to openssl dgst": _curl_and("openssl dgst -sha256"),
    "aria2c, 8 connections": _aria2,
    "hf download, not verified": _hf,
    "ours, verified": _ours,
}


def compare(
    size: int, folder: Path, rounds: int, names: Collection[str], *, sync: bool, tls: bool
) -> None:
    """Print the table."""
    # As the image has it: compiling is no part of a start there.
    compileall.compile_dir(inference.__path__[0], quiet=1)
    with (
        tempfile.TemporaryDirectory(dir=folder) as place,
        _served(Path(place), size, tls=tls) as source,
    ):
        ways = [name for name in names if shutil.which(WAYS[name](source, folder)[0])]
        taken: dict[str, list[Taken]] = {name: [] for name in ways}
        for number in range(rounds):
            for name in ways if number % 2 == 0 else reversed(ways):
                taken[name].append(_take(WAYS[name], source, sync=sync))
    middle = {name: _middle(each.seconds for each in found) for name, found in taken.items()}
    print("| way | MiB/s | least – greatest | × cp | × curl | CPU s/GiB |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for name, found in taken.items():
        speeds = [size / MIB / each.seconds for each in found]
        cpu = _middle(each.cpu for each in found) / size * (1 << 30)
        spread = f"{min(speeds):.0f} – {max(speeds):.0f}"
        ratios = " | ".join(f"{middle[base] / middle[name]:.2f}" for base in ("cp", "curl"))
        print(f"| {name} | {size / MIB / middle[name]:.0f} | {spread} | {ratios} | {cpu:.2f} |")


def _middle(values: Iterable[float]) -> float:
    return statistics.median(values)


def _take(way: Way, source: Source, *, sync: bool) -> Taken:
    with tempfile.TemporaryDirectory(dir=source.path.parent.parent) as target:
        command = way(source, Path(target))
        began, cpu = time.monotonic(), _cpu()
        done = subprocess.run(command, env=_environ(source), capture_output=True, check=False)
        if done.returncode:
            sys.exit(f"{command} failed: {done.stderr.decode()}")
        if sync:
            os.sync()
        return Taken(time.monotonic() - began, _cpu() - cpu)


def _cpu() -> float:
    """Seconds of CPU of all processes that have ended so far; nginx is not among them."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _environ(source: Source) -> dict[str, str]:
    own = {"HF_ENDPOINT": source.hub, "HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
    names = ("SSL_CERT_FILE", "CURL_CA_BUNDLE") if source.certificate else ()
    trusted = dict.fromkeys(names, str(source.certificate))
    return {**os.environ, **own, **trusted, "HF_HOME": str(source.path.parent)}


@contextmanager
def _served(place: Path, size: int, *, tls: bool) -> Iterator[Source]:
    """A file of random bytes that begins as a GGUF, and nginx before it."""
    folder, port, secured = place / "served", free_port(), free_port()
    folder.mkdir()
    path = folder / FILE
    digest = _write(path, size)
    entry = {"type": "file", "oid": "0" * 40, "size": size, "path": FILE}
    lfs = {"oid": digest, "size": size, "pointerSize": 134}
    info = {"id": REPO, "sha": COMMIT, "gated": False, "siblings": [{"rfilename": FILE}]}
    (folder / "nginx.conf").write_text(
        CONFIG.format(
            folder=folder,
            user=getpass.getuser(),
            port=port,
            tls=_tls(folder, secured) if tls else "",
            repo=REPO,
            commit=COMMIT,
            digest=digest,
            size=size,
            info=json.dumps(info),
            tree=json.dumps([{**entry, "lfs": lfs}]),
        )
    )
    command = [_program("nginx"), "-c", str(folder / "nginx.conf"), "-p", str(folder)]
    with started(command, port):
        if tls:
            yield Source(path, f"https://127.0.0.1:{secured}", digest, folder / "certificate.pem")
        else:
            yield Source(path, f"http://127.0.0.1:{port}", digest)


def _tls(folder: Path, port: int) -> str:
    """A certificate of its own for nginx, and the lines that take it."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    own = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    named = ["-days", "2", "-subj", "/CN=benchmark", "-addext", "subjectAltName=IP:127.0.0.1"]
    where = ["-keyout", str(key), "-out", str(certificate)]
    command = [_program("openssl"), "req", *own, *named, *where]
    subprocess.run(command, check=True, capture_output=True)
    lines = (f"listen 127.0.0.1:{port} ssl", f"ssl_certificate {certificate}")
    return "".join(f"{line}; " for line in (*lines, f"ssl_certificate_key {key}"))


def _write(path: Path, size: int) -> str:
    """Write the file; answers its SHA-256."""
    digest, draw = hashlib.sha256(), random.Random(3)
    with path.open("wb") as file:
        for start in range(0, size, MIB):
            block = draw.randbytes(min(MIB, size - start))
            block = b"GGUF\x03" + block[5:] if start == 0 else block
            digest.update(block)
            file.write(block)
    return digest.hexdigest()


def _beside_python(name: str) -> str:
    return str(Path(sys.executable).with_name(name))


def _program(name: str) -> str:
    return shutil.which(name) or sys.exit(f"Install it first: apt-get install {name}")


def main() -> None:
    """Print the table."""
    known = f"beside cp and curl, of: {', '.join(WAYS)}"
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--mib", type=int, default=1024)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sync", action="store_true", help="wait for the disk each time")
    parser.add_argument("--tls", action="store_true", help="over HTTPS")
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=WAYS, metavar="WAY", help=known)
    told = parser.parse_args()
    ways = ("cp", "curl", *(name for name in told.ways if name not in ("cp", "curl")))
    size = told.mib * MIB
    compare(size, told.folder, told.rounds, ways, sync=told.sync, tls=told.tls)


if __name__ == "__main__":
    main()
