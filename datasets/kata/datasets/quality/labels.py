"""Labels: skills, tasks and successes, and whether every skill has its share."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..types import DatasetError
from ..types.arguments import names_in, parse_arguments
from .contents import Contents
from .faults import Fault

UNBALANCED = 0.1
"""A skill with less than this share of the demonstrations of the most frequent one."""


def check_labels(contents: Contents) -> tuple[list[Fault], list[str]]:
    """Faults of the labels, and which of them cannot be checked."""
    faults: list[Fault] = []
    notes: list[str] = []
    if contents.texts("skill") is not None:
        faults += [*_unlabelled(contents), *_arguments(contents), *_unbalanced(contents)]
    elif any(task.strip() for entry in contents.entries for task in entry.tasks):
        notes.append("skills: the dataset has no column skill; its tasks are sentences only")
    else:
        for entry in contents.entries:
            detail = "neither a column skill nor a task"
            faults.append(
                Fault("unlabelled", entry.index, 0, "task", entry.stop - entry.start, detail)
            )
    if contents.numbers("success") is None:
        notes.append("success: the dataset does not say which episodes succeeded")
    else:
        faults += _success(contents)
    return faults, notes


def _unlabelled(contents: Contents) -> Iterator[Fault]:
    skills = contents.texts("skill")
    assert skills is not None
    empty = np.array([not name.strip() for name in skills.names], dtype=bool)
    if not empty.any():
        return
    for start, stop in contents.runs(empty[skills.codes]):
        episode, frame = contents.at(start)
        yield Fault("unlabelled", episode, frame, "skill", stop - start, "no skill is named")


def _arguments(contents: Contents) -> Iterator[Fault]:
    texts = contents.texts("arguments")
    if texts is None:
        return
    wrong = {}
    for code, text in enumerate(texts.names):
        try:
            values = parse_arguments(text).values()
        except DatasetError:
            wrong[code] = f"not arguments: {text!r}"
            continue
        known = {*contents.schema.entities, *contents.schema.hands}
        unknown = [v for v in names_in(values) if contents.schema.entities and v not in known]
        if unknown:
            wrong[code] = f"{', '.join(unknown)} is no entity of the dataset"
    if not wrong:
        return
    for start, stop in contents.runs(np.isin(texts.codes, list(wrong))):
        episode, frame = contents.at(start)
        detail = wrong[int(texts.codes[start])]
        yield Fault("unlabelled", episode, frame, "arguments", stop - start, detail)


def _unbalanced(contents: Contents) -> Iterator[Fault]:
    """Counts a skill once an episode that it occurs in."""
    skills = contents.texts("skill")
    assert skills is not None
    pairs = np.unique(np.stack([skills.codes.astype(np.int64), contents.place]), axis=1)
    counts = {
        name: int((pairs[0] == code).sum())
        for code, name in enumerate(skills.names)
        if name.strip()
    }
    if len(counts) < 2:
        return
    most = max(counts, key=lambda name: counts[name])
    for name, count in counts.items():
        if count < UNBALANCED * counts[most]:
            row = int(np.argmax(skills.codes == skills.names.index(name)))
            episode, frame = contents.at(row)
            detail = f"{name} is in {count} episodes, {most} in {counts[most]}"
            yield Fault("unbalanced_skills", episode, frame, "skill", count, detail)


def _success(contents: Contents) -> Iterator[Fault]:
    column = contents.numbers("success")
    assert column is not None
    success = column[:, 0].astype(bool)
    if not len(success):
        return
    if not success.any():
        detail = f"success is false in all {len(contents.bounds)} episodes"
        yield Fault("no_success", key="success", count=len(success), detail=detail)
        return
    changes = np.flatnonzero(contents.inside & (success[1:] != success[:-1])) + 1
    told = set()
    for row in changes:
        episode, frame = contents.at(int(row))
        if episode not in told:
            told.add(episode)
            detail = f"success is {success[row - 1]} before and {success[row]} from here on"
            yield Fault("mixed_success", episode, frame, "success", 1, detail)
