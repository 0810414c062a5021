"""What a thread raises that was told to end."""

from __future__ import annotations


class Stopped(Exception):
    """The download was told to end."""
