"""``manage.py refresh_catalogue``: rebuild the bundled catalogue from the live registries."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from tqdm import tqdm

from wizard.registry import catalogue_store
from wizard.registry.errors import RegistryError
from wizard.registry.refresh import Refresh


class Command(BaseCommand):
    help = (
        "Rebuild the bundled catalogue from Hugging Face and the Ollama library. "
        "Stop it when you like: run again, it goes on where it was."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--limit", type=int, default=1000, help="models of each registry")
        parser.add_argument(
            "--output", type=Path, default=catalogue_store.DIRECTORY, help="folder of the files"
        )

    def handle(self, *_args: Any, limit: int, output: Path, **_options: Any) -> None:
        if limit < 1:
            raise CommandError("--limit is at least 1.")
        if settings.OFFLINE:
            raise CommandError("OFFLINE is set: the registries cannot be asked.")
        try:
            count = self._refresh(Refresh(output, limit))
        except RegistryError as error:
            raise CommandError(f"{error} Run this again: it goes on where it was.") from error
        self.stdout.write(f"The catalogue in {output} knows {count} models.")

    def _refresh(self, work: Refresh) -> int:
        refs = work.models()
        for ref in tqdm(refs, unit="model"):
            work.read(ref)
        return work.finish(refs)
