"""A Hub name → the exact files at an exact commit.

API: https://huggingface.co/docs/hub/api (``/api/models/{repo}/revision/{rev}``
and ``/tree/{commit}``). Every part of an answer is checked: it may be hostile.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from inference.errors import RegistryAnswer
from inference.models import LocalModel, Source
from inference.pull import choice
from inference.pull.transport import Transport, target
from inference.pull.values import LARGEST_FILE, Digest, RemoteFile, Resolved
from inference.refs import HuggingFaceRef

_COMMIT = re.compile(r"[0-9a-f]{40}\Z")
_SHA256 = re.compile(r"[0-9a-f]{64}\Z")
_NEXT = re.compile(r'<([^<>]{1,2000})>\s*;\s*rel="next"')


def resolve(transport: Transport, hub: str, ref: HuggingFaceRef, asked_projector: str) -> Resolved:
    """Read what a name means now. ``asked_projector`` is ``auto``, ``none`` or a file's name."""
    name = str(ref)
    commit = _commit(transport, hub, ref)
    files = _files(transport, hub, ref, commit)
    if ref.file:
        group = choice.exact(files, ref.file, name)
    else:
        group = choice.choose(files, ref.quantisation, name)
    chosen = tuple(files[path] for path in group.paths)
    beside = choice.projector(files, group.first) if asked_projector == "auto" else ""
    draft = LocalModel(
        name=name,
        source=Source.HUGGING_FACE,
        files=(),
        digest=_whole_digest(chosen),
        revision=commit,
        quantisation=group.label,
        modified=datetime.now(UTC),
    )
    return Resolved(draft, chosen, files[beside] if beside else None)


def resolve_file(transport: Transport, hub: str, ref: HuggingFaceRef) -> RemoteFile:
    """One exact file, such as a projector of another repository."""
    commit = _commit(transport, hub, ref)
    files = _files(transport, hub, ref, commit)
    return files[choice.exact(files, ref.file, str(ref)).first]


def _commit(transport: Transport, hub: str, ref: HuggingFaceRef) -> str:
    """The commit that a revision stands for now."""
    if _COMMIT.match(ref.revision):
        return ref.revision
    revision = quote(ref.revision or "main", safe="")
    url = f"{hub}/api/models/{ref.repo_id}/revision/{revision}"
    answer, _ = transport.get_json(url, str(ref))
    commit = answer.get("sha") if isinstance(answer, dict) else None
    if not isinstance(commit, str) or not _COMMIT.match(commit):
        raise RegistryAnswer(f"Hugging Face names no commit of {ref}.")
    return commit


def _files(
    transport: Transport, hub: str, ref: HuggingFaceRef, commit: str
) -> Mapping[str, RemoteFile]:
    """Every GGUF file of the repository at a commit, by path."""
    found: dict[str, RemoteFile] = {}
    url = f"{hub}/api/models/{ref.repo_id}/tree/{commit}?recursive=true"
    for _ in range(transport.limits.tree_pages):
        entries, headers = transport.get_json(url, str(ref))
        if not isinstance(entries, list):
            raise RegistryAnswer(f"Hugging Face gives no list of the files of {ref}.")
        for entry in entries:
            if _is_gguf(entry):
                found[entry["path"]] = _remote(hub, ref, commit, entry)
        following = _NEXT.search(headers.get("Link", ""))
        if not following:
            return found
        url = target(url, following[1], str(ref))
        if not transport.is_hub(url):
            raise RegistryAnswer(f"The list of the files of {ref} goes on at another host.")
    raise RegistryAnswer(f"{ref} has more files than can be listed.")


def _is_gguf(entry: Any) -> bool:
    if not isinstance(entry, dict) or entry.get("type") != "file":
        return False
    path = entry.get("path")
    return isinstance(path, str) and len(path) <= 1000 and path.lower().endswith(".gguf")


def _remote(hub: str, ref: HuggingFaceRef, commit: str, entry: Mapping[str, Any]) -> RemoteFile:
    path, size, lfs = entry["path"], entry.get("size"), entry.get("lfs")
    sha256 = lfs.get("oid") if isinstance(lfs, dict) else None
    digest = Digest(sha256) if sha256 else Digest(str(entry.get("oid", "")), git=True)
    pattern = _COMMIT if digest.git else _SHA256
    if not isinstance(size, int) or not 0 < size <= LARGEST_FILE or not pattern.match(digest.hex):
        raise RegistryAnswer(f"Hugging Face tells no size and digest of {path[:200]!r}.")
    url = f"{hub}/{ref.repo_id}/resolve/{commit}/{quote(path)}"
    return RemoteFile(str(ref), url, path, size, digest)


def _whole_digest(files: tuple[RemoteFile, ...]) -> str:
    """The file's own digest; of a split model, the digest of its parts' digests."""
    if len(files) == 1 and not files[0].digest.git:
        return files[0].digest.hex
    lines = "".join(f"{file.digest}\n" for file in files)
    whole = Digest("").start(0)
    whole.update(lines.encode())
    return whole.hexdigest()
