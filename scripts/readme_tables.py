"""Write the documents' tables and API references, or check that they are current.

Each stands between ``<!-- NAME -->`` and ``<!-- /NAME -->`` in its file.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "oneclick_site.settings")

from inference.cli import EXIT_CODES  # noqa: E402  (the path is set above)
from inference.openapi.document import document as runtime_api  # noqa: E402
from inference.settings import markdown_table as runtime_settings  # noqa: E402
from oneclick_site.environment import markdown_table as site_settings  # noqa: E402
from oneclick_site.settings import TABLE  # noqa: E402
from scripts.api_reference import reference  # noqa: E402
from wizard.demo.openapi.document import document as demo_api  # noqa: E402
from wizard.demo.values import Limits  # noqa: E402
from wizard.openapi.document import document as site_api  # noqa: E402


def _exit_codes() -> str:
    rows = [f"| {code} | {meaning} |" for code, meaning in EXIT_CODES]
    return "\n".join(["| code | meaning |", "| --- | --- |", *rows])


TABLES: tuple[tuple[str, str, Callable[[], str]], ...] = (
    ("README.md", "settings", lambda: site_settings(TABLE)),
    ("docs/runtime.md", "settings", runtime_settings),
    ("docs/runtime.md", "exit codes", _exit_codes),
    ("docs/runtime-api.md", "reference", lambda: reference(runtime_api())),
    ("docs/demo-api.md", "reference", lambda: reference(demo_api(Limits()))),
    ("docs/api.md", "reference", lambda: reference(site_api(), level=3)),
)


def current(text: str, name: str, table: str) -> str:
    """The text with this table between its marks. Raises ValueError where it has no marks."""
    between = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
    if not between.search(text):
        raise ValueError(f"has no <!-- {name} --> … <!-- /{name} --> to write between")
    return between.sub(lambda match: f"{match[1]}{table}\n{match[2]}", text)


def main() -> int:
    failed = 0
    for file, name, table in TABLES:
        path = ROOT / file
        text = path.read_text(encoding="utf-8")
        try:
            wanted = current(text, name, table())
        except ValueError as error:
            print(f"{file} {error}.")
            failed = 1
            continue
        if "--check" not in sys.argv:
            path.write_text(wanted, encoding="utf-8")
        elif wanted != text:
            print(f"{file}: its {name} is old: run `make format`.")
            failed = 1
    return failed


if __name__ == "__main__":
    sys.exit(main())
