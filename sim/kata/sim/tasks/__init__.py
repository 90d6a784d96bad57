"""Trials on the table: what the arm and the scene look like at the start, and the goal.

A task is a function in `starts.py` that poses a world and names the call's arguments; its goal is
the `achieves` of the skill of that name in `configs/skill`. To add one: write the function and
enter it in `starts.TASKS`.
"""

from .starts import TASKS
from .trial import Start, TrialTable, default_world, make_trial, names

__all__ = ["TASKS", "Start", "TrialTable", "default_world", "make_trial", "names"]
