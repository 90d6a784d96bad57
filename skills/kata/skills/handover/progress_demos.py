"""The ways that demonstrations of a skill went, from a dataset.

Legend: `T` frames, `S` slots of focus, `K` numbers an entity, `N` entities.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from kata.datasets.types import ENTITY_WIDTH, FRAME_S, Facts
from kata.skills.contract.call import HAND, Call
from kata.skills.contract.contract import Contract

from .progress_frames import Frames, Way, apart, way_of

if TYPE_CHECKING:
    from kata.datasets.dataset import Dataset, Segment


def demonstrated_ways(dataset: Dataset, contract: Contract) -> tuple[Way, ...]:
    """The ways of a skill's successful demonstrations.

    Raises:
        UnknownNameError: the dataset has none of the skill.
        DatasetError: its frames have other facts or arguments than the contract speaks of.
    """
    segments = dataset.segments(contract.name, success=True)
    return tuple(_way(dataset, contract, segment) for segment in segments)


def _way(dataset: Dataset, contract: Contract, segment: Segment) -> Way:
    arguments = dict(segment.arguments)
    hand = arguments.pop(HAND, "")
    call = Call.of(contract, arguments, hand) if hand else Call.of(contract, arguments)
    rows = np.arange(segment.start, segment.stop)
    features = _frames(dataset, call, rows).features()
    truth, margins = dataset.column("facts")[rows], dataset.column("facts_margin")[rows]
    reached = [
        call.achieves.evaluate(Facts(dataset.table, t, m.astype(float), k * FRAME_S)).value is True
        for k, (t, m) in enumerate(zip(truth, margins, strict=True))
    ]
    return way_of(features, reached, bool(reached[-1]))


def _frames(dataset: Dataset, call: Call, rows: NDArray[np.int64]) -> Frames:
    """As `Frames.of` sees them, of all rows at once."""
    hands = dataset.schema.hands
    acting = next((hands.index(name) for name in call.hands if name in hands), 0)
    tools = dataset.column("observation.tool_pose")[rows].reshape(len(rows), -1, 7)
    state = dataset.column("observation.environment_state")[rows]
    entities = state.reshape(len(rows), -1, ENTITY_WIDTH).astype(float)
    rest = [i for i, name in enumerate(dataset.entities) if name not in call.focus]
    focus = dataset.focus(rows).astype(float)
    return Frames(
        dataset.column("observation.state")[rows].astype(float),
        tools[:, acting].astype(float),
        focus,
        apart(focus[..., :3], entities[:, rest, :3]),
    )
