"""What a person should know before deploying; none of it stops them."""

from __future__ import annotations

from wizard.hardware.values import Offer
from wizard.planning import price
from wizard.registry.values import Architecture, Model
from wizard.sdl.engines import vllm_ranking
from wizard.sdl.values import Choices, Engine, Image


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


def ranking_warnings(model: Model, architecture: Architecture, engine: Engine) -> tuple[str, ...]:
    is_named = model.ref.reranks and not architecture.embeds and engine is Engine.VLLM
    if not is_named or vllm_ranking.of(model.ref, architecture):
        return ()
    return (
        "Its name says that it ranks texts, but its config is a chat model's, and which of its "
        "words vLLM should read as a score is not known here: the endpoint answers chats. A GGUF "
        "conversion that has a classifier ranks under llama.cpp.",
    )


def image_warnings(image: Image) -> tuple[str, ...]:
    if image.known is not False:
        return ()
    return (f"{image.reference} was not found in its registry; the deployment would not start.",)
