"""Planning problems and plans of PDDL, through unified-planning: what other planners read."""

from .plans import plan_from, plan_lines, plan_of_lines, plan_to
from .problem import pddl_texts, to_problem

__all__ = ["pddl_texts", "plan_from", "plan_lines", "plan_of_lines", "plan_to", "to_problem"]
