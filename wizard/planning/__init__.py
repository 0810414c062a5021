"""From a model and a person's choices to a whole plan, every default decided and explained."""

from wizard.planning.errors import ChoiceError
from wizard.planning.plan import make_plan
from wizard.planning.quick import cheapest_fit, quick_fit
from wizard.planning.workload import context_marks

__all__ = ["ChoiceError", "cheapest_fit", "context_marks", "make_plan", "quick_fit"]
