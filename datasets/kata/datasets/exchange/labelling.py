"""Kata's labels for data that have none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..types import KeySpec
from .name_map import Labels
from .take import Layout, Take, Values, flag

_TEXTS = ("skill", "arguments", "phase", "source")
_FLAGS = ("intervention", "discarded")


def label_spec(labels: Labels) -> dict[str, KeySpec]:
    """The columns that the labels bring; none where no skill is named."""
    return {key: flag(key) for key in (*_TEXTS, *_FLAGS)} if labels.skill is not None else {}


def labelled(take: Take, labels: Labels, layout: Layout) -> Take:
    """An episode with the labels in those places where it has none of its own."""
    columns: dict[str, Values] = dict(take.columns)
    values = {
        "skill": labels.skill or "",
        "arguments": labels.arguments,
        "phase": "",
        "source": labels.source,
    }
    for key in layout.spec:
        if key not in columns and key in values:
            columns[key] = [values[key]] * take.frames
        elif key not in columns and key in _FLAGS:
            columns[key] = np.zeros((take.frames, 1), dtype=bool)
    tasks = tuple(task or labels.task or labels.skill or "" for task in take.tasks)
    success = take.outcome.success if labels.success is None else labels.success
    return replace(
        take, columns=columns, tasks=tasks, outcome=replace(take.outcome, success=success)
    )
