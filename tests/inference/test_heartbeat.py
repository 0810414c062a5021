"""What an answer's signs of life must not do."""

from __future__ import annotations

import asyncio
from unittest.mock import Mock

import pytest
from aiohttp.test_utils import make_mocked_request

from inference.heartbeat import Answer


def test_who_is_cancelled_while_the_signs_of_life_end_stays_so() -> None:
    async def answers() -> None:
        request = make_mocked_request("POST", "/", transport=Mock())
        async with Answer(request, content_type="text/plain", interval=60):
            """Nothing is to be told."""

    async def cancel() -> None:
        answering = asyncio.create_task(answers())
        await asyncio.sleep(0)  # by now it waits for its signs of life to end
        answering.cancel()
        with pytest.raises(asyncio.CancelledError):
            await answering

    asyncio.run(cancel())
