"""Episodes against each other: the same one twice, and those unlike the others.

Source: robust z-scores, Iglewicz and Hoaglin, How to Detect and Handle Outliers, ASQC, 1993.

Legend: `F` frames, `E` episodes, `D` numbers of the action.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ..types import Array
from .contents import Contents
from .faults import Fault

LEAST_EPISODES = 8
"""Fewer episodes of a skill say nothing about what is usual."""

_Z = 6.0
_LEAST_SPREAD = 0.2
"""Natural logarithm: what is within 6 * 0.2, a factor of 3.3, of the median is never an outlier."""
_CONSTANT = 1.4826  # of the median absolute deviation to a normal standard deviation


def check_episodes(contents: Contents) -> Iterator[Fault]:
    """Duplicates and outliers."""
    if len(contents.bounds):
        yield from _duplicates(contents)
        yield from _outliers(contents)


def _duplicates(contents: Contents) -> Iterator[Fault]:
    keys = ("observation.state", "action", "observation.environment_state")
    columns = [c for key in keys if (c := contents.numbers(key)) is not None]
    if not columns:
        return
    seen: dict[bytes, int] = {}
    for episode, (start, stop) in contents.bounds.items():
        digest = hashlib.sha256()
        for column in columns:
            digest.update(np.ascontiguousarray(column[start:stop]).data)
        first = seen.setdefault(digest.digest(), episode)
        if first != episode:
            detail = f"the same frames as episode {first}"
            yield Fault("duplicate_episode", episode, 0, "", stop - start, detail)


def _outliers(contents: Contents) -> Iterator[Fault]:
    groups = _skills(contents)
    measures = _measures(contents)
    action = contents.numbers("action")
    mean, spread = None, None
    if action is not None:
        clean = np.where(np.isfinite(action), action, 0.0)
        mean = np.add.reduceat(clean, contents.starts, axis=0) / contents.lengths[:, None]
        spread = np.maximum(contents.spread(action), 1e-9)
    for group in np.unique(groups):
        mine = np.flatnonzero(groups == group)
        if len(mine) < LEAST_EPISODES:
            continue
        for name, values in measures.items():
            logs = np.log(np.maximum(values[mine], 1e-9))
            z = _robust_z(logs, _LEAST_SPREAD)
            for i in np.flatnonzero(np.abs(z) > _Z):
                usual = float(np.exp(np.median(logs)))
                detail = f"{name} {values[mine[i]]:.3g}, usual is {usual:.3g} (z = {z[i]:.0f})"
                yield Fault("outlier_episode", int(contents.episodes[mine[i]]), detail=detail)
        if mean is None or spread is None:
            continue
        z = np.stack([_robust_z(c, 0.15) for c in (mean[mine] / spread).T], axis=1)
        for i in np.flatnonzero((np.abs(z) > _Z).any(axis=1)):
            joint = int(np.argmax(np.abs(z[i])))
            detail = f"mean action {mean[mine[i], joint]:.3g} of number {joint}, usual is "
            detail += f"{np.median(mean[mine, joint]):.3g} (z = {z[i, joint]:.0f})"
            yield Fault("outlier_episode", int(contents.episodes[mine[i]]), -1, "action", 1, detail)


def _skills(contents: Contents) -> NDArray[np.int64]:
    """A number a group of episodes of the same skill (E,)."""
    skills = contents.texts("skill")
    if skills is None:
        return np.zeros(len(contents.bounds), dtype=np.int64)
    return np.asarray(skills.codes[contents.starts], dtype=np.int64)


def _measures(contents: Contents) -> dict[str, Array]:
    """Positive numbers that describe an episode, arrays (E,) by name."""
    out: dict[str, Array] = {"length in frames": contents.lengths.astype(float)}
    for key, name in (("observation.state", "path of the state"), ("action", "path of the action")):
        column = contents.numbers(key)
        if column is None or len(column) < 2:
            continue
        arm = ~contents.grippers(key)
        spread = np.maximum(contents.spread(column), 1e-9)
        step = (np.abs(np.diff(column, axis=0)) / spread)[:, arm].sum(axis=1)
        step = np.where(contents.inside & np.isfinite(step), step, 0.0)
        out[name] = np.add.reduceat(np.append(step, 0.0), contents.starts)
    return out


def _robust_z(values: Array, least: float) -> Array:
    middle = np.median(values)
    deviation = _CONSTANT * np.median(np.abs(values - middle))
    return np.asarray((values - middle) / max(float(deviation), least))
