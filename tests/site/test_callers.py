"""Whose request it is, whatever the headers say."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oneclick_site.callers import UNKNOWN, caller

PEER = "192.0.2.1"


def test_it_works() -> None:
    assert caller(PEER, "", 0) == PEER
    assert caller(PEER, "203.0.113.7", 1) == "203.0.113.7"


@pytest.mark.parametrize(
    ("forwarded", "proxies", "expected"),
    [
        ("203.0.113.7", 0, PEER),
        ("203.0.113.7, 198.51.100.2", 1, "198.51.100.2"),
        ("203.0.113.7, 198.51.100.2", 2, "203.0.113.7"),
        ("203.0.113.7", 2, PEER),
        ("nonsense", 1, PEER),
        ("203.0.113.7, ", 1, PEER),
        ("203.0.113.7:4711", 1, "203.0.113.7"),
        ("2001:db8::1", 1, "2001:db8::/64"),
        ("2001:db8::ffff:1", 1, "2001:db8::/64"),
        ("[2001:db8::1]:4711", 1, "2001:db8::/64"),
        ("fe80::1%eth0", 1, "fe80::/64"),
        ("::ffff:203.0.113.7", 1, "203.0.113.7"),
    ],
)
def test_the_address_is_counted_from_the_right(forwarded: str, proxies: int, expected: str) -> None:
    assert caller(PEER, forwarded, proxies) == expected


def test_no_address_is_one_caller_too() -> None:
    assert caller("", "", 0) == UNKNOWN


@given(st.text(), st.text(), st.integers(0, 5))
def test_no_header_breaks_it(peer: str, forwarded: str, proxies: int) -> None:
    assert caller(peer, forwarded, proxies)


@given(st.lists(st.ip_addresses().map(str), max_size=4), st.ip_addresses(v=4).map(str))
def test_whatever_is_put_in_front_changes_nothing(invented: list[str], seen: str) -> None:
    assert caller(PEER, ", ".join([*invented, seen]), 1) == seen
