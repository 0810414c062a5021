"""Write the README's configuration table from the settings, or check that it is current."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "oneclick_site.settings")

from oneclick_site.environment import markdown_table  # noqa: E402
from oneclick_site.settings import TABLE  # noqa: E402

README = ROOT / "README.md"
BETWEEN = re.compile(r"(<!-- settings -->\n).*?(<!-- /settings -->)", re.DOTALL)


def main() -> int:
    text = README.read_text(encoding="utf-8")
    if not BETWEEN.search(text):
        print("README.md has no <!-- settings --> … <!-- /settings --> to write between.")
        return 1
    table = markdown_table(TABLE)
    current = BETWEEN.sub(lambda match: f"{match[1]}{table}\n{match[2]}", text)
    if "--check" in sys.argv:
        if current != text:
            print("README.md's configuration table is old: run `make format`.")
        return int(current != text)
    README.write_text(current, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
