"""Addresses that answer, refuse or say nothing: the first that answers is taken."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from inference.pull.reaching import Address, alternating, reach
from tests.standins.silent import Silent, address_of

# Longer than any test may take: who waits for it has not gone on to the next address.
FOR_EVER = 600.0


@dataclass
class Watcher:
    """Keeps every socket that was begun; at the second one it does what it is told to."""

    sockets: list[socket.socket] = field(default_factory=list)
    at_second: Callable[[], None] = lambda: None

    def __call__(self, sock: socket.socket) -> None:
        self.sockets.append(sock)
        if len(self.sockets) == 2:
            self.at_second()

    def count_open(self) -> int:
        return sum(sock.fileno() >= 0 for sock in self.sockets)


@pytest.fixture
def watcher() -> Watcher:
    return Watcher()


@pytest.fixture
def answering() -> Iterator[Address]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield address_of(server)


@pytest.fixture
def refusing() -> Iterator[Address]:
    """Bound, so that nobody else is given the port, and listening for nothing."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield address_of(bound)


@pytest.fixture
def silent() -> Iterator[Address]:
    with Silent() as server:
        yield server.address


def test_it_works(answering: Address, watcher: Watcher) -> None:
    with reach([answering], FOR_EVER, watcher) as sock:
        assert sock.getpeername() == answering[4]
        assert watcher.sockets == [sock]


def test_an_address_that_says_nothing_does_not_hold_up_the_next(
    silent: Address, answering: Address, watcher: Watcher
) -> None:
    with reach([silent, silent, answering], FOR_EVER, watcher) as sock:
        assert sock.getpeername() == answering[4]
        assert len(watcher.sockets) == 3
        assert watcher.count_open() == 1


def test_an_address_that_answers_late_is_still_taken(silent: Address) -> None:
    """It wakes when the next one is begun already; its kernel asks again after a second."""
    with Silent() as late:
        watcher = Watcher(at_second=late.wake)
        with reach([late.address, silent], FOR_EVER, watcher) as sock:
            assert sock.getpeername() == late.address[4]
            assert len(watcher.sockets) == 2


def test_an_address_that_refuses_is_followed_by_the_next(
    refusing: Address, answering: Address, watcher: Watcher
) -> None:
    with reach([refusing, answering], FOR_EVER, watcher) as sock:
        assert sock.getpeername() == answering[4]


def test_a_family_that_this_machine_lacks_is_passed_over(
    answering: Address, watcher: Watcher
) -> None:
    unknown = (socket.AF_APPLETALK, socket.SOCK_STREAM, 0, "", ("::1", 1, 0, 0))
    with reach([unknown, answering], FOR_EVER, watcher) as sock:
        assert sock.getpeername() == answering[4]


def test_when_all_refuse_that_is_told(refusing: Address, watcher: Watcher) -> None:
    with pytest.raises(ConnectionRefusedError):
        reach([refusing, refusing], FOR_EVER, watcher)
    assert watcher.count_open() == 0


def test_when_none_answers_the_time_runs_out(silent: Address, watcher: Watcher) -> None:
    with pytest.raises(TimeoutError):
        reach([silent, silent], 0.05, watcher)
    assert watcher.count_open() == 0


def test_a_refusal_says_more_than_a_silence(
    silent: Address, refusing: Address, watcher: Watcher
) -> None:
    with pytest.raises(ConnectionRefusedError):
        reach([silent, refusing], 0.05, watcher)


def test_who_watches_may_stop_it(silent: Address, answering: Address) -> None:
    def stop() -> None:
        raise InterruptedError

    watcher = Watcher(at_second=stop)
    with pytest.raises(InterruptedError):
        reach([silent, answering], FOR_EVER, watcher)
    assert watcher.count_open() == 0


@pytest.mark.parametrize(
    ("families", "wanted"),
    [("666444", "646464"), ("4", "4"), ("46666", "46666"), ("644", "644"), ("4464", "4644")],
)
def test_each_family_has_its_turn(families: str, wanted: str) -> None:
    addresses: list[Address] = [(int(family), index) for index, family in enumerate(families)]
    found = alternating(addresses)
    assert "".join(str(address[0]) for address in found) == wanted
    assert sorted(found) == sorted(addresses)
    for family in (4, 6):
        own = [address for address in found if address[0] == family]
        assert own == sorted(own)
