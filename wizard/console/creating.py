"""Making a deployment once, however often it is asked for.

The Console's ``POST /v1/deployments`` makes a new one each time, so that a
double click, a reload or a retry after a time-out would pay twice. What tells
two presses of the same button from two deployments is the manifest's hash: the
file holds the endpoint's own key (or its SHA-256), which is made anew for each
deployment. Before anything is created, the account's deployments are looked
through for that hash; and while a request that may still be carried out is
under way, no second one is sent.

That a request is under way is known to all who share a cache. Machines of a
site that share none may each make a deployment within the same seconds; each
then looks once more, and all but the first close theirs, which has no lease and
so has cost nothing.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging

from django.core.cache import cache

from wizard.console import errors
from wizard.console.client import Console
from wizard.console.groups import Document
from wizard.console.manifest import manifest, manifest_hash
from wizard.console.values import Created, Deployment

logger = logging.getLogger(__name__)

# A transaction is in a block within seconds or is dropped; this long after a
# request without an answer, what is not in the list will not come.
IN_FLIGHT_SECONDS = 180
_UNCERTAIN = (errors.ConsoleSlow, errors.UnexpectedAnswer)


async def create(console: Console, document: Document, sdl: str, deposit: float) -> Created:
    """The account's deployment of this file: the one that exists, else a new one.

    ``document`` is the SDL read, ``deposit`` USD. Raises StillCreating while
    another request is making it, and ConsoleError.
    """
    mark = _mark(document)
    if known := await _existing(console, document, mark):
        return _found(known, document)
    await _begin(mark)
    # The other request may have ended between the first look and the mark.
    if known := await _looked_again(console, document, mark):
        return _found(known, document)
    made = await _created(console, sdl, deposit, mark)
    return await _first_of(console, document, made, mark)


def _found(known: Deployment, document: Document) -> Created:
    return Created(known.dseq, manifest(document), was_there=True)


async def _existing(console: Console, document: Document, mark: str) -> Deployment | None:
    """The account's active deployment of this file, which its list may tell a little late."""
    if twins := await _twins(console, document):
        return twins[0]
    just_made = await asyncio.to_thread(cache.get, mark)
    if not isinstance(just_made, str):
        return None
    found: Deployment | None
    try:
        found = await console.deployment(just_made)
    except errors.NotFound:
        # Another account deployed the same file.
        found = None
    if found and found.is_active:
        return found
    await asyncio.to_thread(cache.delete, mark)
    return None


async def _looked_again(console: Console, document: Document, mark: str) -> Deployment | None:
    try:
        return await _existing(console, document, mark)
    except errors.ConsoleError:
        await asyncio.to_thread(cache.delete, mark)
        raise


async def _created(console: Console, sdl: str, deposit: float, mark: str) -> Created:
    try:
        made = await console.create(sdl, deposit)
    except _UNCERTAIN:
        # Perhaps it was carried out: the mark stays until that is known.
        raise
    except errors.ConsoleError:
        await asyncio.to_thread(cache.delete, mark)
        raise
    await asyncio.to_thread(cache.set, mark, made.dseq, IN_FLIGHT_SECONDS)
    return made


async def _first_of(console: Console, document: Document, made: Created, mark: str) -> Created:
    """What was made, or the one that was before it: what was made is then closed again.

    A deployment of which the list did not tell before ours was made came into
    its block after ours, or is in the list now: so the order of blocks lets
    exactly one stay, whoever looks first.
    """
    try:
        twins = await _twins(console, document)
        if not twins or twins[0].dseq == made.dseq:
            return made
        await console.close(made.dseq)
    except errors.ConsoleError as error:
        logger.warning("console: whether a file was deployed twice is not known: %s", error)
        return made
    await asyncio.to_thread(cache.set, mark, twins[0].dseq, IN_FLIGHT_SECONDS)
    return _found(twins[0], document)


async def _twins(console: Console, document: Document) -> list[Deployment]:
    """The account's active deployments of this very file: one with a lease, then by age."""
    wanted = manifest_hash(document)
    found = [one for one in await console.deployments() if one.hash == wanted]
    return sorted(found, key=lambda one: (one.lease is None, one.block, int(one.dseq)))


async def _begin(mark: str) -> None:
    if not await asyncio.to_thread(cache.add, mark, True, IN_FLIGHT_SECONDS):
        raise errors.StillCreating("A request for this very file has not ended yet.")


def _mark(document: Document) -> str:
    return f"console-creating:{hashlib.sha256(manifest(document).encode()).hexdigest()}"
