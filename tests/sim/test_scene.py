"""The scene's configuration, and that its parts stand where it says."""

import numpy as np
import pytest

from kata.datasets.types import ConfigError, UnknownNameError
from kata.sim.robots import load
from kata.sim.scene import TableWorldConfig, build_scene
from kata.sim.scene.config import whole_multiple
from kata.sim.world import TableWorld

CUBES = ("red_cube", "blue_cube", "green_cube", "yellow_cube")
ORDER = (*CUBES, "table", "drawer", "bin", "button", "shelf")


def test_the_default_table_is_frozen() -> None:
    config = TableWorldConfig.load()
    assert config == TableWorldConfig()
    assert config.entity_names == ORDER
    x0, x1, y0, y1 = config.area
    assert x1 - x0 >= 0.30 - 1e-9
    assert y1 - y0 >= 0.40 - 1e-9


def test_entities_have_their_tags_in_order() -> None:
    world = TableWorld()
    tags = {name: set(tags) for name, tags in world.atoms.types.items()}
    assert tuple(tags) == tuple(world.observe().entities) == ORDER
    assert tags["red_cube"] == {"cube", "object", "support"}
    assert tags["table"] == {"support", "surface"}
    assert tags["drawer"] == {"container", "openable", "fixture"}
    assert tags["bin"] == {"container", "fixture"}
    assert tags["button"] == {"button", "fixture"}
    assert tags["shelf"] == {"support", "surface", "fixture"}


def test_a_world_by_configuration() -> None:
    config = TableWorldConfig.load(
        objects=[{"name": "big_cube", "colour": [1, 1, 1, 1], "half_m": [0.03, 0.03, 0.03]}],
        drawers=[],
        bins=[{"name": "left_bin", "position": [0.4, 0.45, 0.0]}, {"name": "bin"}],
    )
    world = TableWorld(config)
    seen = world.reset(0).entities
    assert tuple(seen) == ("big_cube", "table", "left_bin", "bin", "button", "shelf")
    assert seen["big_cube"].pose.position[2] == pytest.approx(0.03)
    assert seen["left_bin"].pose.position[1] == pytest.approx(0.45)


def test_turned_fixtures_have_turned_spots() -> None:
    drawer = {"name": "drawer", "position": [0.55, 0.2, 0.0], "yaw_rad": -np.pi / 2}
    world = TableWorld(TableWorldConfig.load(drawers=[drawer]))
    closed = world.observe().entities["drawer"]
    world.set_opening("drawer", 1.0)
    opened = world.observe().entities["drawer"]
    assert np.allclose(opened.pose.position - closed.pose.position, [-0.16, 0, 0], atol=1e-6)
    assert np.allclose(opened.spot - closed.spot, [-0.16, 0, 0], atol=1e-6)
    assert opened.articulation == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ({"robots": "panda"}, "unknown key"),
        ({"drawers": [{"nme": "drawer"}]}, "unknown key"),
        ({"objects": [7]}, "not a mapping"),
        ({"period_s": 0.011}, "whole multiple"),
        ({"bins": [{"name": "drawer"}]}, "two things of one name"),
        ({"area": [0.5, 0.3, 0, 1]}, "empty area"),
    ],
)
def test_a_configuration_that_cannot_be(data: dict[str, object], text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        TableWorldConfig.load(**data)


def test_an_unknown_world_names_the_known() -> None:
    with pytest.raises(UnknownNameError, match="table"):
        TableWorldConfig.load("tabel")


def test_no_room_is_an_error() -> None:
    with pytest.raises(ConfigError, match="no room"):
        TableWorld(TableWorldConfig.load(area=[0.4, 0.42, 0.0, 0.02]))


def test_whole_multiples() -> None:
    assert whole_multiple(0.05, 0.01, "a", "b") == 5
    for pair in ((0.05, 0.02), (0.01, 0.05), (0.05, 0.0)):
        with pytest.raises(ConfigError, match="whole multiple"):
            whole_multiple(*pair, "a", "b")


def test_building_is_quick_and_silent(recwarn: pytest.WarningsRecorder) -> None:
    scene = build_scene(TableWorldConfig.load(), load("panda"))
    assert scene.model.ngeom < 90
    assert not recwarn.list
