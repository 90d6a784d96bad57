"""`kata library`: the skills that the robot knows.

An action is a line here, a line in `configs/verb/library.yaml` that says what it does and which
word it takes, and a function of `(job, word)` in a module of `kata.launch`.
"""

from __future__ import annotations

from kata.launch import auditing, exporting, linting, searching, shelves, stocking, trusting
from kata.launch.actions import Action, dispatch
from kata.launch.job import Done, Job

ACTIONS: dict[str, Action] = {
    "list": shelves.listed,
    "show": shelves.shown_skill,
    "add": stocking.added,
    "install": stocking.installed,
    "pack": stocking.packed,
    "verify": shelves.verified,
    "audit": auditing.audited,
    "keygen": trusting.keygen,
    "sign": trusting.signed,
    "trust": trusting.trusted,
    "untrust": trusting.untrusted,
    "pin": stocking.pinned,
    "unpin": stocking.unpinned,
    "retire": stocking.retired,
    "restore": stocking.restored,
    "rollback": stocking.rolled_back,
    "reindex": stocking.reindexed,
    "export": exporting.exported,
    "search": searching.searched,
    "lint": linting.linted,
}


def run(job: Job) -> Done:
    """Do what the first word says."""
    return dispatch(job, ACTIONS)
