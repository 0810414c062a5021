"""The commands that deploy the file without Console.

``akt`` is Akash's own command line
(https://akash.network/docs/developers/deployment/akt/deployments/).
"""

from __future__ import annotations

from dataclasses import dataclass

FILE = "deploy.yaml"
DOCS = "https://akash.network/docs/developers/deployment/akt/"


@dataclass(frozen=True)
class Command:
    """One command and what it does, in a sentence."""

    command: str
    sentence: str


def commands(deposit: int) -> tuple[Command, ...]:
    """From a downloaded file to an endpoint and its end, in order. ``deposit`` is USD.

    Nothing of a plan is in them: the file's name is fixed, and no name of a
    model comes near a shell.
    """
    return (
        Command(f"akt sdl validate {FILE}", "Checks the file, offline and without an account."),
        Command(
            "akt context create console --network mainnet --auth-method console-api --set-current",
            "Sets up Console's wallet, so that no keys are kept here (once).",
        ),
        Command(
            "akt console login", "Asks for an API key: Console makes one under Settings, API Keys."
        ),
        Command(
            f"akt deploy {FILE} --dry-run",
            "Shows the steps: deployment, bids, lease, manifest. Nothing is paid.",
        ),
        Command(
            f"akt deploy {FILE}",
            "Deploys it: you choose among the bids, and it prints the deployment's number (dseq). "
            f"akt 0.1 asks for --deposit {deposit} (US dollars) as well.",
        ),
        Command("akt query deployment active", "Lists what runs, each with its dseq."),
        Command(
            "akt close DSEQ",
            "Ends it, with its dseq in place of DSEQ: what was not spent comes back.",
        ),
    )
