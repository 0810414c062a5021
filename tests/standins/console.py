"""Akash Console's API: accounts, deployments, bids, leases, and all that goes wrong.

    with ConsoleApi() as console:
        console.bids_after = 0.5
        console.endpoint = "127.0.0.1:8443"
        …
        assert console.wrong == []

Every request and every answer is held against the document of the API;
whatever differs is in ``wrong``. Times are seconds.
"""

from __future__ import annotations

import json as jsonlib
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import yaml

from tests.standins import console_answers as answers
from tests.standins.console_answers import BIDDERS, Bidder, Held, height
from tests.standins.console_prices import DEFAULT, PATH
from tests.standins.openapi import Document
from tests.standins.server import Reply, Request, StandIn, json
from wizard.console.groups import is_same
from wizard.console.manifest import manifest, manifest_hash

KEY = "ac.sk.production.4f1d0c7e9a2b5f83d6e0c1b2a3948576"
MOST_ADDRESSES = 20
_DEPLOYMENT = r"/v1/deployments/(?P<dseq>\d+)"
Json = dict[str, Any]


class Refused(Exception):
    """An answer that is no success."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class ConsoleApi(StandIn):
    """One account behind one key; the attributes are what a test may change at any time."""

    def __init__(self) -> None:
        super().__init__()
        self.reset()
        self._document = Document()
        self._state = threading.Lock()
        prices = {"availability": {"total": 9, "available": 4}, "models": list(DEFAULT)}
        self.route("GET", PATH, json(prices))
        for method, pattern, handler in (
            ("POST", "/v1/bid-screening", self._screen),
            ("GET", "/v1/providers", self._providers),
            ("GET", "/v1/deployments", self._list),
            ("POST", "/v1/deployments", self._create),
            ("GET", _DEPLOYMENT, self._get),
            ("PUT", _DEPLOYMENT, self._update),
            ("DELETE", _DEPLOYMENT, self._close),
            ("GET", "/v1/bids", self._bids),
            ("POST", "/v1/leases", self._lease),
            ("POST", "/v1/deposit-deployment", self._deposit),
            ("POST", "/v1/create-jwt-token", self._token),
        ):
            self.route(method, pattern, self._guarded(handler))

    def reset(self) -> None:
        """A new account, and a Console in order."""
        self.key = KEY
        self.may_write = True
        self.balance = 50.0
        self.is_trialing = False
        self.bidders: tuple[Bidder, ...] = BIDDERS
        self.hosts: tuple[Bidder, ...] | None = None
        # Who has a card, by the card's name, which may tell its memory (``a100:80Gi``); a card
        # that is not named is everybody's.
        self.hosts_of: dict[str, tuple[Bidder, ...]] = {}
        # How many bytes of memory each of them has left.
        self.memory = 1 << 50
        self.screen_seconds = 0.0
        # What happens at the Console while providers are looked for.
        self.while_screening: Callable[[], object] = lambda: None
        self.bids_after = 0.0
        self.status_after = 0.0
        self.running_after = 0.0
        self.create_seconds = 0.0
        # How long ago the deployments and leases to come were made.
        self.born_before = 0.0
        self.leased_before = 0.0
        # What happens at the Console while a deployment is being made.
        self.meanwhile: Callable[[], object] = lambda: None
        # Make the deployment and then say nothing: what a time-out looks like.
        self.lose_answers = 0
        self.is_crashing = False
        self.endpoint = "abc123.ingress.example.com"
        # Only files without a persistent volume find a host.
        self.only_ephemeral = False
        self.screenings: list[Json] = []
        self.held: dict[str, Held] = {}
        self.wrong: list[str] = []
        self.requests.clear()
        self.heal()

    @property
    def active(self) -> list[Held]:
        """Deployments that cost money."""
        return [held for held in self.held.values() if held.is_open]

    def lose_lease(self, reason: str = "lease_closed_insufficient_funds") -> None:
        """End every lease, as a provider or an empty deposit does."""
        for held in self.active:
            held.settle()
            held.lost = reason

    def _guarded(self, handler: Any) -> Any:
        def answer(request: Request) -> Reply:
            wrong = self._document.wrong_with_request(request)
            try:
                self._check(request, wrong)
                reply: Reply = handler(request)
            except Refused as refused:
                return _refusal(refused)
            if not reply.drop:
                self._note(request, self._document.wrong_with_answer(request, reply))
            return reply

        return answer

    def _check(self, request: Request, wrong: list[str]) -> None:
        self._note(request, wrong)
        if wrong:
            raise Refused(400, "Validation error")
        operation, _ = self._document.operation(request.method, request.path)
        if not operation["security"]:
            return
        if request.headers["x-api-key"] != self.key:
            raise Refused(401, "Invalid API key")
        if request.method != "GET" and not self.may_write:
            raise Refused(403, "Forbidden")

    def _note(self, request: Request, wrong: list[str]) -> None:
        self.wrong += [f"{request.method} {request.path}: {item}" for item in wrong]

    def _screen(self, request: Request) -> Reply:
        body = jsonlib.loads(request.body)
        self.screenings.append(body)
        time.sleep(self.screen_seconds)
        self.while_screening()
        hosts = self._with_any(_cards(body))
        if (self.only_ephemeral and _is_persistent(body)) or _memory(body) > self.memory:
            hosts = ()
        return json({"providers": [answers.screened(bidder) for bidder in hosts]})

    def _with_any(self, cards: list[str]) -> tuple[Bidder, ...]:
        """Who has one of these cards at least."""
        everybody = self.bidders if self.hosts is None else self.hosts
        having = {bidder for card in cards for bidder in self._having(card, everybody)}
        return tuple(bidder for bidder in everybody if bidder in having or not cards)

    def _having(self, card: str, everybody: tuple[Bidder, ...]) -> tuple[Bidder, ...]:
        model = card.partition(":")[0]
        return self.hosts_of.get(card, self.hosts_of.get(model, everybody))

    def _providers(self, request: Request) -> Reply:
        wanted = request.first("addresses").split(",")
        if len(wanted) > MOST_ADDRESSES:
            raise Refused(400, "Validation error")
        return json([answers.provider(b) for b in self.bidders if b.address in wanted])

    def _create(self, request: Request) -> Reply:
        data = jsonlib.loads(request.body)["data"]
        document = yaml.safe_load(data["sdl"])
        if self.is_trialing and "rtx4090" in data["sdl"]:
            raise Refused(
                400,
                "Invalid SDL: RTX 4090 not available on free trial: Add funds to unlock GPU access",
            )
        if data["deposit"] > self.balance:
            raise Refused(
                402,
                "Not enough balance to cover the deployment deposit. Add credits or turn on auto "
                "recharge to continue.",
            )
        time.sleep(self.create_seconds)
        self.meanwhile()
        held = self.make(data["sdl"], data["deposit"])
        with self._state:
            is_lost = self.lose_answers > 0
            self.lose_answers -= is_lost
        if is_lost:
            return Reply(drop=True)
        signed = {"code": 0, "transactionHash": "AB" * 32, "rawLog": ""}
        told = {"dseq": held.dseq, "manifest": manifest(document), "signTx": signed}
        return json({"data": told}, 201)

    def make(self, sdl: str, deposit: float = 5) -> Held:
        """Put a deployment on the chain, as another machine of the site might do it too."""
        document = yaml.safe_load(sdl)
        with self._state:
            made = time.time() - self.born_before
            dseq = str(max([int(made * 1000), *(int(one) + 1 for one in self.held)]))
            held = Held(dseq, sdl, document, manifest_hash(document), made, deposit)
            held.block, held.settled = height(made), made
            self.held[dseq] = held
            self.balance -= deposit
        return held

    def _list(self, request: Request) -> Reply:
        skip, limit = int(request.first("skip", "0")), int(request.first("limit", "1000"))
        found = self.active
        page = found[skip : skip + limit]
        rows = [self._whole(held, with_status=False) for held in page]
        told = {"total": len(found), "skip": skip, "limit": limit}
        pages = told | {"hasMore": len(found) > skip + limit}
        return json({"data": {"deployments": rows, "pagination": pages}})

    def _get(self, request: Request) -> Reply:
        return json({"data": self._whole(self._held(request), with_status=True)})

    def _bids(self, request: Request) -> Reply:
        held = self.held.get(request.first("dseq"))
        if held is None or time.time() - held.made < self.bids_after:
            return json({"data": []})
        rows = [answers.bid(held, bidder, _bid_state(held, bidder)) for bidder in self.bidders]
        return json({"data": rows})

    def _lease(self, request: Request) -> Reply:
        body = jsonlib.loads(request.body)
        wanted = body["leases"][0]
        held = self.held[wanted["dseq"]]
        bidder = next(b for b in self.bidders if b.address == wanted["provider"])
        if not held.provider:
            if not held.is_open:
                raise Refused(400, "Failed to create lease: Deployment closed")
            held.provider, held.amount = bidder.address, bidder.amount
            held.leased = time.time() - self.leased_before
        if body["manifest"] != manifest(held.document):
            raise Refused(422, "manifest version validation failed")
        held.has_manifest = True
        return json({"data": self._whole(held, with_status=True)})

    def _update(self, request: Request) -> Reply:
        held = self._held(request)
        text = jsonlib.loads(request.body)["data"]["sdl"]
        document = yaml.safe_load(text)
        if not is_same(held.document, document):
            raise Refused(422, "manifest cross-validation error: group specs differ")
        held.sdl, held.document, held.hash = text, document, manifest_hash(document)
        held.updates.append(text)
        return json({"data": self._whole(held, with_status=True)})

    def _close(self, request: Request) -> Reply:
        held = self._held(request)
        if held.is_open:
            held.settle()
            held.is_open = False
            self.balance += held.left
        return json({"data": {"success": True}})

    def _deposit(self, request: Request) -> Reply:
        data = jsonlib.loads(request.body)["data"]
        held = self.held[data["dseq"]]
        if data["deposit"] > self.balance:
            raise Refused(402, "Insufficient balance")
        held.settle()
        held.deposit += data["deposit"]
        self.balance -= data["deposit"]
        return json({"data": self._whole(held, with_status=True)})

    def _token(self, _request: Request) -> Reply:
        return json({"data": {"token": "eyJhbGciOiJFUzI1NksifQ.e30.c2lnbmF0dXJl"}}, 201)

    def _held(self, request: Request) -> Held:
        held = self.held.get(request.args["dseq"])
        if held is None:
            raise Refused(404, "Deployment not found")
        return held

    def _whole(self, held: Held, *, with_status: bool) -> Json:
        leases = []
        if held.provider:
            status = self._status(held)
            leases = [answers.lease(held, with_status=with_status, status=status)]
        return answers.deployment(held, leases)

    def _status(self, held: Held) -> Json | None:
        since = time.time() - held.leased
        if not held.has_manifest or held.lost or not held.is_open or since < self.status_after:
            return None
        is_up = since >= self.running_after and not self.is_crashing
        services = {}
        for name, service in held.document["services"].items():
            public = any(
                to.get("global") for port in service.get("expose", []) for to in port["to"]
            )
            uris = [self.endpoint] if public else []
            services[name] = answers.service(name, ready=int(is_up), uris=uris)
        return {"forwarded_ports": {}, "ips": {}, "services": services}


def unaudited(bidders: tuple[Bidder, ...]) -> tuple[Bidder, ...]:
    """The same providers, none of them audited."""
    return tuple(replace(bidder, audited=False) for bidder in bidders)


def _cards(body: Json) -> list[str]:
    """``rtx3090:24Gi`` of each attribute ``vendor/nvidia/model/rtx3090/ram/24Gi``."""
    keys = [
        attribute["key"].split("/")
        for unit in body["resources"]
        for attribute in unit["resource"]["gpu"]["attributes"]
    ]
    return [":".join((key[3], *key[5:6])) for key in keys]


def _memory(body: Json) -> int:
    """Bytes that all units of a group ask for together."""
    return sum(
        int(unit["resource"]["memory"]["quantity"]["val"]) * unit["count"]
        for unit in body["resources"]
    )


def _is_persistent(body: Json) -> bool:
    volumes = [one for unit in body["resources"] for one in unit["resource"]["storage"]]
    return any({"key": "persistent", "value": "true"} in one["attributes"] for one in volumes)


def _bid_state(held: Held, bidder: Bidder) -> str:
    if not held.is_open:
        return "closed"
    if not held.provider:
        return "open"
    return "active" if held.provider == bidder.address else "lost"


def _refusal(refused: Refused) -> Reply:
    body = {"error": "Error", "message": str(refused), "code": "refused", "type": "client_error"}
    return json(body, refused.status)
