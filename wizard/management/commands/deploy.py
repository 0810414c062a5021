"""``manage.py deploy``: deploy a model with Akash Console, and wait until it answers."""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import sys
from argparse import ArgumentTypeError
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.http import QueryDict
from tqdm import tqdm

from wizard.console import creating
from wizard.console.client import Console
from wizard.console.connections import kept_open
from wizard.console.costs import costs
from wizard.console.endpoint import Seen
from wizard.console.errors import ConsoleError
from wizard.console.following import Follower, NoBids, Patience
from wizard.console.progress import Progress, StepState
from wizard.console.screening import screen
from wizard.planning import ChoiceError
from wizard.registry import lookup
from wizard.registry.errors import RegistryError
from wizard.sdl.errors import SdlError
from wizard.sdl.pricing import first_deposit
from wizard.sdl.text import check_text
from wizard.sdl.values import HF_TOKEN_PLACEHOLDER, Engine, Plan, Secrets
from wizard.sdl.writer import to_yaml
from wizard.templatetags.figures import usd
from wizard.views.failures import UnservableError
from wizard.views.files import new_key, sdl_for
from wizard.views.situation import plan_for

CONSOLE_KEY = "AKASH_CONSOLE_API_KEY"
ENDPOINT_KEY = "ENDPOINT_API_KEY"
HUB_TOKEN = "HF_TOKEN"
PATIENCE = Patience()
_TOKEN = re.compile(r"hf_[A-Za-z0-9]{8,200}\Z")
# Of what may pass, the page says that it asks again by itself.
_AGAIN = "What runs keeps running; --list shows it. Run this again in a minute."
_WRONG = 2
_NO_KEY = 3


def _dollars(text: str) -> float:
    try:
        amount = float(text)
    except ValueError:
        amount = 0.0
    if not 0.5 <= amount <= 1000:
        raise ArgumentTypeError("a deposit is 0.5 to 1000 USD")
    return amount


def _minutes(text: str) -> float:
    if not text.isdigit() or not 0 < int(text) <= 600:
        raise ArgumentTypeError("a time-out is 1 to 600 minutes")
    return float(text)


class Command(BaseCommand):
    help = (
        f"Deploy a model with Akash Console and wait until it answers. The Console's key comes "
        f"from {CONSOLE_KEY} (or {CONSOLE_KEY}_FILE); the endpoint's own from {ENDPOINT_KEY}, else "
        f"one is made; a gated model's token from {HUB_TOKEN}. The address and the key go to "
        "standard output. Exit codes: 0 it answers, 1 another failure, 2 a wrong choice, 3 the "
        "Console's key, 4 too little credit, 5 no bids, 6 it does not start, 7 not in time. Run "
        f"again with the same {ENDPOINT_KEY}, it finds the deployment that exists."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("ref", nargs="?", help="such as llama3.1:8b or hf.co/user/repo:Q4_K_M")
        parser.add_argument(
            "--set",
            action="append",
            default=[],
            metavar="NAME=VALUE",
            dest="choices",
            help="a choice as in the page's address: context=4096, gpu=rtx3090; repeat it",
        )
        parser.add_argument("--deposit", type=_dollars, help="USD; by default for two hours")
        parser.add_argument("--any-provider", action="store_true", help="take one not audited too")
        parser.add_argument("--timeout", type=_minutes, help="minutes, 40 by default")
        parser.add_argument("--screen", action="store_true", help="only tell who could host it")
        parser.add_argument("--list", action="store_true", help="list the account's deployments")
        parser.add_argument("--close", metavar="DSEQ", help="close a deployment")

    def handle(self, *_args: Any, **options: Any) -> None:
        try:
            self._work(options)
        except ConsoleError as error:
            told = f"{error.title}. {error} {_AGAIN if error.is_passing else error.next_step}"
            raise CommandError(told, returncode=error.exit_code) from error
        except RegistryError as error:
            raise CommandError(f"{error} {error.next_step}", returncode=_WRONG) from error
        except (ChoiceError, SdlError, UnservableError) as error:
            raise CommandError(str(error), returncode=_WRONG) from error

    def _work(self, options: dict[str, Any]) -> None:
        if options["list"]:
            asyncio.run(self._list(Console(_console_key())))
        elif options["close"]:
            asyncio.run(self._close(Console(_console_key()), options["close"]))
        elif not options["ref"]:
            raise CommandError("Name a model, or give --list or --close.", returncode=_WRONG)
        elif options["screen"]:
            self._screen(_plan(options["ref"], options["choices"]))
        else:
            self._deploy(Console(_console_key()), options)

    async def _list(self, console: Console) -> None:
        now = datetime.now(UTC)
        for one in await console.deployments():
            lease = one.lease
            price = lease.price.usd_per_hour if lease else None
            cost = f"${price:.3f}/h" if price is not None else "no lease"
            self.stdout.write(f"{one.dseq}  {cost}  spent {usd(costs(one, now).spent)}")

    async def _close(self, console: Console, dseq: str) -> None:
        await console.close(dseq)
        found = await console.deployment(dseq)
        self.stdout.write(f"Closed {dseq}; it cost {usd(costs(found, datetime.now(UTC)).spent)}.")

    def _screen(self, plan: Plan) -> None:
        found = asyncio.run(screen(sdl_for(plan, Secrets())))
        if found.providers is None:
            raise CommandError("Akash Console could not be asked.")
        self.stdout.write(f"{found.count} providers could host it now, {found.audited} audited.")
        if not found.count:
            raise CommandError("Nobody can host this now.", returncode=NoBids.exit_code)

    def _deploy(self, console: Console, options: dict[str, Any]) -> None:
        plan = _plan(options["ref"], options["choices"])
        key = os.environ.get(ENDPOINT_KEY) or new_key()
        document, sdl = _file(plan, key)
        deposit = options["deposit"] or first_deposit(plan.usd_per_hour)
        order = _Order(document, sdl, key, deposit, options["any_provider"], _patience(options))
        try:
            asyncio.run(self._carried_out(console, order))
        except KeyboardInterrupt:
            raise CommandError(
                "What was made goes on without this command: --list shows it, --close ends it."
            ) from None

    async def _carried_out(self, console: Console, order: _Order) -> None:
        async with kept_open():
            made = await creating.create(console, order.document, order.sdl, order.deposit)
            known = "exists already" if made.was_there else "is on the chain"
            self.stderr.write(f"Deployment {made.dseq} {known}.")
            self.stdout.write(f"dseq {made.dseq}\nkey {order.key}")
            follower = Follower(console, made, order.key, order.any_provider, order.patience)
            try:
                uri = await self._followed(follower)
            except NoBids:
                # Without a lease nothing was spent, and the deposit is of use elsewhere.
                await console.close(made.dseq)
                self.stderr.write(f"Deployment {made.dseq} is closed again; the deposit is back.")
                raise
            self.stdout.write(f"endpoint {uri}")

    async def _followed(self, follower: Follower) -> str:
        uri, told = "", ""
        with _Bar() as bar:
            async for look in follower.until_ready():
                if isinstance(look, Seen):
                    bar.tell(look)
                    continue
                uri = "" if isinstance(look, ConsoleError) else look.uri
                words = _words(look)
                if words != told:
                    self.stderr.write(words)
                told = words
        return uri


@dataclass(frozen=True)
class _Order:
    """What to deploy and how: ``deposit`` is USD, ``key`` the endpoint's own."""

    document: dict[str, Any]
    sdl: str
    key: str
    deposit: float
    any_provider: bool
    patience: Patience


class _Bar:
    """The download's progress, as the runtime tells it; other phases are words."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._phase = ""

    def tell(self, seen: Seen) -> None:
        if seen.size and self._bar is None:
            self._bar = tqdm(desc="Weights", total=seen.size, unit="B", unit_scale=True)
        if self._bar is not None and seen.size:
            self._bar.update(seen.done - self._bar.n)
        elif seen.phase != self._phase:
            tqdm.write(f"The endpoint is {seen.phase}. {seen.sentence}".strip(), file=sys.stderr)
        self._phase = seen.phase

    def __enter__(self) -> _Bar:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()


def _console_key() -> str:
    key, path = os.environ.get(CONSOLE_KEY, ""), os.environ.get(f"{CONSOLE_KEY}_FILE", "")
    if not key and path:
        try:
            key = Path(path).read_text(encoding="utf-8")
        except OSError as error:
            raise CommandError(
                f"{path} cannot be read: {error.strerror}.", returncode=_NO_KEY
            ) from None
    if not key.strip():
        raise CommandError(
            f"Set {CONSOLE_KEY} to a key made at https://console.akash.network/user/api-keys.",
            returncode=_NO_KEY,
        )
    return key.strip()


def _patience(options: dict[str, Any]) -> Patience:
    minutes = options["timeout"]
    return replace(PATIENCE, ready=minutes * 60) if minutes else PATIENCE


def _plan(ref: str, choices: list[str]) -> Plan:
    found = lookup.resolve(ref)
    if not found:
        told = f"{ref!r} names no model. Write llama3.1:8b or hf.co/user/repo:Q4_K_M."
        raise CommandError(told, returncode=_WRONG)
    query = QueryDict(mutable=True)
    for choice in choices:
        name, _, value = choice.partition("=")
        query.appendlist(name, value)
    return plan_for(found[0], query).plan


def _file(plan: Plan, key: str) -> tuple[dict[str, Any], str]:
    """The document with its secrets, and its text."""
    digest = hashlib.sha256(key.encode()).hexdigest()
    is_ours = plan.engine is Engine.RUNTIME
    kept = Secrets(api_key_sha256=digest, api_key="" if is_ours else key)
    sdl = to_yaml(sdl_for(plan, kept)).replace(HF_TOKEN_PLACEHOLDER, _hub_token(plan))
    document, problems = check_text(sdl)
    if not isinstance(document, dict) or any(problem.is_error for problem in problems):
        raise CommandError("The file would not be accepted.", returncode=_WRONG)
    return document, sdl


def _hub_token(plan: Plan) -> str:
    """The token of a gated model, else nothing to be filled in."""
    token = os.environ.get(HUB_TOKEN, "").strip()
    if not plan.model.is_gated:
        return HF_TOKEN_PLACEHOLDER
    if not _TOKEN.match(token):
        told = f"{plan.model.title} is gated: set {HUB_TOKEN} to a read token of Hugging Face."
        raise CommandError(told, returncode=_WRONG)
    return token


def _words(look: Progress | ConsoleError) -> str:
    if isinstance(look, ConsoleError):
        return f"{look.title}: asking again."
    step = next((step for step in look.steps if step.state is StepState.NOW), None)
    return f"{step.title}: {step.sentence}" if step else "The container runs."
