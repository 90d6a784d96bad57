"""`kata segment`: from demonstrations that nobody labelled to skills that `kata train` takes.

An action is a line here, a line in `configs/verb/segment.yaml` that says what it does and which
word it takes, and a function of `(job, word)` in `kata.launch.segmenting`.
"""

from __future__ import annotations

from kata.launch import segmenting
from kata.launch.actions import Action, dispatch
from kata.launch.job import Done, Job

ACTIONS: dict[str, Action] = {
    "apply": segmenting.applied,
    "page": segmenting.paged,
}


def run(job: Job) -> Done:
    """Find the cuts, or do what the first word says."""
    return dispatch(job, ACTIONS) if job.config.words else segmenting.found(job)
