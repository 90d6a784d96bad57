"""Fits learned progress to ways, and sets its thresholds on ways that were held out.

Legend: `W` ways, `T` frames, `F` features, `M` members of an ensemble.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kata.datasets.types import FRAME_S, Array, DatasetError

from .boosting import Trees, edges_of, fit_trees
from .calibration import calibrated, mean_logits, sigmoid
from .progress import MOST_ON_THE_WAY, ProgressModel, ProgressQuality, Stay
from .progress_frames import Way
from .start_model import calibration_error

LEAST_REACHED = 20
"""With fewer ways that got there nothing can be learned of the end."""

FALSE_DONE, MISSED_DONE = 0.01, 0.02
"""Shares of rollouts that may end wrongly, and that may go on though they are there."""

_FOLDS, _MEMBERS = 3, 2
_MOST_FRAMES = 5000
_BINS, _BINS_AT_TURNS = 24, 72
_EDGE = 8
"""Frames before and after `achieves` turns that get half of the room: there it is decided."""

_EARLY_S = 0.3
"""What is said so shortly before `achieves` holds is not false: the skill was done with it."""

_HYSTERESIS = (1.5, 3.0, 4.5)
"""In log-odds, what may lie between the thresholds of getting there and of being there no more."""

_PATIENCE = 1.3
"""How much longer than the slowest good way a call may stay as far as it is."""

_LEAST_PATIENCE_S = 2.0


def fit_progress(ways: Sequence[Way], settle_s: float, seed: int) -> ProgressModel:
    """Fit to ways, with thresholds for `settle_s` of a hold; equal seeds give equal models.

    Raises DatasetError for no ways, ways of different widths, or fewer than `LEAST_REACHED` that
    got there.
    """
    kept = _checked(ways)
    fold = np.random.default_rng(seed).permutation(len(kept)) % _FOLDS
    raw: list[Array] = [np.empty(0)] * len(kept)
    shares: list[Array] = [np.empty(0)] * len(kept)
    for k in range(_FOLDS):
        fitted = _fit([way for way, f in zip(kept, fold, strict=True) if f != k], seed + k)
        for w in np.flatnonzero(fold == k):
            features = kept[w].features.astype(float)
            raw[w] = mean_logits(fitted.there, features)
            shares[w] = MOST_ON_THE_WAY * sigmoid(mean_logits(fitted.share, features))
    labels = np.concatenate([way.reached for way in kept])
    scale, shift = calibrated(np.concatenate(raw), labels)
    there = [sigmoid(scale * logits + shift) for logits in raw]
    settle = max(1, round(settle_s / FRAME_S))
    enter, leave = _thresholds(kept, there, settle)
    values = [t + (1.0 - t) * s for t, s in zip(there, shares, strict=True)]
    false, missed = endings(kept, there, enter, leave, settle)
    got = [w for w, way in enumerate(kept) if way.arrival < len(way.reached)]
    errors = [np.abs(values[w] - share_of(kept[w])).mean() for w in got]
    quality = ProgressQuality(
        len(kept),
        len(got),
        float(np.mean(errors)),
        calibration_error(np.concatenate(there), labels),
        false,
        missed,
    )
    slowest = max(longest_stay(values[w][: kept[w].arrival + 1]) for w in got)
    patience = max(_LEAST_PATIENCE_S, _PATIENCE * slowest)
    whole = _fit(kept, seed + _FOLDS)
    return ProgressModel(
        whole.share, whole.there, scale, shift, enter, leave, patience,
        kept[0].features.shape[1], quality,
    )  # fmt: skip


def enough(ways: Sequence[Way]) -> bool:
    """Whether so many of these got there that progress can be learned of them."""
    return sum(way.arrival < len(way.reached) for way in ways) >= LEAST_REACHED


def share_of(way: Way) -> Array:
    """Share (T,) of the way behind each frame, 1 from the arrival on."""
    steps = np.arange(len(way.reached), dtype=float)
    return np.minimum(1.0, steps / max(1, way.arrival))


def said_at(there: Array, enter: float, leave: float, settle: int) -> int | None:
    """The frame in which a call is over: `enter` reached, and `settle` frames not below `leave`."""
    since: int | None = None
    for t, chance in enumerate(there):
        if since is None and chance >= enter:
            since = t
        elif since is not None and chance < leave:
            since = None
        if since is not None and t - since >= settle:
            return t
    return None


def endings(
    ways: Sequence[Way], there: Sequence[Array], enter: float, leave: float, settle: int
) -> tuple[float, float]:
    """Share of ways that end though `achieves` does not hold, and of those there that do not."""
    false = missed = reached = 0
    early = round(_EARLY_S / FRAME_S)
    for way, chances in zip(ways, there, strict=True):
        last = len(way.reached) - 1
        # A way that is cut off while it settles has not shown whether it would have been missed.
        held = last - way.arrival >= settle
        reached += held
        said = said_at(chances, enter, leave, settle)
        if said is None:
            missed += held
        elif not way.reached[min(said + early, last)]:
            false += 1
    return false / len(ways), missed / max(1, reached)


@dataclass(frozen=True, slots=True)
class _Fitted:
    share: tuple[Trees, ...]
    there: tuple[Trees, ...]


def _checked(ways: Sequence[Way]) -> list[Way]:
    widths = sorted({way.features.shape[1] for way in ways if len(way.reached)})
    if len(widths) != 1:
        raise DatasetError(
            "no progress can be learned",
            expected="frames of equal width",
            got="no frames" if not widths else f"widths {widths}",
            hint="record demonstrations of the skill on one robot",
        )
    kept = [way for way in ways if len(way.reached)]
    if not enough(kept):
        raise DatasetError(
            "no progress can be learned",
            expected=f"{LEAST_REACHED} ways in which `achieves` comes to hold, or more",
            got=f"{len(kept)} ways, of which too few get there",
            hint="record more demonstrations of the skill",
        )
    return kept


def _fit(ways: Sequence[Way], seed: int) -> _Fitted:
    """Both ensembles, on frames that are thinned where little happens."""
    rng = np.random.default_rng(seed)
    got = [way for way in ways if way.arrival < len(way.reached)]
    usual = int(np.median([way.arrival for way in got]))
    rows, held, far, shares = [], [], [], []
    near = [_near_turns(way, _EDGE) for way in ways]
    close = sum(int(each.sum()) for each in near)
    rest = sum(len(each) for each in near) - close
    for way, edge in zip(ways, near, strict=True):
        count = len(way.reached)
        room = np.where(edge, _MOST_FRAMES / 2 / max(1, close), _MOST_FRAMES / 2 / max(1, rest))
        chosen = rng.random(count) < room
        arrived = way.arrival < count
        # What a good way would have ended by then has got nowhere.
        lost = np.arange(count) > 2 * usual
        rows.append(way.features[chosen])
        held.append(way.reached[chosen])
        share = share_of(way) if arrived else np.zeros(count)
        shares.append(share[chosen])
        use = ~way.reached if arrived else lost & ~way.reached
        far.append(use[chosen])
    features, use = np.concatenate(rows).astype(float), np.concatenate(far)
    turns = np.concatenate([way.features[_near_turns(way, 2)] for way in ways])
    edges = None
    if len(turns):
        # What a fact turns by may be a millimetre: bins are fine where it does.
        fine = edges_of(turns.astype(float), _BINS_AT_TURNS)
        edges = [np.union1d(*pair) for pair in zip(edges_of(features, _BINS), fine, strict=True)]
    return _Fitted(
        _ensemble(features[use], np.concatenate(shares)[use], seed, 60),
        _ensemble(features, np.concatenate(held).astype(float), seed, 100, edges),
    )


def _near_turns(way: Way, reach: int) -> NDArray[np.bool_]:
    """Frames (T,) within `reach` of where `achieves` turns."""
    near = np.zeros(len(way.reached), dtype=bool)
    for turn in np.flatnonzero(np.diff(way.reached)) + 1:
        near[max(0, turn - reach) : turn + reach] = True
    return near


def _ensemble(
    features: Array, labels: Array, seed: int, rounds: int, edges: Sequence[Array] | None = None
) -> tuple[Trees, ...]:
    return tuple(
        fit_trees(features, labels, seed * 100 + m, rounds=rounds, rate=0.15, edges=edges)
        for m in range(_MEMBERS)
    )


def _thresholds(ways: Sequence[Way], there: Sequence[Array], settle: int) -> tuple[float, float]:
    """Thresholds with which held-out ways end best; the middle of those that are equally good."""
    best: list[tuple[float, float]] = []
    least = np.inf
    for gap in _HYSTERESIS:
        for logit in np.arange(-2.0, 5.01, 0.25):
            pair = float(sigmoid(float(logit))), float(sigmoid(float(logit) - gap))
            false, missed = endings(ways, there, *pair, settle)
            cost = max(false / FALSE_DONE, missed / MISSED_DONE)
            if cost < least - 0.05:
                best, least = [], cost
            if cost < least + 0.05:
                best.append(pair)
    return best[len(best) // 2]


def longest_stay(values: Array) -> float:
    """For how long, in s, progress (T,) did not change, at most."""
    stay = Stay(float(values[0]), 0.0)
    return max(stay.add(float(value), t * FRAME_S) for t, value in enumerate(values))
