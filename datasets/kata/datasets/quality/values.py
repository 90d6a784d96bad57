"""Single values: not a number, quaternions, units, the robot's limits, the robot itself."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..types import Array
from .contents import Contents, Mask
from .faults import Fault

FAR_M = 20.0
"""No tool or object on a table is further from its robot; a millimetre read as a metre is."""

_SLACK = 0.05
"""rad or m outside the limits that a measurement may be."""


def check_values(contents: Contents) -> Iterator[Fault]:
    """Values that no working recording holds."""
    yield from _finite(contents)
    yield from _quaternions(contents)
    yield from _robot(contents)
    yield from _units(contents)


def _finite(contents: Contents) -> Iterator[Fault]:
    for key, column in contents.columns.items():
        if not isinstance(column, np.ndarray) or column.dtype.kind != "f" or not len(column):
            continue
        # A sum is not finite exactly where a term is not, and costs one pass.
        with np.errstate(invalid="ignore", over="ignore"):
            rows = ~np.isfinite(column.reshape(len(column), -1).sum(axis=1, dtype=np.float64))
        if not rows.any():
            continue
        places, first, count = np.unique(
            contents.place[rows], return_index=True, return_counts=True
        )
        marked = np.flatnonzero(rows)
        for i in range(len(places)):
            episode, frame = contents.at(int(marked[first[i]]))
            which = np.flatnonzero(~np.isfinite(np.atleast_1d(column[marked[first[i]]]).ravel()))
            detail = f"in {count[i]} frames, number {which[0]} of {column[0].size}"
            yield Fault("not_a_number", episode, frame, key, int(count[i]), detail)


def quaternion_places(contents: Contents, key: str) -> list[int]:
    """Where in a column's numbers quaternions begin, by the names of their four numbers."""
    names = [name.rsplit(".", 1)[-1] for name in contents.names.get(key, ())]
    orders = (["qw", "qx", "qy", "qz"], ["qx", "qy", "qz", "qw"])
    return [i for i in range(len(names) - 3) if names[i : i + 4] in orders]


def _quaternions(contents: Contents) -> Iterator[Fault]:
    for key in contents.names:
        column = contents.numbers(key)
        for at in quaternion_places(contents, key) if column is not None else ():
            assert column is not None
            length = np.linalg.norm(column[:, at : at + 4].astype(np.float64), axis=1)
            wrong = np.isfinite(length) & (np.abs(length - 1.0) > 1e-2)
            for start, stop in contents.runs(wrong & _visible(contents, key, at, column)):
                episode, frame = contents.at(start)
                detail = f"{contents.names[key][at]} and on: length {length[start]:.3f}"
                yield Fault("bad_quaternion", episode, frame, key, stop - start, detail)


def _visible(contents: Contents, key: str, at: int, column: Array) -> Mask:
    """Rows in which the thing that a quaternion belongs to was seen (F,)."""
    names = contents.names[key]
    valid = names[at].rsplit(".", 1)[0] + ".valid"
    if valid not in names:
        return np.ones(len(column), dtype=bool)
    return np.asarray(column[:, names.index(valid)] > 0.5)


def _robot(contents: Contents) -> Iterator[Fault]:
    robot, schema = contents.robot, contents.schema
    if robot is None:
        return
    if schema.fingerprint and schema.fingerprint != robot.fingerprint():
        detail = f"recorded with {schema.robot} ({schema.fingerprint}), "
        detail += f"checked against {robot.name} ({robot.fingerprint()})"
        yield Fault("another_robot", detail=detail)
    elif contents.ours and schema.joints != robot.joints:
        detail = f"joints {', '.join(schema.joints)}; {robot.name} has {', '.join(robot.joints)}"
        yield Fault("another_robot", detail=detail)


def _units(contents: Contents) -> Iterator[Fault]:
    for key in ("observation.tool_pose", "action.tool", "executed.tool"):
        column = contents.numbers(key)
        places = quaternion_places(contents, key)
        if column is None or not places or not contents.ours:
            continue
        position = column[:, places[0] - 3 : places[0]]
        far = np.flatnonzero((np.abs(position) > FAR_M).any(axis=1))
        if len(far):
            episode, frame = contents.at(int(far[0]))
            detail = f"{np.nanmax(np.abs(position)):.0f} m from the robot's base: mm?"
            yield Fault("wrong_units", episode, frame, key, len(far), detail)
    robot = contents.robot
    for key in ("observation.state", "action", "executed"):
        column = contents.numbers(key)
        if robot is None or column is None or column.shape[1] != robot.size:
            continue
        yield from _against_limits(contents, key, column)


def _against_limits(contents: Contents, key: str, column: Array) -> Iterator[Fault]:
    assert contents.robot is not None
    limits = contents.robot.limits
    below, above = column < limits.lower - _SLACK, column > limits.upper + _SLACK
    outside = below | above
    if not outside.any():
        return
    rows = np.flatnonzero(outside.any(axis=1))
    joint = int(np.argmax(outside[rows[0]]))
    most = float(column[rows[0], joint])
    span = f"{limits.lower[joint]:.2f} .. {limits.upper[joint]:.2f}"
    name = contents.robot.joints[joint]
    arm = ~contents.grippers(key)
    known = np.abs(column[:, arm][np.isfinite(column[:, arm]).all(axis=1)])
    reach = np.maximum(np.abs(limits.lower), np.abs(limits.upper))[arm]
    # Degrees lie far outside in most frames, and inside once they are turned into rad.
    share = float((known > 2.0 * reach).any(axis=1).mean()) if len(known) else 0.0
    fits = bool((np.radians(known) <= reach + 4 * _SLACK).all(axis=1).mean() > 0.9)
    if share > 0.5 and fits:
        episode, frame = contents.at(int(rows[0]))
        detail = f"{name} is {most:.1f}, its limits are {span} rad: degrees?"
        yield Fault("wrong_units", episode, frame, key, len(rows), detail)
        return
    if key != "observation.state":
        return
    for start, stop in contents.runs(np.asarray(outside.any(axis=1))):
        joint = int(np.argmax(outside[start]))
        episode, frame = contents.at(start)
        detail = f"{contents.robot.joints[joint]} is {column[start, joint]:.3f}, limits "
        detail += f"{limits.lower[joint]:.2f} .. {limits.upper[joint]:.2f}"
        yield Fault("outside_limits", episode, frame, key, stop - start, detail)
