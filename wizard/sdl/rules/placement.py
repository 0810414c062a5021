"""The rules of placement and pricing (chain-sdk ``go/sdl/{placement,coin}.go``)."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation

from wizard.sdl.pricing import MAX_AMOUNT
from wizard.sdl.rules.report import Report, join, shown

DENOM = "uact"
OLD_DENOM = "uakt"

_ATTRIBUTE = re.compile(r"[a-zA-Z][\w/.\-]{1,126}[\w*]?\Z", re.ASCII)
_ADDRESS = re.compile(r"akash1[02-9ac-hj-np-z]{38}\Z")
_AMOUNT = re.compile(r"\d{1,20}(?:\.\d{1,18})?\Z", re.ASCII)


def _check_attributes(report: Report, value: object, path: str) -> None:
    if value is None:
        report.error(
            path, "empty-attributes", "attributes is empty.", "Remove the key, or add one below it."
        )
        return
    for name, item, item_path in report.items(value, path):
        if not _ATTRIBUTE.match(name):
            report.error(
                item_path,
                "attribute-name",
                f"{shown(name)} is no attribute's name.",
                "Write it as providers do, such as location-region.",
            )
        if isinstance(item, dict | list | tuple) or item is None:
            report.error(
                item_path,
                "attribute-value",
                f"{shown(item)} is not a value that a provider can match exactly.",
                "Write one text in double quotes.",
            )


def _check_signed_by(report: Report, value: object, path: str) -> None:
    signers = report.mapping(value, path)
    report.known_keys(signers, path, ("anyOf", "allOf"))
    for key in ("anyOf", "allOf"):
        if key not in signers:
            continue
        for item, item_path in report.members(signers[key], join(path, key)):
            if not isinstance(item, str) or not _ADDRESS.match(item):
                report.error(
                    item_path,
                    "auditor",
                    f"{shown(item)} is no Akash address, so that no provider matches it.",
                    "Write the auditor's address, which starts with akash1.",
                )


def _amount(value: object) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    if isinstance(value, str) and not _AMOUNT.match(value):
        return None
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        return None
    return amount if amount.is_finite() else None


def _check_denom(report: Report, value: object, path: str) -> None:
    if value == DENOM:
        return
    if value == OLD_DENOM:
        report.warning(
            path,
            "denom-uakt",
            "uakt needs a deposit in AKT, and Akash's checker warns of it.",
            f"Write {DENOM}: one million of them are one US dollar.",
        )
    elif isinstance(value, str) and value.startswith("ibc/"):
        report.error(
            path, "denom-ibc", "USDC is no longer a currency of Akash's.", f"Write {DENOM}."
        )
    else:
        report.error(path, "denom", f"{shown(value)} is no currency here.", f"Write {DENOM}.")


def _check_price(report: Report, value: object, path: str) -> None:
    price = report.mapping(value, path)
    report.known_keys(price, path, ("denom", "amount"))
    report.required(price, path, "denom", "amount")
    if "denom" in price:
        _check_denom(report, price["denom"], join(path, "denom"))
    if "amount" not in price:
        return
    amount = _amount(price["amount"])
    if amount is None:
        report.error(
            join(path, "amount"),
            "amount-form",
            f"{shown(price['amount'])} is no amount.",
            "Write a number such as 1000.",
        )
    elif amount <= 0:
        report.error(
            join(path, "amount"),
            "amount-zero",
            f"{shown(price['amount'])} is a price that nobody can bid on.",
            "Write the most you would pay per block: 1000 uact are about $0.60 an hour.",
        )
    elif amount > MAX_AMOUNT:
        report.error(
            join(path, "amount"),
            "amount-limit",
            f"{shown(price['amount'])} is above the limit of {MAX_AMOUNT}.",
            "Write the most you would pay per block: 1000 uact are about $0.60 an hour.",
        )


def check_placement(report: Report, value: object, path: str) -> None:
    """One placement: who may host it, and the price of each profile."""
    placement = report.mapping(value, path)
    report.known_keys(placement, path, ("attributes", "signedBy", "pricing"))
    report.required(placement, path, "pricing")
    if "attributes" in placement:
        _check_attributes(report, placement["attributes"], join(path, "attributes"))
    if "signedBy" in placement:
        _check_signed_by(report, placement["signedBy"], join(path, "signedBy"))
    if "pricing" in placement:
        for _, price, price_path in report.items(placement["pricing"], join(path, "pricing")):
            _check_price(report, price, price_path)
