"""A container registry: manifests behind anonymous bearer tokens.

    with ImageRegistry({"owner/name": {"1.0"}}) as registry:
        settings.IMAGE_REGISTRY_URLS = {"ghcr.io": registry.url}

Protocol: https://distribution.github.io/distribution/spec/auth/token/
"""

from __future__ import annotations

from collections.abc import Mapping

from tests.standins.server import Reply, Request, StandIn, json

TOKEN = "anonymous-token"
MANIFEST = "application/vnd.oci.image.index.v1+json"


class ImageRegistry(StandIn):
    """Knows ``images``: names to tags or digests. ``open_`` asks for no token."""

    def __init__(self, images: Mapping[str, set[str]], *, open_: bool = False) -> None:
        super().__init__()
        self._images = images
        self._open = open_
        for method in ("GET", "HEAD"):
            self.route(method, r"/v2/(?P<name>.+)/manifests/(?P<version>[^/]+)", self._manifest)
        self.route("GET", r"/token", self._token)

    def _token(self, request: Request) -> Reply:
        if not request.first("scope").startswith("repository:"):
            return json({"errors": [{"code": "DENIED"}]}, 400)
        return json({"token": TOKEN, "expires_in": 300})

    def _challenge(self, name: str) -> Reply:
        realm = f'Bearer realm="{self.url}/token",service="stand-in",scope="repository:{name}:pull"'
        return json({"errors": [{"code": "UNAUTHORIZED"}]}, 401, {"WWW-Authenticate": realm})

    def _manifest(self, request: Request) -> Reply:
        name, version = request.args["name"], request.args["version"]
        if not self._open and request.headers.get("authorization") != f"Bearer {TOKEN}":
            return self._challenge(name)
        if version not in self._images.get(name, set()):
            return json({"errors": [{"code": "MANIFEST_UNKNOWN"}]}, 404)
        return json({"schemaVersion": 2, "mediaType": MANIFEST, "manifests": []})
