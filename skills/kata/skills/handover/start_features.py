"""Features of the start model: what decides whether a start works, seen from the tool.

Beside poses: the opening between the fingers against what shall come between them, how free the
faces of a thing are for the fingers, how a held thing sits in the hand, what stands in the way, and
whether the arm moves. Legend: `N` starts, `S` slots of focus, `O` other things, `D` joints, `K`
numbers an entity, `P` arguments, `F` features.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kata.datasets.types import ENTITY_WIDTH, Array
from kata.datasets.types.pose import quat_conjugate, quat_rotate, quat_yaw

from .features import Start

_TOOL = (
    *("tool_x", "tool_y", "tool_z", "tool_tilt_x", "tool_tilt_y", "tool_turn_sin", "tool_turn_cos"),
    *("opening", "speed", "near_dx", "near_dy", "near_dz", "near_m"),
)
_SLOT = (
    *("dx", "dy", "dz", "distance", "level_distance"),
    *("ahead", "across", "below", "turn", "upright", "roll", "pitch"),
    *("spot_dx", "spot_dy", "spot_dz", "spot_distance", "spot_across"),
    *("x", "y", "z", "foot_distance", "articulation", "room"),
    *("free_fingers", "free_other", "near_m", "near_height"),
)
_PAIR = (
    *("way_x", "way_y", "way_z", "way_m", "lane_m", "run_up_foot", "run_up_m", "behind"),
    *("slant", "last_slant", "wrist", "gap", "lane_room", "lane_side", "run_up_room"),
)
_RUN_UP_M = 0.075
_FAR_M = 1.0
_FINGER_M = 0.03
_TABLE_M = 0.3


def relative_names(joints: int, slots: int, numbers: int = 0) -> tuple[str, ...]:
    """Names of the F features, in order."""
    own = (*_TOOL, *(f"joint{i + 1}" for i in range(joints)))
    things = tuple(f"slot{s + 1}_{name}" for s in range(slots) for name in _SLOT)
    pair = _PAIR if slots > 1 else ()
    return (*own, *things, *pair, *(f"number{i + 1}" for i in range(numbers)))


def encode_relative(starts: Sequence[Start], grippers: Sequence[int] = ()) -> Array:
    """Features (N, F) of starts of one robot and skill; `grippers` are columns of D, by hand."""
    tool = np.array([start.tool for start in starts])
    joints = np.array([start.position for start in starts])
    focus = np.array([start.focus for start in starts])
    speed = np.array([np.abs(start.velocity).max(initial=0.0) for start in starts])
    numbers = np.array([start.numbers for start in starts])
    others = _padded([start.others for start in starts])
    opening = _opening(joints, numbers, grippers)
    axis = quat_rotate(tool[:, 3:], np.array([0.0, 0.0, 1.0]))
    # A gripper with two fingers is the same after half a turn, but its wrist is not: joints tell.
    turn = quat_yaw(tool[:, 3:])
    gap, distance = _nearest(tool[:, :3], others)
    parts = [tool[:, :3], axis[:, :2], np.sin(2 * turn), np.cos(2 * turn), opening, speed]
    parts += [gap, distance, joints]
    for slot in range(focus.shape[1]):
        rest = np.concatenate([others, np.delete(focus, slot, axis=1)], axis=1)
        parts.append(_slot(tool, opening, focus[:, slot], rest))
    if focus.shape[1] > 1:
        parts.append(_pair(tool, focus[:, 0], focus[:, -1], others))
    columns = np.column_stack([*parts, numbers])
    return np.asarray(np.nan_to_num(columns, nan=0.0, posinf=_FAR_M, neginf=-_FAR_M))


def _opening(joints: Array, numbers: Array, grippers: Sequence[int]) -> Array:
    """(N,) opening of the hand that the call is for; several hands are told by the last number."""
    if not grippers:
        return np.zeros(len(joints))
    if len(grippers) < 2 or not numbers.shape[1]:
        return np.asarray(joints[:, grippers[0]])
    which = np.asarray(grippers)[np.clip(numbers[:, -1].astype(int), 0, len(grippers) - 1)]
    return np.asarray(np.take_along_axis(joints, which[:, None], axis=1)[:, 0])


def _slot(tool: Array, opening: Array, row: Array, others: Array) -> Array:
    """Columns (N, F_s) of one slot (N, K), from the tool (N, 7) and among others (N, O, K)."""
    gap, spot = row[:, :3] - tool[:, :3], row[:, 7:10] - tool[:, :3]
    back = quat_conjugate(tool[:, 3:])
    inside, spot_inside = quat_rotate(back, gap), quat_rotate(back, spot)
    fold = 2.0 * np.pi / np.maximum(row[:, 14], 1.0)
    heading = quat_yaw(row[:, 3:7]) - quat_yaw(tool[:, 3:])
    turn = heading - fold * np.round(heading / fold)
    faces = np.stack([quat_rotate(row[:, 3:7], np.eye(3)[k]) for k in range(3)], axis=1)
    upright = np.abs(faces[:, :, 2]).max(axis=1)
    # How the thing leans against the fingers: which of its axes is nearest to the tool's.
    own = np.stack([quat_rotate(back, faces[:, k]) for k in range(3)], axis=1)
    lean = np.take_along_axis(own, np.abs(own[:, :, 2]).argmax(axis=1)[:, None, None], axis=1)[:, 0]
    lean = lean * np.sign(lean[:, 2:])
    width = 2.0 * (np.abs(own[:, :, 1]) * row[:, 10:13]).sum(axis=1)
    near, height = _beside(row, others)
    first, second = _free(row, others)
    # The fingers go to the faces that are nearest to where they point.
    along = np.abs(own[:, 0, 1]) >= np.abs(own[:, 1, 1])
    columns = [
        *(gap, np.linalg.norm(gap, axis=1), np.linalg.norm(gap[:, :2], axis=1)),
        *(inside, np.abs(turn), upright, lean[:, :2]),
        *(spot, np.linalg.norm(spot, axis=1), np.abs(spot_inside[:, 1])),
        *(row[:, :3], np.linalg.norm(row[:, :2], axis=1), row[:, 13], opening - width),
        *(np.where(along, first, second), np.where(along, second, first), near, height),
    ]
    return np.asarray(np.column_stack(columns))


def _pair(tool: Array, first: Array, last: Array, others: Array) -> Array:
    """Columns (N, F_p) of the way from the first thing to the last, and of getting behind it."""
    way = last[:, :3] - first[:, :3]
    length = np.linalg.norm(way[:, :2], axis=1)
    level = way[:, :2] / np.maximum(length, 1e-6)[:, None]
    behind = first[:, :2] - level * _RUN_UP_M
    gap = tool[:, :2] - first[:, :2]
    columns = [
        *(way, length, _lane(behind, last[:, :2], others), np.linalg.norm(behind, axis=1)),
        *(np.linalg.norm(tool[:, :2] - behind, axis=1), -(gap * level).sum(axis=1)),
        *_pushed(tool, first, last, others),
    ]
    return np.asarray(np.column_stack(columns))


def _pushed(tool: Array, first: Array, last: Array, others: Array) -> list[Array]:
    """Columns (N,): how the first thing would go to the last one if it were pushed there."""
    way = (last - first)[:, :2]
    length = np.linalg.norm(way, axis=1)
    level = way / np.maximum(length, 1e-6)[:, None]
    heading = np.arctan2(level[:, 1], level[:, 0])
    # By which corner it would be pushed, against which one it would come, how far the wrist is.
    slants = [_folded(heading - quat_yaw(row[:, 3:7]), np.pi / 2) for row in (first, last)]
    wrist = _folded(heading - quat_yaw(tool[:, 3:]), np.pi)
    half = first[:, 10:12].mean(axis=1)
    gap = length - half - last[:, 10:12].mean(axis=1)
    if not others.shape[1]:
        return [*slants, wrist, gap, *np.full((3, len(first)), _FAR_M)]
    rest = others[..., :2] - first[:, None, :2]
    along = (rest * level[:, None]).sum(axis=-1)
    aside = rest[..., 1] * level[:, None, 0] - rest[..., 0] * level[:, None, 1]
    wide = others[..., 10:12].mean(axis=-1) + half[:, None]
    within = (others[..., 10:13].max(axis=-1) < 0.1) & (along > 0.0) & (along < length[:, None])
    room = np.where(within, np.abs(aside) - wide, np.inf)
    nearest = room.argmin(axis=1)[:, None]
    free = np.minimum(np.take_along_axis(room, nearest, axis=1)[:, 0], _FAR_M)
    side = np.take_along_axis(aside, nearest, axis=1)[:, 0]
    # The table is under everything; what stands on it may stand in the way.
    standing = np.where((others[..., 10:13].max(axis=-1) < _TABLE_M)[..., None], others, np.nan)
    place = np.column_stack([first[:, :2] - level * _RUN_UP_M, first[:, 2]])
    _, behind = _nearest(place, standing)
    return [*slants, wrist, gap, free, np.where(free < _FAR_M, side, 0.0), behind]


def _folded(angle: Array, fold: float) -> Array:
    return np.asarray(np.abs(angle - fold * np.round(angle / fold)))


def _lane(start: Array, end: Array, others: Array) -> Array:
    """(N,) least distance of other small things from the segments (N, 2) to (N, 2)."""
    if not others.shape[1]:
        return np.full(len(start), _FAR_M)
    way = end - start
    gap = others[..., :2] - start[:, None]
    along = (gap * way[:, None]).sum(axis=-1) / np.maximum((way**2).sum(axis=1), 1e-9)[:, None]
    share = np.clip(along, 0.0, 1.0)
    distance = np.linalg.norm(gap - share[..., None] * way[:, None], axis=-1)
    small = (others[..., 10:13].max(axis=-1) < 0.1) & ~np.isnan(others[..., 0])
    return np.asarray(np.minimum(np.where(small, distance, np.inf).min(axis=1), _FAR_M))


def _nearest(place: Array, others: Array) -> tuple[Array, Array]:
    """Way (N, 3) and distance (N,) from a place (N, 3) to the nearest box of others (N, O, K)."""
    if not others.shape[1]:
        return np.full((len(place), 3), _FAR_M), np.full(len(place), _FAR_M)
    local = quat_rotate(quat_conjugate(others[..., 3:7]), place[:, None] - others[..., :3])
    inside = np.clip(local, -others[..., 10:13], others[..., 10:13])
    way = quat_rotate(others[..., 3:7], inside - local)
    distance = np.linalg.norm(way, axis=-1)
    distance = np.where(np.isnan(distance), np.inf, distance)
    best = distance.argmin(axis=1)[:, None]
    least = np.take_along_axis(distance, best, axis=1)[:, 0]
    nearest = np.take_along_axis(way, best[..., None], axis=1)[:, 0]
    nearest = np.where(np.isfinite(least)[:, None], nearest, _FAR_M)
    return nearest, np.minimum(least, _FAR_M)


def _beside(row: Array, others: Array) -> tuple[Array, Array]:
    """(N,) least level distance of a thing's centre from others', and how high that one is."""
    if not others.shape[1]:
        return np.full(len(row), _FAR_M), np.zeros(len(row))
    small = (others[..., 10:13].max(axis=-1) < 0.1) & ~np.isnan(others[..., 0])
    distance = np.linalg.norm(others[..., :2] - row[:, None, :2], axis=-1)
    distance = np.where(small, distance, np.inf)
    best = distance.argmin(axis=1)[:, None]
    high = np.take_along_axis(others[..., 2] - row[:, None, 2], best, axis=1)[:, 0]
    least = np.take_along_axis(distance, best, axis=1)[:, 0]
    return np.minimum(least, _FAR_M), np.where(np.isfinite(least), high, 0.0)


def _free(row: Array, others: Array) -> tuple[Array, Array]:
    """(N,) room beside the faces across a thing's x axis and across its y axis, the narrower side.

    A thing counts where it stands in the way of a finger that comes down there.
    """
    if not others.shape[1]:
        return np.full(len(row), _FAR_M), np.full(len(row), _FAR_M)
    half = row[:, None, 10:13]
    local = quat_rotate(quat_conjugate(row[:, None, 3:7]), others[..., :3] - row[:, None, :3])
    # Boxes of any heading as discs about as wide.
    other = others[..., 10:12].mean(axis=-1)
    small = (others[..., 10:13].max(axis=-1) < 0.1) & ~np.isnan(others[..., 0])
    level = np.abs(others[..., 2] - row[:, None, 2]) < others[..., 12] + _FINGER_M
    found = []
    for axis, side in ((0, 1), (1, 0)):
        room = np.abs(local[..., axis]) - half[..., axis] - other
        aside = np.abs(local[..., side]) < other + 0.5 * _FINGER_M
        blocked = np.where(small & level & aside, room, np.inf)
        found.append(np.minimum(blocked.min(axis=1), _FAR_M))
    return found[0], found[1]


def _padded(rows: Sequence[Array]) -> Array:
    """(N, O, K), NaN where a start has fewer things."""
    most = max((len(each) for each in rows), default=0)
    out = np.full((len(rows), most, ENTITY_WIDTH), np.nan)
    for index, each in enumerate(rows):
        out[index, : len(each)] = each
    return out
