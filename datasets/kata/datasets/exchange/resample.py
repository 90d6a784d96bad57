"""From messages that come when they like to frames at a fixed rate, and what that cost.

Legend: `N` messages, `T` frames, `W` numbers a message.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..types import ConfigError
from .topic_map import Method

Stamps = NDArray[np.int64]

_SECOND = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Sync:
    """How well one topic fits the frames of one episode.

    Attributes:
        messages: N.
        unused: messages that came between two frames, so that no frame shows them.
        repeated: frames that show a message that the frame before showed already.
        disordered: messages whose stamp is before that of the one before.
        age_ms: median, 99 % quantile and greatest age of what a frame shows.
    """

    topic: str
    messages: int
    unused: int
    repeated: int
    disordered: int
    age_ms: tuple[float, float, float]

    def to_json(self) -> dict[str, Any]:
        """Plain data for `result.json`."""
        names = ("messages", "unused", "repeated", "disordered")
        return {name: getattr(self, name) for name in names} | {
            "age_ms": [round(value, 3) for value in self.age_ms]
        }


def ticks(begin: int, end: int, fps: int) -> Stamps:
    """Instants in ns of the frames from `begin` to `end`, both in it (T,)."""
    count = int((end - begin) * fps // _SECOND) + 2
    times = begin + np.round(np.arange(count) * (_SECOND / fps)).astype(np.int64)
    return np.asarray(times[times <= end])


def choose(stamps: Stamps, at: Stamps, method: Method) -> NDArray[np.int64]:
    """The message that each frame shows (T,); stamps (N,) ascend and begin before the frames.

    For `linear` it is the message before the frame.
    """
    before = np.clip(np.searchsorted(stamps, at, side="right") - 1, 0, len(stamps) - 1)
    if method != "nearest":
        return np.asarray(before)
    after = np.minimum(before + 1, len(stamps) - 1)
    closer = np.abs(stamps[after] - at) < np.abs(at - stamps[before])
    return np.asarray(np.where(closer, after, before))


def interpolate(stamps: Stamps, values: NDArray[Any], at: Stamps) -> NDArray[Any]:
    """Values (N, W) between the messages on a straight line in time (T, W)."""
    before = choose(stamps, at, "last")
    after = np.minimum(before + 1, len(stamps) - 1)
    gap = np.maximum(stamps[after] - stamps[before], 1)
    share = np.clip((at - stamps[before]) / gap, 0.0, 1.0)[:, None]
    return np.asarray(
        np.where(share == 0, values[before], (1 - share) * values[before] + share * values[after])
    )


def sync(topic: str, stamps: Stamps, disordered: int, shown: NDArray[np.int64], at: Stamps) -> Sync:
    """What the choice of messages cost."""
    inside = int(((stamps >= at[0]) & (stamps <= at[-1])).sum())
    used = len(np.unique(shown[stamps[shown] >= at[0]]))
    age = np.abs(at - stamps[shown]) / 1e6
    return Sync(
        topic,
        len(stamps),
        max(inside - used, 0),
        int((np.diff(shown) == 0).sum()),
        disordered,
        (float(np.median(age)), float(np.quantile(age, 0.99)), float(age.max())),
    )


def span(bounds: list[tuple[int, int]], where: str) -> tuple[int, int]:
    """The time in ns in which every topic speaks. Raises ConfigError where there is none."""
    begin, end = max(first for first, _ in bounds), min(last for _, last in bounds)
    if end < begin:
        raise ConfigError(
            "the topics do not speak at the same time",
            where=where,
            expected="messages of every topic that overlap",
            got=f"one begins {(begin - end) / _SECOND:.3f} s after another ended",
            hint="method: hold for a topic that speaks only when something changes",
        )
    return begin, end
