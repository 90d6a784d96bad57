"""The experts by skill. A new one is a recipe here: what to do next, from one observation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from kata.datasets.types import Kinematics, RobotSpec, UnknownNameError

from .drawer import close_container, open_container
from .expert import Expert
from .grasp import pick
from .handover import handover
from .press import press
from .push import push
from .release import place, place_in, stack
from .sight import Target


@dataclass(frozen=True, slots=True)
class Recipe:
    """A skill's rule, and how many entities its call names and how many hands it uses.

    The rule gets what each hand sees, in the call's order.
    """

    rule: Callable[..., Target]
    slots: int
    hands: int = 1


RECIPES: Mapping[str, Recipe] = MappingProxyType(
    {
        "pick": Recipe(pick, 1),
        "place": Recipe(place, 2),
        "place_in": Recipe(place_in, 2),
        "stack": Recipe(stack, 2),
        "push": Recipe(push, 2),
        "open": Recipe(open_container, 1),
        "close": Recipe(close_container, 1),
        "press": Recipe(press, 1),
        "handover": Recipe(handover, 1, hands=2),
    }
)


def make_expert(skill: str, robot: RobotSpec, kinematics: Kinematics) -> Expert:
    """The scripted expert of a skill, for every hand. Raises UnknownNameError.

    Raises SpecError for a robot with fewer hands than the skill uses.
    """
    if skill not in RECIPES:
        raise UnknownNameError("expert", skill, RECIPES)
    recipe = RECIPES[skill]
    return Expert(skill, recipe.rule, recipe.slots, robot, kinematics, hands=recipe.hands)
