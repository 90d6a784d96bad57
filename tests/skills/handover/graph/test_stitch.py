"""From demonstrations to a graph: nodes, edges and bridges, and what is refused."""

import numpy as np
import pytest

from kata.datasets.dataset import Dataset
from kata.datasets.testing import fake_dataset, fake_robot
from kata.datasets.types import DatasetError, FeatureSpec
from kata.skills.handover.graph import StitchOptions, similarity, stitch
from kata.skills.testing.fake_two_hands import TwoHandWorld

ROBOT = fake_robot()
FAR = StitchOptions(least=1e-300)


def test_nodes_are_every_fourth_frame_and_the_last_one(recorded):
    graph = stitch([recorded()], ROBOT)
    assert graph.skills == ("open", "pick")
    assert np.bincount(graph.episode).tolist() == [6, 6, 6, 6]
    assert graph.first.tolist() == [0, 6, 12, 18]
    assert graph.starts("open").tolist() == [6, 18]
    assert graph.starts("fly").tolist() == []
    assert graph.arms == tuple(range(7))


def test_without_an_action_on_a_thing_a_demonstration_can_be_gone_both_ways(recorded):
    graph = stitch([recorded()], ROBOT)
    along = {tuple(edge) for edge in graph.edges[~graph.bridges].tolist()}
    assert along == {(a, b) for n in range(0, 24, 6) for i in range(n, n + 5)
                     for a, b in ((i, i + 1), (i + 1, i))}  # fmt: skip
    assert not graph.buffer[~graph.bridges].any()


def test_bridges_lead_to_the_most_similar_frames_of_each_skill(recorded):
    graph = stitch([recorded()], ROBOT, FAR)
    bridges = graph.edges[graph.bridges]
    assert {tuple(edge) for edge in bridges.tolist()} == {
        tuple(edge) for edge in bridges[:, ::-1].tolist()
    }
    node = 2
    others = np.flatnonzero((graph.episode != graph.episode[node]) & (graph.skill == 0))
    alike = similarity(
        graph.states.take(np.full(len(others), node)), graph.states.take(others), graph.arms
    )
    best = others[alike.argmax()]
    assert (node, int(best)) in {tuple(edge) for edge in bridges.tolist()}


def test_a_bridge_below_the_least_similarity_is_left_out(recorded):
    data = recorded()
    few, many = (stitch([data], ROBOT, StitchOptions(least=x)).bridges.sum() for x in (0.1, 1e-300))
    assert few < many


def test_a_full_hand_and_an_empty_one_are_not_joined(recorded):
    graph = stitch([recorded(held=range(8, 16))], ROBOT, FAR)
    assert graph.carrying.any()
    assert not graph.carrying.all()
    ends = graph.carrying[graph.edges]
    assert (ends[:, 0] == ends[:, 1]).all()


def test_equal_demonstrations_give_equal_graphs(recorded):
    one, other = stitch([recorded("a")], ROBOT), stitch([recorded("b")], ROBOT)
    assert np.array_equal(one.edges, other.edges)
    assert np.array_equal(one.buffer, other.buffer)
    assert np.array_equal(one.states.position, other.states.position)


def test_many_frames_are_thinned_out(recorded):
    graph = stitch([recorded()], ROBOT, StitchOptions(most_nodes=12))
    assert len(graph) <= 12
    with pytest.raises(DatasetError, match="too many demonstrations"):
        stitch([recorded("again")], ROBOT, StitchOptions(most_nodes=3))


def test_several_datasets_make_one_graph(tmp_path):
    data = [
        fake_dataset(tmp_path / skill, episodes=2, skills=(skill,)) for skill in ("pick", "open")
    ]
    assert stitch(data, ROBOT).skills == ("open", "pick")


def refusal(datasets, robot=ROBOT):
    with pytest.raises(DatasetError) as caught:
        stitch(datasets, robot)
    return caught.value


def test_no_demonstrations_are_refused():
    error = refusal([])
    assert str(error) == (
        "no demonstrations to make a transition graph of (in no dataset)\n"
        "  expected: at least one successful episode\n"
        "  do:       record some: kata record skill=SKILL out=DIR"
    )


def test_another_robot_is_refused(tmp_path):
    data = fake_dataset(tmp_path / "data")
    assert "dataset of another robot" in str(refusal([data], fake_robot("other", 6)))


def test_a_robot_with_two_hands_is_refused():
    assert "expected: one hand" in str(refusal([], TwoHandWorld().robot))


def test_a_dataset_without_velocities_is_told_what_is_missing(tmp_path):
    whole = fake_dataset(tmp_path / "data")
    kept = {key: spec for key, spec in whole.spec.items() if key != "observation.velocity"}
    data = Dataset(whole.root, whole.schema, FeatureSpec.of(kept), whole._entries)
    error = refusal([data])
    assert error.what == "a dataset that lacks what a transition graph needs"
    assert error.expected == "observation.velocity"
    assert "kata record" in error.hint


def test_a_moving_thing_that_is_not_held_ends_a_way(recorded):
    graph = stitch([recorded()], ROBOT, StitchOptions(still_m_s=-1.0))
    assert graph.bridges.all()
