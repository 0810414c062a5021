"""A model's name → verified files on this machine, or one sentence why not.

What is here already is told without the network, and without the time that its modules
take to be imported: to pull, there are ``pulling.py`` and, for a server, ``tasks.py``.
"""

from inference.pull.here import find, installed, remove
from inference.pull.progress import Callback, FileProgress, Progress, Stage, ignore

__all__ = [
    "Callback",
    "FileProgress",
    "Progress",
    "Stage",
    "find",
    "ignore",
    "installed",
    "remove",
]
