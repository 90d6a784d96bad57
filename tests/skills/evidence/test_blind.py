"""Blind: who is who, and the order of each scene, are drawn, repeatable and sealed."""

from collections import Counter

import pytest

from kata.datasets.types import ConfigError
from kata.skills.evidence.blind import Blinding


def test_codes_tell_nothing_and_are_put_back() -> None:
    blinding = Blinding(("pick@1.0.0", "pick@1.1.0", "expert"), 3)
    assert blinding.codes == ("x1", "x2", "x3")
    assert set(blinding.sealed) == set(blinding.codes)
    assert set(blinding.sealed.values()) == set(blinding.names)
    assert blinding == Blinding(blinding.names, 3)
    assert blinding.sealed == Blinding(blinding.names, 3).sealed


def test_every_assignment_is_as_likely() -> None:
    firsts = Counter(Blinding(("a", "b"), seed).sealed["x1"] for seed in range(400))
    assert 160 < firsts["a"] < 240


def test_every_scene_has_an_order_of_its_own() -> None:
    blinding = Blinding(("a", "b"), 0)
    orders = [blinding.order(scene) for scene in range(400)]
    assert orders == [blinding.order(scene) for scene in range(400)]
    assert {frozenset(order) for order in orders} == {frozenset(("x1", "x2"))}
    assert 160 < sum(order[0] == "x1" for order in orders) < 240
    assert orders != [Blinding(("a", "b"), 1).order(scene) for scene in range(400)]


def test_a_candidate_comes_once() -> None:
    with pytest.raises(ConfigError, match="a candidate that comes twice"):
        Blinding(("a", "a"), 0)
