"""A Hugging Face Hub over real HTTP: its API, its redirects, a CDN beside it.

    with HuggingFaceStandIn() as hub:
        settings.HUGGING_FACE_URL = hub.url

It comes with the models of :mod:`tests.standins.huggingface_models`; add more
with :meth:`HuggingFaceStandIn.add`. Wire format: https://huggingface.co/docs/hub/api
and what the Hub answered in autumn 2026.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, urlencode

from tests.standins import huggingface_models as models
from tests.standins.huggingface_repo import Repo
from tests.standins.server import Reply, Request, StandIn, content, json, redirect

API_PAGE = 1000
TREE_PAGE = 4
_REPO = r"(?P<repo>[^/]+/[^/]+)"
_FILE = r"(?P<path>.+)"


class HuggingFaceStandIn:
    """The Hub and its CDN, two servers on two ports; the Hub's faults are ``hub.…``."""

    def __init__(self, repos: Sequence[Repo] | None = None) -> None:
        self.hub = StandIn()
        self.cdn = StandIn()
        self.repos: dict[str, Repo] = {}
        self.renamed: dict[str, str] = {}
        self.tokens: set[str] = set()
        if repos is None:
            self.renamed.update(models.RENAMED)
        for repo in models.REPOS if repos is None else repos:
            self.add(repo)
        self._route()

    @property
    def url(self) -> str:
        return self.hub.url

    def add(self, repo: Repo) -> None:
        """Put a repository on the Hub, or replace it."""
        self.repos[repo.id] = repo

    def start(self) -> Self:
        self.hub.start()
        self.cdn.start()
        return self

    def stop(self) -> None:
        self.hub.stop()
        self.cdn.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _route(self) -> None:
        add = self.hub.route
        add("GET", r"/api/models", self._list)
        add("GET", rf"/api/models/{_REPO}", self._with_repo(_info))
        add("GET", rf"/api/models/{_REPO}/revision/(?P<revision>.+)", self._with_repo(_info))
        add("GET", rf"/api/models/{_REPO}/tree/(?P<revision>[^/]+)", self._with_repo(self._tree))
        add(
            "GET",
            rf"/{_REPO}/resolve/(?P<revision>[^/]+)/(?P<path>.+)",
            self._with_repo(self._file),
        )
        add(
            "GET",
            r"/api/resolve-cache/models/(?P<repo>[^/]+/[^/]+)/[^/]+/(?P<path>.+)",
            self._small,
        )
        self.cdn.route("GET", r"/(?P<etag>[0-9a-f]{64})", self._blob)

    def _with_repo(self, answer: Callable[[Request, Repo], Reply]) -> Callable[[Request], Reply]:
        """Follow a rename, refuse what the caller may not see, check the revision."""

        def handle(request: Request) -> Reply:
            name = request.args["repo"]
            if name in self.renamed:
                return redirect(request.target.replace(name, self.renamed[name], 1), 307)
            repo = self.repos.get(name)
            if repo is None or (repo.private and not self._is_known(request)):
                return self._missing(request)
            revision = request.args.get("revision", "main")
            if revision not in ("main", repo.sha):
                return _error(404, "RevisionNotFound", f"Invalid rev id: {revision}")
            return answer(request, repo)

        return handle

    def _is_known(self, request: Request) -> bool:
        return request.headers.get("authorization", "").removeprefix("Bearer ") in self.tokens

    def _missing(self, request: Request) -> Reply:
        if self._is_known(request):
            return _error(404, "RepoNotFound", "Repository not found")
        realm = {"WWW-Authenticate": 'Bearer realm="Authentication required", charset="UTF-8"'}
        message = "Invalid username or password."
        return json({"error": message}, 401, {**realm, "X-Error-Message": message})

    def _list(self, request: Request) -> Reply:
        found = [
            repo for repo in self.repos.values() if not repo.private and _matches(repo, request)
        ]
        sort = request.first("sort", "trendingScore")
        found.sort(key=lambda repo: repo.listed().get(sort) or 0, reverse=True)
        limit = min(int(request.first("limit", str(API_PAGE))), API_PAGE)
        start = int(request.first("cursor", "0"))
        items = [_expanded(repo, request.query.get("expand", [])) for repo in found[start:]][:limit]
        has_more = start + limit < len(found)
        return json(items, headers=self._next(request, start + limit) if has_more else None)

    def _next(self, request: Request, cursor: int) -> dict[str, str]:
        pairs = [(k, v) for k, values in request.query.items() for v in values if k != "cursor"]
        query = urlencode([*pairs, ("cursor", str(cursor))])
        return {"Link": f'<{self.url}{quote(request.path)}?{query}>; rel="next"'}

    def _tree(self, request: Request, repo: Repo) -> Reply:
        start = int(request.first("cursor", "0"))
        paths = list(repo.files)
        entries = [_tree_entry(repo, path) for path in paths[start : start + TREE_PAGE]]
        has_more = start + TREE_PAGE < len(paths)
        return json(entries, headers=self._next(request, start + TREE_PAGE) if has_more else None)

    def _file(self, request: Request, repo: Repo) -> Reply:
        path = request.args["path"]
        if repo.gated and not self._is_known(request):
            message = f"Access to model {repo.id} is restricted. Please log in."
            return _error(401, "GatedRepo", message)
        if path not in repo.files:
            return _error(404, "EntryNotFound", "Entry not found", {"X-Repo-Commit": repo.sha})
        linked = {"X-Repo-Commit": repo.sha, "X-Linked-Etag": f'"{repo.etag(path)}"'}
        linked["X-Linked-Size"] = str(len(repo.files[path]))
        if repo.is_lfs(path):
            return redirect(f"{self.cdn.url}/{repo.etag(path)}", 302, linked)
        place = f"/api/resolve-cache/models/{repo.id}/{repo.sha}/{quote(path)}"
        return redirect(place, 307, linked)

    def _small(self, request: Request) -> Reply:
        repo = self.repos[request.args["repo"]]
        return content(request, repo.files[request.args["path"]])

    def _blob(self, request: Request) -> Reply:
        """The CDN knows a file by its digest alone, and refuses a token that strays there."""
        if "authorization" in request.headers:
            return _error(400, "InvalidRequest", "Only one auth mechanism allowed")
        for repo in self.repos.values():
            for path, body in repo.files.items():
                if repo.etag(path) == request.args["etag"]:
                    return content(request, body)
        return _error(404, "EntryNotFound", "Entry not found")


def _info(request: Request, repo: Repo) -> Reply:
    quota = {"RateLimit": '"api";r=499;t=293'}
    return json(repo.info(blobs=request.first("blobs").lower() == "true"), headers=quota)


def _error(status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> Reply:
    own = {"X-Error-Code": code, "X-Error-Message": message, **(headers or {})}
    return json({"error": message}, status, own)


def _matches(repo: Repo, request: Request) -> bool:
    tags = set(repo.all_tags)
    text, author = request.first("search").lower(), request.first("author")
    return (
        all(tag in tags for tag in request.query.get("filter", []))
        and text in repo.id.lower()
        and author in ("", repo.id.partition("/")[0])
        and request.first("pipeline_tag", repo.pipeline_tag or "") == (repo.pipeline_tag or "")
        and _parameters(repo) <= _most_parameters(request.first("num_parameters"))
    )


def _parameters(repo: Repo) -> int:
    return int((repo.gguf or {}).get("total", 0)) or sum((repo.safetensors or {}).values())


def _most_parameters(text: str) -> float:
    found = re.fullmatch(r"max:([\d.]+)B", text)
    return float(found[1]) * 1e9 if found else float("inf")


def _expanded(repo: Repo, fields: Sequence[str]) -> dict[str, Any]:
    """With ``expand`` the Hub gives the asked fields and the id, and nothing else."""
    item = repo.listed()
    if not fields:
        return item
    return {key: value for key, value in item.items() if key in (*fields, "_id", "id")}


def _tree_entry(repo: Repo, path: str) -> dict[str, Any]:
    size = len(repo.files[path])
    entry = {"type": "file", "oid": repo.etag(path)[:40], "size": size, "path": path}
    if repo.is_lfs(path):
        entry["lfs"] = {"oid": repo.etag(path), "size": size, "pointerSize": 134}
    return entry
