"""What a person should know before deploying; none of it stops them."""

from __future__ import annotations

from wizard.hardware.values import Offer
from wizard.planning import price
from wizard.registry.values import Architecture, Model
from wizard.sdl.values import Choices, Image


def plan_warnings(
    model: Model,
    architecture: Architecture,
    choices: Choices,
    ceiling: float,
    named: tuple[Offer, ...],
    rest: float,
) -> tuple[str, ...]:
    found = []
    if model.is_gated:
        found.append(
            "This model is gated: accept its terms on Hugging Face and put a read token into the "
            "file. The page does that in your browser."
        )
    if not architecture.exact:
        found.append(
            "The model's exact shape is not known here, so the memory is estimated on the large "
            "side."
        )
    if architecture.custom_code:
        found.append(
            "This model brings its own Python code (trust-remote-code): it runs on your server."
        )
    cheapest = price.market_price(named[0], rest) if named else None
    if choices.price_ceiling is not None and cheapest and ceiling < cheapest / named[0].nodes:
        found.append(f"The ceiling is below the market (${cheapest:.2f} an hour): expect no bids.")
    if named and all(offer.gpu and offer.gpu.trial_blocked for offer in named):
        found.append("Akash Console's free trial cannot lease these cards; a paid account can.")
    return tuple(found)


def image_warnings(image: Image) -> tuple[str, ...]:
    if image.known is not False:
        return ()
    return (f"{image.reference} was not found in its registry; the deployment would not start.",)
