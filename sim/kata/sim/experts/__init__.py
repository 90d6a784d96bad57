"""Scripted experts: the teachers of the default skills, each a `Policy` without memory.

A recipe is one function from a `Sight` (the tool, the gripper, the call's entities) to a `Target`
(where the tool should be, how far open, how to get there). `motion.path` makes the chunk. To add
one: write the function in a file of its own, and enter it in `registry.RECIPES`.
"""

from .expert import Expert
from .registry import RECIPES, make_expert

__all__ = ["RECIPES", "Expert", "make_expert"]
