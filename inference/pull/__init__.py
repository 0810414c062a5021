"""A model's name → verified files on this machine, or one sentence why not."""

from inference.pull.progress import Callback, FileProgress, Progress, Stage, ignore
from inference.pull.pulling import find, installed, pull, remove

__all__ = [
    "Callback",
    "FileProgress",
    "Progress",
    "Stage",
    "find",
    "ignore",
    "installed",
    "pull",
    "remove",
]
