"""A stand-in of ollama.com and of registry.ollama.ai, over real HTTP.

    with OllamaStandIn() as ollama:
        settings.OLLAMA_URL, settings.OLLAMA_REGISTRY_URL = ollama.url, ollama.registry_url

Pages come with the ``x-test-*`` marks that the site has had at times, or
without (``marked=False``). Manifests are text/plain and refuse HEAD; blobs
redirect to a third server, which answers ranges. ``site``, ``registry`` and
``storage`` are the servers: tell them to fail, hang or limit.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from types import TracebackType
from typing import Self

from tests.standins.ollama_models import MODELS, Library, Tag
from tests.standins.server import Reply, Request, StandIn, content, json, redirect, text

PAGE = 5
_NAMES = r"/v2/(?P<namespace>[^/]+)/(?P<name>[^/]+)"
MAINTENANCE = json(
    {"errors": [{"code": "MANIFEST_INVALID", "message": "manifest invalid", "detail": {}}]}, 404
)
TOO_OLD = text("The model you are attempting to pull requires a newer version of Ollama.", 412)
NONSENSE = text("<html><body><h1>We have moved</h1></body></html>", content_type="text/html")


class OllamaStandIn:
    """The three servers; ``add`` brings further models."""

    def __init__(self, models: Iterable[Library] = MODELS, *, marked: bool = True) -> None:
        self.site, self.registry, self.storage = StandIn(), StandIn(), StandIn()
        self.marked = marked
        self._models = {(model.namespace, model.name): model for model in models}
        self._route()

    @property
    def url(self) -> str:
        """The site with the pages."""
        return self.site.url

    @property
    def registry_url(self) -> str:
        return self.registry.url

    def add(self, model: Library) -> None:
        """Know one model more, or another one of that name."""
        self._models[model.namespace, model.name] = model

    def __enter__(self) -> Self:
        for server in (self.site, self.registry, self.storage):
            server.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for server in (self.site, self.registry, self.storage):
            server.stop()

    def _route(self) -> None:
        self.site.route("GET", r"/(search|library)", self._search)
        self.site.route("GET", r"/(?P<namespace>[^/]+)/(?P<name>[^/]+)/tags", self._tags)
        self.registry.route("GET", _NAMES + r"/manifests/(?P<tag>[^/]+)", self.manifest)
        self.registry.route("GET", _NAMES + r"/blobs/(?P<digest>sha256:[0-9a-f]{64})", self._blob)
        self.storage.route("GET", r"/data/(?P<digest>sha256:[0-9a-f]{64})", self._data)

    def _search(self, request: Request) -> Reply:
        wanted = request.first("q").lower().split()
        found = [
            model
            for model in self._models.values()
            if model.is_listed
            and (wanted or model.namespace == "library")
            and all(word in f"{model.namespace}/{model.name}" for word in wanted)
        ]
        # The site takes `page` from htmx only; others always get the first.
        is_htmx = request.headers.get("hx-request") == "true"
        page = int(request.first("page", "1")) if is_htmx else 1
        shown = found[(page - 1) * PAGE : page * PAGE]
        cards = "".join(self._card(model) for model in shown)
        more = ""
        if len(found) > page * PAGE:
            more = f'<li hx-get="/search?page={page + 1}" hx-trigger="revealed"></li>'
        nothing = "" if shown else "<p>No models found.</p>"
        return _html(f"<main><ul role='list'>{cards}{more}</ul>{nothing}</main>")

    def _mark(self, name: str) -> str:
        return f"x-test-{name}" if self.marked else ""

    def _card(self, model: Library) -> str:
        badges = [(item, "capability") for item in model.capabilities]
        badges += [(item, "size") for item in model.sizes]
        spans = "".join(
            f'<span {self._mark(kind)} class="inline-flex rounded-md">{item}</span>'
            for item, kind in badges
        )
        return f"""
        <li {self._mark("model")}><a href="/{model.namespace}/{model.name}" class="group w-full">
          <div title="{model.name}"><h2><span>{model.name}</span></h2>
          <p class="max-w-lg break-words">{escape(model.summary)}</p></div>
          <div>{spans}</div>
          <p><span class="flex"><span {self._mark("pull-count")}>{model.pulls}</span>
            <span>&nbsp;Pulls</span></span>
          <span title="{model.updated}"><span>Updated&nbsp;</span>
            <span>1 month ago</span></span></p>
        </a></li>"""

    def _tags(self, request: Request) -> Reply:
        model = self._models.get((request.args["namespace"], request.args["name"]))
        if model is None or not model.is_listed:
            return text("404 page not found", 404)
        rows = "".join(_row(model, tag) for tag in model.tags)
        badges = "".join(f"<span>{item}</span>" for item in model.capabilities)
        return _html(
            f"""<main><span><span>{model.pulls}</span><span>&nbsp;Downloads</span></span>
            <span title="{model.updated}">1 month ago</span>
            <span id="summary-content">{escape(model.summary)}</span>{badges}{rows}</main>"""
        )

    def _found(self, request: Request) -> Tag | None:
        model = self._models.get((request.args["namespace"], request.args["name"]))
        tags = model.tags if model else ()
        return next((tag for tag in tags if tag.name == request.args["tag"]), None)

    def manifest(self, request: Request) -> Reply:
        """The answer to a manifest's request, for routes that only delay it."""
        if request.method == "HEAD":
            return text("", 405)
        found = self._found(request)
        if found is None:
            error = {"code": "MANIFEST_UNKNOWN", "message": "manifest unknown"}
            return json({"errors": [error]}, 404)
        return text(found.raw_manifest.decode())

    def _blob(self, request: Request) -> Reply:
        model = self._models.get((request.args["namespace"], request.args["name"]))
        digest = request.args["digest"]
        if model is None or not any(digest in tag.blobs for tag in model.tags):
            return text("", 404)
        return redirect(f"{self.storage.url}/data/{digest}", 307)

    def _data(self, request: Request) -> Reply:
        digest = request.args["digest"]
        for model in self._models.values():
            for tag in model.tags:
                if digest in tag.blobs:
                    return content(request, tag.blobs[digest])
        return text("", 404)


def _row(model: Library, tag: Tag) -> str:
    """A tag as the page has it: once for narrow screens, once for wide ones."""
    path = f"/{model.namespace}/{model.name}:{tag.name}"
    size = tag.listed_size or "-"
    return f"""
    <div class="group px-4 py-3">
      <a href="{path}" class="md:hidden"><span>{model.name}:{tag.name}</span>
        <span><span class="font-mono">{tag.digest[:12]}</span> • {size} •
        {tag.context} context window • Text input • 1 month ago</span></a>
      <div class="hidden md:flex"><div class="grid grid-cols-12">
        <span><a href="{path}">{model.name}:{tag.name}</a></span>
        <p class="col-span-2">{size}</p><p class="col-span-2">{tag.context}</p></div>
        <div><span class="font-mono">{tag.digest[:12]}</span>&nbsp;·&nbsp;1 month ago</div>
      </div>
    </div>"""


def _html(body: str) -> Reply:
    page = f"<!doctype html><html><head><title>Ollama</title></head><body>{body}</body></html>"
    return text(page, content_type="text/html; charset=utf-8")
