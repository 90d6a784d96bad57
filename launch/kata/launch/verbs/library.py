"""`kata library`: the skills that the robot knows.

An action is a line here, a line in `configs/verb/library.yaml` that says what it does and which
word it takes, and a function of `(job, word)` in a module of `kata.launch`.
"""

from __future__ import annotations

from kata.launch import exporting, linting, shelves, stocking
from kata.launch.actions import Action, dispatch
from kata.launch.job import Done, Job

ACTIONS: dict[str, Action] = {
    "list": shelves.listed,
    "show": shelves.shown_skill,
    "add": stocking.added,
    "verify": shelves.verified,
    "rollback": stocking.rolled_back,
    "export": exporting.exported,
    "lint": linting.linted,
}


def run(job: Job) -> Done:
    """Do what the first word says."""
    return dispatch(job, ACTIONS)
