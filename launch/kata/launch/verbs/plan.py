"""`kata plan`: from a sentence to a checked plan, or why there is none.

An action is a line here, a line in `configs/verb/plan.yaml` that says what it does and which word
it takes, and a function of `(job, word)` in a module of `kata.launch`. Every other text is a
sentence.
"""

from __future__ import annotations

from kata.launch import advising, plan_files
from kata.launch.actions import Action, act
from kata.launch.job import Done, Job
from kata.launch.planning import planned

ACTIONS: dict[str, Action] = {
    "export": plan_files.exported,
    "import": plan_files.imported,
    "learn": advising.learned,
}


def run(job: Job) -> Done:
    """Plan a sentence, or do what the first word says."""
    return act(job, ACTIONS, planned)
