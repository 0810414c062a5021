"""From an address and its query to a plan: what pages and files have in common."""

from __future__ import annotations

from dataclasses import dataclass, replace

from django.http import QueryDict

from wizard.forms import check_names, read_choices
from wizard.hardware.prices import price_list
from wizard.planning import ChoiceError, make_plan
from wizard.registry import lookup
from wizard.registry.values import Model, ModelRef
from wizard.sdl.values import Choices, Plan
from wizard.sizing import is_packed_otherwise


@dataclass(frozen=True)
class Situation:
    """A plan with the choices behind it; ``mistake`` names a choice that was set aside."""

    plan: Plan
    choices: Choices
    mistake: ChoiceError | None = None


def found_model(ref: ModelRef) -> Model:
    """The model, named with the tag, file and revision of the address. Raises RegistryError."""
    model = lookup.find(ref)
    spelled = replace(model.ref, tag=ref.tag, file=ref.file, revision=ref.revision)
    return replace(model, ref=spelled)


def plan_for(ref: ModelRef, query: QueryDict) -> Situation:
    """The plan for these choices. Raises RegistryError and ChoiceError."""
    check_names(query)
    choices = read_choices(query)
    return Situation(plan_with(found_model(ref), choices), choices)


def forgiving_plan_for(ref: ModelRef, query: QueryDict) -> Situation:
    """As `plan_for`, but a choice that cannot be used is set aside and told about."""
    model = found_model(ref)
    kept = query.copy()
    first: ChoiceError | None = None
    while True:
        try:
            choices = read_choices(kept)
            return Situation(plan_with(model, choices), choices, first)
        except ChoiceError as error:
            first = first or error
            if error.field not in kept:
                return Situation(plan_with(model, Choices()), Choices(), first)
            del kept[error.field]


def plan_with(model: Model, choices: Choices) -> Plan:
    """The plan for a model that was found. Raises RegistryError and ChoiceError."""
    variant = lookup.variant_for(model, model.ref, choices.variant)
    architecture = lookup.architecture(model, variant)
    if is_packed_otherwise(architecture, variant):
        variant = lookup.with_tensors(model, variant)
    return make_plan(model.ref, model, variant, architecture, choices, price_list())


def plan_beside(plan: Plan, choices: Choices) -> Plan:
    """Another plan for the same variant, with nothing asked for anew. Raises ChoiceError."""
    return make_plan(
        plan.ref, plan.model, plan.variant, plan.architecture, choices, plan.price_list
    )
