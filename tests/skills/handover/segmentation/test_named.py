"""From groups of segments to named calls."""

import numpy as np
import pytest

from kata.datasets.types import Atom, DatasetError
from kata.skills.contract.contract import Contract
from kata.skills.contract.files import parse_contract
from kata.skills.handover.segmentation.cuts import NOTHING, Group, Segment, Segmentation, Segmented
from kata.skills.handover.segmentation.cuts_file import Span
from kata.skills.handover.segmentation.named import drafts, named, reached, renamed
from kata.skills.handover.segmentation.seen import Seen

ATOMS = (Atom.parse("gripper_empty()"), Atom.parse("open(drawer)"), Atom.parse("open(box)"))
TYPES = {name: frozenset({"openable", "container"}) for name in ("drawer", "box")}
GROUPS = (Group(0, "slide out", ("moved",), 3, 40),)


def seen(opened: int | None, what: int = 1) -> Seen:
    """40 frames in which something opens at a frame, or never."""
    truth = np.zeros((40, 3), dtype=np.int8)
    truth[:, 0] = 1
    if opened is not None:
        truth[opened:, what] = 1
    return Seen(ATOMS, truth, TYPES)


def segmentation(*segments: Segment) -> Segmentation:
    episodes = tuple(Segmented(index, 40, (), (segment,)) for index, segment in enumerate(segments))
    return Segmentation(episodes, GROUPS, 1.0)


def test_a_segment_without_an_effect_is_called_like_most_of_its_group() -> None:
    cut = segmentation(*(Segment(0, 40, 0, (name,)) for name in ("drawer", "box", "drawer")))
    views = {0: seen(30), 1: seen(None), 2: seen(20)}
    cuts = named(cut, views, "demos", "abc", 20)
    calls = [(e.spans[0].skill, dict(e.spans[0].arguments)) for e in cuts.episodes]
    assert calls == [("open", {"container": name}) for name in ("drawer", "box", "drawer")]
    assert not cuts.corrected


def test_a_group_that_does_nothing_known_is_numbered() -> None:
    cut = segmentation(Segment(0, 40, 0, ("drawer",)))
    cuts = named(cut, {0: seen(None)}, "demos", "abc", 20)
    assert cuts.skills == {"skill_1": ("moved",)}
    contracts, reasons = drafts(cuts, {0: seen(None)})
    assert not contracts
    assert "no effect in common" in reasons["skill_1"]
    assert "no poses" in drafts(cuts, {})[1]["skill_1"]


def test_a_segment_in_which_nothing_happens_is_left_out_unless_there_is_no_other() -> None:
    idle = Segment(20, 40, NOTHING)
    both = Segmented(0, 40, (), (Segment(0, 20, 0, ("drawer",)), idle))
    cuts = named(Segmentation((both,), GROUPS, 1.0), {0: seen(15)}, "demos", "abc", 20)
    assert [span.skill for span in cuts.episodes[0].spans] == ["open"]
    alone = Segmented(0, 40, (), (Segment(0, 40, NOTHING),))
    cuts = named(Segmentation((alone,), (), 1.0), {}, "demos", "abc", 20)
    assert [span.skill for span in cuts.episodes[0].spans] == ["skill_1"]


OPEN = b"""
format: 2
name: open
version: 1.0.0
summary: Open it.
parameters: {container: openable}
achieves: open(?container)
duration_s: 6.0
"""


def contract() -> Contract:
    return parse_contract(OPEN)


@pytest.mark.parametrize(("opened", "good"), [(30, True), (None, False)])
def test_a_segment_is_a_success_if_it_ends_as_promised(opened: int | None, good: bool) -> None:
    span = Span(0, 40, "open", {"container": "drawer"})
    assert reached(contract(), seen(opened), span) is good


def test_margins_are_not_asked_for_where_only_truth_was_recorded() -> None:
    span = Span(0, 40, "open", {"container": "drawer"})
    firm = parse_contract(OPEN.replace(b"open(?container)", b"open(?container) >= 2"))
    assert reached(firm, seen(30), span)
    assert not reached(firm, seen(None), span)


def test_what_no_fact_tells_counts_as_reached() -> None:
    span = Span(0, 40, "open", {"container": "drawer"})
    text = OPEN.replace(b"open(?container)", b"open(?container) and upright(?container)")
    assert reached(parse_contract(text), seen(30), span)
    assert not reached(parse_contract(text), seen(None), span)


def test_an_episode_in_which_nothing_happens_takes_no_name_from_others() -> None:
    cut = segmentation(Segment(0, 40, 0, ("drawer",)), Segment(0, 40, NOTHING))
    cuts = named(cut, {}, "demos", "abc", 20)
    assert cuts.skills == {"skill_1": ("moved",)}
    assert [len(episode.spans) for episode in cuts.episodes] == [1, 0]


def test_parameters_are_matched_by_name_then_by_order() -> None:
    assert renamed(contract(), ("container",)) == {"container": "container"}
    assert renamed(contract(), ("moved",)) == {"moved": "container"}
    with pytest.raises(DatasetError, match="other parameters"):
        renamed(contract(), ("moved", "target"))
