"""Cuts as data: what is written is read back, and what cannot be is said."""

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kata.datasets.types import DatasetError
from kata.skills.handover.segmentation.cuts import (
    NOTHING,
    Group,
    Segment,
    Segmentation,
    Segmented,
)


@st.composite
def segmentations(draw: st.DrawFn) -> Segmentation:
    """Any segmentation with up to three groups."""
    groups = draw(st.integers(0, 3))
    episodes = []
    for index in range(draw(st.integers(1, 3))):
        frames = draw(st.integers(4, 200))
        inside = st.lists(st.integers(1, frames - 1), unique=True, max_size=8).map(sorted)
        bounds = [0, *draw(inside), frames]
        segments = tuple(
            Segment(a, b, draw(st.integers(NOTHING, groups - 1)), ("cube", "bin")[: a % 3], "", 0.5)
            for a, b in pairwise(bounds)
        )
        episodes.append(Segmented(index, frames, tuple(draw(inside)), segments))
    named = tuple(Group(k, f"what {k}", ("moved",), 3, 20) for k in range(groups))
    return Segmentation(tuple(episodes), named, draw(st.floats(0, 10).map(lambda x: round(x, 3))))


@given(segmentations())
def test_what_is_written_is_read_back(made: Segmentation) -> None:
    assert Segmentation.of_data(json.loads(json.dumps(made.to_data()))) == made


def data(**changes: Any) -> dict[str, Any]:
    segment = {"start": 0, "stop": 20, "group": 0, "objects": [], "hand": "", "score": 1.0}
    episode = {"episode": 0, "frames": 20, "phases": [5, 9], "segments": [segment]}
    group = {"index": 0, "what": "take", "roles": [], "segments": 1, "frames": 20}
    made = {"format": 1, "threshold": 1.0, "groups": [group], "episodes": [episode | changes]}
    return made


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"phases": [9, 5]}, "phases amiss"),
        ({"phases": [0]}, "phases amiss"),
        ({"phases": [20]}, "phases amiss"),
        ({"segments": []}, "segments amiss"),
        ({"segments": [{"start": 0, "stop": 19, "group": 0}]}, "segments amiss"),
        ({"segments": [{"start": 0, "stop": 20, "group": 1}]}, "groups of segments amiss"),
        ({"segments": [{"start": 0}]}, "not a file of cuts"),
        ({"frames": "many"}, "not a file of cuts"),
    ],
)
def test_cuts_amiss_are_refused(changes: dict[str, Any], said: str) -> None:
    Segmentation.of_data(data())
    with pytest.raises(DatasetError, match=said):
        Segmentation.of_data(data(**changes))


@pytest.mark.parametrize("other", [None, [], {"format": 2}, "cuts"])
def test_other_data_are_refused(other: Any) -> None:
    with pytest.raises(DatasetError, match="not a file of cuts"):
        Segmentation.of_data(other)
