"""Motion: what stands still, repeats, leaps, is pressed against a limit, or does not follow.

Legend: `F` frames, `E` episodes, `D` joints.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..types import Array
from .contents import Contents, Mask
from .faults import Fault

STILL_S, SATURATED_S, MISFIT_S = 0.3, 1.0, 0.4
"""How long each must last to be a fault."""

_LEAP = 6.0
"""A step of the state this many times as long as nearly all others is a leap."""

_MISFIT = 0.15
"""Share of a joint's range that a state may be from its command without being a misfit."""

_SINGLE, _QUANTA = 0.15, 3.0
"""Share of an episode's frames that may be single repetitions; steps of an encoder in a motion."""

_LAGS = 9


def check_motion(contents: Contents) -> Iterator[Fault]:
    """State and action over time."""
    state, action = contents.numbers("observation.state"), contents.numbers("action")
    if state is not None and len(state) > 1:
        repeated = _repeated(contents)
        yield from _repetitions(contents, repeated)
        yield from _frozen(contents, state, action, repeated)
        yield from _leaps(contents, state)
    if action is not None and len(action) > 1:
        yield from _saturated(contents, action)


def _repeated(contents: Contents) -> Mask:
    """Rows (F,) whose every measured and commanded number is that of the row before.

    A robot that rests repeats its state too, and so does one that moves by less than its encoders
    can tell; a repeated frame comes in the middle of a motion.
    """
    same = contents.inside.copy()
    for key in ("observation.state", "observation.velocity", "action", "executed"):
        column = contents.numbers(key)
        if column is not None:
            same &= (column[1:] == column[:-1]).all(axis=1)
    mask = np.concatenate([[False], same])
    state = contents.numbers("observation.state")
    assert state is not None
    step = np.append(np.abs(np.diff(state, axis=0)).max(axis=1) * contents.inside, 0.0)
    usual, least = _usual_step(step)
    for start, stop in list(contents.runs(mask)):
        # The step to the last frame before the repetition, and the one out of it.
        before = step[start - 2] if start > 1 else 0.0
        if min(before, step[stop - 1]) < 0.5 * usual or usual < _QUANTA * least:
            mask[start:stop] = False
    return np.asarray(mask)


def _repetitions(contents: Contents, mask: Mask) -> Iterator[Fault]:
    """Stretches of repeated frames, and episodes in which many single ones are."""
    many = set()
    for episode, (start, stop) in contents.bounds.items():
        count = int(mask[start:stop].sum())
        if count > _SINGLE * (stop - start):
            many.add(episode)
            first = int(np.argmax(mask[start:stop]))
            detail = f"{count} of {stop - start} frames are as the frame before"
            yield Fault("repeated_frames", episode, first, "", count, detail)
    for start, stop in contents.runs(mask, 2):
        episode, frame = contents.at(start)
        if episode not in many:
            detail = f"{stop - start} frames as the frame before, in the middle of a motion"
            yield Fault("repeated_frames", episode, frame, "", stop - start, detail)


def _usual_step(step: Array) -> tuple[float, float]:
    """The customary and the least step of the state from frame to frame, where it moves."""
    moving = step[np.isfinite(step) & (step > 0)]
    return (float(np.median(moving)), float(moving.min())) if len(moving) else (0.0, 0.0)


def _frozen(
    contents: Contents, state: Array, action: Array | None, repeated: Mask
) -> Iterator[Fault]:
    """The whole arm's state stands still to the bit while its command moves."""
    if action is None:
        return
    arm = ~contents.grippers("observation.state")
    if not arm.any():
        return
    still = contents.inside & (state[1:, arm] == state[:-1, arm]).all(axis=1)
    mask = np.concatenate([[False], still]) & ~repeated
    told = ~contents.grippers("action")
    spread = contents.spread(action)[told]
    for start, stop in contents.runs(mask, max(3, round(STILL_S * contents.fps))):
        asked = action[start - 1 : stop, told]
        asked = asked[np.isfinite(asked).all(axis=1)]
        if not len(asked) or not (np.ptp(asked, axis=0) > 0.02 * np.maximum(spread, 1e-6)).any():
            continue
        episode, frame = contents.at(start)
        detail = f"{stop - start} frames without any change of the state while the action moves"
        yield Fault("frozen_state", episode, frame, "observation.state", stop - start, detail)


def _leaps(contents: Contents, state: Array) -> Iterator[Fault]:
    arm = ~contents.grippers("observation.state")
    if not arm.any():
        return
    step = np.abs(np.diff(state[:, arm], axis=0))
    step[~contents.inside] = 0.0
    step = np.where(np.isfinite(step), step, 0.0)
    moving = step[contents.inside]
    if not len(moving):
        return
    spread = contents.spread(state[:, arm])
    # One per mille of the steps may be leaps and the bound is still that of honest ones.
    bound = np.maximum(_LEAP * np.quantile(moving, 0.98, axis=0), 0.05 * spread)
    robot = contents.robot
    if robot is not None and robot.size == state.shape[1]:
        bound = np.minimum(bound, 2.0 * robot.limits.velocity[arm] / contents.fps)
        bound = np.maximum(bound, 1.2 * robot.limits.velocity[arm] / contents.fps)
    leap = (step > np.maximum(bound, 1e-9)).any(axis=1)
    for row in np.flatnonzero(leap) + 1:
        episode, frame = contents.at(int(row))
        joint = int(np.argmax(step[row - 1] / np.maximum(bound, 1e-9)))
        detail = f"number {np.flatnonzero(arm)[joint]} moves by {step[row - 1, joint]:.3f} "
        detail += f"in one frame, at most {bound[joint]:.3f} expected"
        yield Fault("state_jump", episode, frame, "observation.state", 1, detail)


def _saturated(contents: Contents, action: Array) -> Iterator[Fault]:
    """A joint at its limit, or exactly at the dataset's extreme value, while its arm moves.

    An arm that waits for another one stands still as a whole.
    """
    arm = np.flatnonzero(~contents.grippers("action"))
    robot = contents.robot
    spread = contents.spread(action)
    least = max(5, round(SATURATED_S * contents.fps))
    change = np.abs(np.diff(action, axis=0))
    parts = [""] * action.shape[1]
    if robot is not None and robot.size == action.shape[1]:
        parts = [part.name for part in robot.parts for _ in part.joints]
    for joint in arm:
        column = action[:, joint]
        known = column[np.isfinite(column)]
        if not len(known) or np.ptp(known) == 0:
            continue
        low, high, near = float(known.min()), float(known.max()), 0.0
        if robot is not None and robot.size == action.shape[1]:
            low = max(low, float(robot.limits.lower[joint]))
            high = min(high, float(robot.limits.upper[joint]))
            near = 1e-4
        others = [j for j in arm if j != joint and parts[j] == parts[joint]]
        for bound, mask in ((low, column <= low + near), (high, column >= high - near)):
            for start, stop in contents.runs(mask, least):
                moved = change[start : stop - 1][:, others]
                if not (np.nansum(moved, axis=0) > 0.05 * np.maximum(spread[others], 1e-6)).any():
                    continue
                episode, frame = contents.at(start)
                names = contents.names.get("action", ())
                name = names[joint] if len(names) > joint else f"number {joint}"
                detail = f"{name} at {bound:.3f} for {(stop - start) / contents.fps:.1f} s"
                yield Fault("saturated_action", episode, frame, "action", stop - start, detail)


def check_following(contents: Contents) -> tuple[list[Fault], list[str]]:
    """Whether the state follows what was commanded; and why that cannot be told.

    Only where actions are positions of the state's numbers: Kata's always are, a foreign
    dataset's where they follow the state in most episodes.
    """
    state = contents.numbers("observation.state")
    key = "executed" if contents.numbers("executed") is not None else "action"
    command = contents.numbers(key)
    if state is None or command is None or state.shape[1] != command.shape[1]:
        return [], ["tracking: action and observation.state are not of the same joints"]
    if len(state) < 3:
        return [], []
    arm = ~contents.grippers("observation.state")
    error = _errors(contents, state[:, arm], command[:, arm])
    whole = np.isfinite(error).all(axis=0)
    if not whole.any():
        return [], []
    usual = np.median(error[:, whole], axis=1)
    lag = int(np.argmin(usual))
    spread = np.maximum(contents.spread(state)[arm], 1e-6)
    if usual[lag] > _MISFIT and not contents.ours:
        return [], ["tracking: the actions are no positions of the state's joints"]
    faults = _late(contents, error, lag, key)
    late = {fault.episode for fault in faults}
    faults += [
        fault
        for fault in _far(contents, state[:, arm], command[:, arm], spread, lag, key)
        if fault.episode not in late
    ]
    return faults, []


def _errors(contents: Contents, state: Array, command: Array) -> Array:
    """Mean distance of the state from the command some frames before, by lag and episode.

    (lags, E), in shares of each joint's range, the worst joint; NaN where an episode is shorter.
    """
    spread = np.maximum(contents.spread(state), 1e-6)
    out = np.full((_LAGS, len(contents.bounds)), np.nan)
    for lag in range(_LAGS):
        gap = np.abs(state[lag:] - command[: len(command) - lag]) / spread
        inside = contents.place[lag:] == contents.place[: len(command) - lag]
        good = inside & np.isfinite(gap).all(axis=1)
        owner = contents.place[: len(command) - lag][good]
        count = np.bincount(owner, minlength=len(contents.bounds))
        sums = np.stack(
            [np.bincount(owner, gap[good, j], len(contents.bounds)) for j in range(gap.shape[1])]
        )
        enough = count > _LAGS
        out[lag, enough] = (sums[:, enough] / count[enough]).max(axis=0)
    return out


def _late(contents: Contents, error: Array, lag: int, key: str) -> list[Fault]:
    """Episodes that follow at another delay than the rest."""
    faults = []
    known = np.flatnonzero(np.isfinite(error).all(axis=0))
    best = np.argmin(error[:, known], axis=0)
    ratio = error[best, known] / np.maximum(error[lag, known], 1e-12)
    for i in np.flatnonzero((np.abs(best - lag) >= 3) & (ratio < 0.5)):
        episode = int(contents.episodes[known[i]])
        late, usual = 1000 * best[i] / contents.fps, 1000 * lag / contents.fps
        detail = f"the state follows after {late:.0f} ms, in the other episodes after {usual:.0f}"
        faults.append(Fault("latency", episode, 0, key, int(contents.lengths[known[i]]), detail))
    if lag / contents.fps >= 0.25:
        detail = f"the state follows its command only after {1000 * lag / contents.fps:.0f} ms"
        faults.append(Fault("latency", key=key, count=contents.frames, detail=detail))
    return faults


def _far(
    contents: Contents, state: Array, command: Array, spread: Array, lag: int, key: str
) -> Iterator[Fault]:
    """Stretches in which the state is far from its command."""
    count = len(state) - lag
    gap = (np.abs(state[lag:] - command[:count]) / spread).max(axis=1)
    gap[contents.place[lag:] != contents.place[:count]] = 0.0
    gap = np.pad(np.nan_to_num(gap), (0, lag))
    honest = [np.quantile(gap[a:b], 0.9) for a, b in contents.bounds.values()]
    bound = max(_MISFIT, 3.0 * float(np.median(honest))) if contents.ours else 0.0
    bound = bound or max(_MISFIT, 5.0 * float(np.median(honest)))
    for start, stop in contents.runs(gap > bound, max(4, round(MISFIT_S * contents.fps))):
        episode, frame = contents.at(start)
        detail = f"the state is {100 * gap[start:stop].max():.0f} % of a joint's range from its "
        detail += f"command for {(stop - start) / contents.fps:.1f} s"
        yield Fault("action_misfit", episode, frame, key, stop - start, detail)
