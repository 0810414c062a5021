"""Fetch what the pages need from npm, check it, and write it to static/vendor/.

``python scripts/vendor_assets.py`` asks the registry for each package's
integrity hash, downloads the tarball, compares, and keeps only the files named
below. ``static/vendor/VENDORED.json`` tells what came from where.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

VENDOR = Path(__file__).resolve().parent.parent / "static" / "vendor"
ICONS = (
    *("search", "copy", "check", "download", "external-link", "circle-alert", "triangle-alert"),
    *("info", "key-round", "eye", "eye-off", "chevron-down", "chevron-right", "arrow-right"),
    *("lock", "heart", "refresh-cw", "file-check", "x", "cpu", "rotate-ccw"),
    *("square", "arrow-up", "arrow-down", "pencil", "image", "sliders-horizontal", "plus"),
    *("message-square", "trash-2", "code", "columns-2", "chevron-left", "plug"),
)


@dataclass(frozen=True)
class Package:
    """One npm package, and which of its files go where."""

    name: str
    version: str
    licence: str
    files: tuple[tuple[str, str], ...]


PACKAGES = (
    Package("htmx.org", "4.0.1", "0BSD", (("dist/htmx.min.js", "htmx.min.js"),)),
    Package(
        "@fontsource-variable/inter",
        "5.3.0",
        "OFL-1.1",
        (
            ("files/inter-latin-wght-normal.woff2", "inter-latin.woff2"),
            ("LICENSE", "inter-LICENSE.txt"),
        ),
    ),
    Package(
        "markdown-it",
        "15.0.3",
        "MIT",
        (
            ("dist/browser/markdown-it.umd.min.js", "markdown-it.min.js"),
            ("LICENSE", "markdown-it-LICENSE.txt"),
        ),
    ),
    Package(
        "dompurify",
        "3.4.18",
        "MPL-2.0 OR Apache-2.0",
        (("dist/purify.min.js", "purify.min.js"), ("LICENSE", "purify-LICENSE.txt")),
    ),
    Package("lucide-static", "1.62.0", "ISC", (("LICENSE", "lucide-LICENSE.txt"),)),
)


def _npm(*arguments: str) -> str:
    command = [shutil.which("npm") or sys.exit("npm is missing: install Node.js."), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def _check_integrity(data: bytes, integrity: str, what: str) -> None:
    algorithm, _, wanted = integrity.partition("-")
    found = base64.b64encode(hashlib.new(algorithm, data).digest()).decode()
    if found != wanted:
        sys.exit(f"{what}: the registry says {integrity}, the download is {algorithm}-{found}.")


def _tarball(package: Package, folder: Path) -> tuple[bytes, str]:
    """The package's bytes, checked, and the integrity they were checked against."""
    spec = f"{package.name}@{package.version}"
    integrity = _npm("view", spec, "dist.integrity")
    name = json.loads(_npm("pack", spec, "--json", "--pack-destination", str(folder)))
    listing = name[0] if isinstance(name, list) else next(iter(name.values()))
    data = (folder / listing["filename"].replace("@", "").replace("/", "-")).read_bytes()
    _check_integrity(data, integrity, spec)
    return data, integrity


def _members(data: bytes, wanted: set[str]) -> dict[str, bytes]:
    """Only the files asked for, read in memory: nothing is extracted by its own path."""
    found = {}
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        for member in archive:
            name = member.name.removeprefix("package/")
            file = archive.extractfile(member) if name in wanted and member.isfile() else None
            if file:
                found[name] = file.read()
    if missing := wanted - found.keys():
        sys.exit(f"The package lacks {', '.join(sorted(missing))}.")
    return found


def _without_map(name: str, data: bytes) -> bytes:
    """A script without the address of its source map, which is not kept here."""
    if not name.endswith(".js"):
        return data
    return re.sub(rb"\n//# sourceMappingURL=\S+\s*\Z", b"\n", data)


def _symbol(name: str, svg: str) -> str:
    inside = re.sub(r"<!--.*?-->|</?svg[^>]*>", "", svg, flags=re.DOTALL)
    return f'<symbol id="{name}" viewBox="0 0 24 24">{" ".join(inside.split())}</symbol>'


def _sprite(icons: dict[str, bytes]) -> bytes:
    symbols = "\n".join(_symbol(name, icons[f"icons/{name}.svg"].decode()) for name in ICONS)
    return f'<svg xmlns="http://www.w3.org/2000/svg">\n{symbols}\n</svg>\n'.encode()


def _record(package: Package, integrity: str, files: dict[str, bytes]) -> dict[str, object]:
    hashes = {name: hashlib.sha256(data).hexdigest() for name, data in sorted(files.items())}
    return {
        "package": package.name,
        "version": package.version,
        "licence": package.licence,
        "integrity": integrity,
        "files": hashes,
    }


def _vendor(package: Package, folder: Path) -> dict[str, object]:
    data, integrity = _tarball(package, folder)
    is_icons = package.name == "lucide-static"
    icons = {f"icons/{name}.svg" for name in ICONS} if is_icons else set()
    members = _members(data, {source for source, _ in package.files} | icons)
    files = {target: _without_map(target, members[source]) for source, target in package.files}
    if is_icons:
        files["icons.svg"] = _sprite(members)
    for name, content in files.items():
        (VENDOR / name).write_bytes(content)
    return _record(package, integrity, files)


def main() -> None:
    VENDOR.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        records = [_vendor(package, Path(folder)) for package in PACKAGES]
    text = json.dumps(records, indent=2, ensure_ascii=False)
    (VENDOR / "VENDORED.json").write_text(f"{text}\n")
    print(f"Wrote {VENDOR}: {', '.join(package.name for package in PACKAGES)}")


if __name__ == "__main__":
    main()
