"""What can go wrong with the Console, each in words with the way out."""

from __future__ import annotations

CONSOLE = "https://console.akash.network"


class ConsoleError(Exception):
    """The base. ``title`` says what, the message why, ``next_step`` the way out.

    ``status`` is what the site answers, ``exit_code`` what the command line
    returns; ``link`` is where the way out leads, or empty. ``is_passing`` is
    true where asking again later may help.
    """

    status = 502
    exit_code = 1
    title = "Akash Console could not do that"
    next_step = "Try again in a minute. Nothing was lost."
    link = ""
    is_passing = False

    def __init__(self, message: str, next_step: str = "") -> None:
        super().__init__(message)
        self.next_step = next_step or self.next_step


class ConsoleDown(ConsoleError):
    """No answer, or a 5xx."""

    status = 503
    title = "Akash Console does not answer"
    next_step = (
        "What runs keeps running, and this page asks again by itself. The file can be deployed "
        "from the command line meanwhile."
    )
    is_passing = True


class ConsoleSlow(ConsoleDown):
    """A request that may or may not have been carried out."""

    status = 504
    title = "Akash Console took too long"
    next_step = (
        "It may have done it all the same: this page looks before it asks again, so nothing is "
        "paid for twice."
    )


class ConsoleOffline(ConsoleDown):
    """The site is told to ask nothing outside."""

    title = "This site works offline"
    next_step = "Download the file and deploy it with Akash Console or the command line."
    is_passing = False


class ConsoleBusy(ConsoleError):
    """429."""

    status = 429
    title = "Akash Console asks us to slow down"
    next_step = "This page asks again by itself."
    is_passing = True


class Refused(ConsoleError):
    """A 4xx to what was asked, for a reason that has no error of its own here."""


class StillCreating(ConsoleError):
    """The same file is being deployed already, by a request that has not ended."""

    status = 409
    title = "This deployment is being made already"
    next_step = "This page looks for it every few seconds."
    is_passing = True


class UnexpectedAnswer(ConsoleError):
    """An answer in another form than the Console documents."""

    title = "Akash Console answered in a form that is not documented"
    next_step = "Look at the deployment in Akash Console itself; what runs keeps running."
    link = CONSOLE


class KeyRefused(ConsoleError):
    """401."""

    status = 401
    exit_code = 3
    title = "Akash Console does not know this key"
    next_step = (
        "Copy it again from Akash Console, Settings, API keys. A key that was deleted or has "
        "expired has to be made anew."
    )
    link = f"{CONSOLE}/user/api-keys"


class KeyWithoutRights(ConsoleError):
    """403."""

    status = 403
    exit_code = 3
    title = "This key may not do that"
    next_step = "Make a new key with the account that owns the deployment, and use that one."
    link = f"{CONSOLE}/user/api-keys"


class NoFunds(ConsoleError):
    """402, or a chain error about the balance."""

    status = 402
    exit_code = 4
    title = "The account has too little credit"
    next_step = "Add credit in Akash Console, then deploy again. Nothing was charged."
    link = f"{CONSOLE}/billing"


class TrialBlocked(ConsoleError):
    """A card that the free trial cannot lease."""

    status = 402
    exit_code = 4
    title = "The free trial cannot lease these cards"
    next_step = (
        "Add credit in Akash Console to end the trial, or choose a card that the trial has, such "
        "as an RTX A6000 or a T4."
    )
    link = f"{CONSOLE}/billing"


class DepositTooLow(ConsoleError):
    """The chain's minimum was not reached."""

    status = 400
    exit_code = 2
    title = "The deposit is too low"
    next_step = "Raise it and deploy again; what is not used comes back."


class NotFound(ConsoleError):
    """404."""

    status = 404
    exit_code = 2
    title = "The account has no such deployment"
    next_step = "Check the number, and that the key is of the account that made it."


class BidGone(ConsoleError):
    """The bid was closed or taken meanwhile."""

    status = 409
    title = "That bid is gone"
    next_step = "Choose another of the bids; they are asked for again every few seconds."
    is_passing = True


class DeploymentClosed(ConsoleError):
    """The deployment has ended."""

    status = 409
    exit_code = 6
    title = "The deployment is closed"
    next_step = "What was left of the deposit has gone back to the account. Deploy it anew."


class FileRefused(ConsoleError):
    """The Console or this site does not take the file."""

    status = 400
    exit_code = 2
    title = "The file is not accepted"
    next_step = "Go back to the configuration, change what is named, and deploy from there."


class NotInPlace(ConsoleError):
    """An update that the chain allows on a new deployment only."""

    status = 409
    exit_code = 2
    title = "That cannot be changed in place"
    next_step = (
        "Cards, memory, disk, price and region are part of the lease. Close this deployment and "
        "deploy the new configuration."
    )
