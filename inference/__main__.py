"""The command line: ``python -m inference``."""

from __future__ import annotations

import os
import sys

from inference.cli import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
