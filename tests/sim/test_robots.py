"""Robots by name: the built-in panda against the Menagerie's, guesses, files of one's own."""

from pathlib import Path

import mujoco
import numpy as np
import pytest

from kata.datasets.types import ConfigError, UnknownNameError
from kata.sim.pictures import robot_picture
from kata.sim.robots import add, describe, load, names
from kata.sim.robots.description import parse, to_data
from kata.sim.robots.kinematics import ToolKinematics

URDF = """<robot name="stick"><link name="base"/>
{links}
</robot>"""


def _chain(count: int) -> str:
    parts = []
    for i in range(count):
        parent = "base" if i == 0 else f"l{i - 1}"
        parts.append(
            f'<link name="l{i}"><inertial><mass value="1"/><inertia ixx="0.01" iyy="0.01" izz='
            '"0.01" ixy="0" ixz="0" iyz="0"/></inertial></link>'
            f'<joint name="j{i}" type="revolute"><parent link="{parent}"/><child link="l{i}"/>'
            f'<origin xyz="0 0 0.1"/><axis xyz="{i % 2} {1 - i % 2} 0"/>'
            '<limit lower="-2" upper="2" effort="50" velocity="2"/></joint>'
        )
    return URDF.format(links="\n".join(parts))


def test_the_panda_has_frankas_kinematics() -> None:
    ours, theirs = (ToolKinematics(load(n)) for n in ("panda", "franka_emika_panda"))
    rng = np.random.default_rng(0)
    limits = ours.spec.limits
    for _ in range(50):
        joints = rng.uniform(limits.lower, limits.upper)
        metres, radians = ours.forward(joints).distance(theirs.forward(joints))
        assert metres < 1e-6
        assert radians < 1e-6


def test_the_panda_has_frankas_limits_and_masses() -> None:
    ours, theirs = load("panda"), load("franka_emika_panda")
    for key in ("lower", "upper", "velocity", "acceleration", "jerk"):
        assert np.allclose(getattr(ours.spec.limits, key), getattr(theirs.spec.limits, key))
    assert np.array_equal(ours.spec.limits.velocity[:7], [2.175] * 4 + [2.61] * 3)
    one, two = ours.make().compile(), theirs.make().compile()
    for i in range(1, 8):
        body = f"link{i}"
        assert one.body(body).mass[0] == pytest.approx(two.body(body).mass[0], rel=1e-6)
    assert one.body_mass.sum() == pytest.approx(two.body_mass.sum(), rel=0.01)
    assert np.array_equal(one.actuator_forcerange[:7], two.actuator_forcerange[:7])


def test_the_same_joints_and_hand_on_both_pandas() -> None:
    ours, theirs = load("panda").spec, load("franka_emika_panda").spec
    assert ours.parts == theirs.parts
    assert ours.hands == theirs.hands
    assert ours.fingerprint() != theirs.fingerprint()


@pytest.mark.parametrize(
    ("name", "parts", "missing"),
    [
        ("universal_robots_ur5e", {"arm": 6}, "no gripper"),
        ("aloha", {"left_arm": 6, "left_gripper": 1, "right_arm": 6, "right_gripper": 1}, "2"),
        (
            "unitree_g1",
            {"left_leg": 6, "right_leg": 6, "torso": 1, "left_arm": 5, "left_hand_fingers": 7,
             "right_arm": 5, "right_hand_fingers": 7},
            "2",
        ),
    ],
)  # fmt: skip
def test_robots_without_a_file_are_guessed(name: str, parts: dict[str, int], missing: str) -> None:
    robot = load(name)
    assert {p.name: len(p.joints) for p in robot.spec.parts} == parts
    assert missing in robot.missing
    assert robot.description.guessed
    assert robot.make().compile().nu == robot.spec.size
    with pytest.raises(ConfigError, match="cannot run"):
        robot.require_manipulation()


def test_a_guessed_panda_has_the_tool_of_the_described_one(kata_home: Path) -> None:
    root = Path(describe("franka_emika_panda").name)
    import mujoco_menagerie

    path, description = add(mujoco_menagerie.get(str(root)).xml("panda"), "own_panda")
    assert path == kata_home / "robots" / "own_panda.yaml"
    assert "own_panda" in names()
    own, known = load("own_panda"), load("panda")
    assert not own.missing
    assert own.spec.joints == known.spec.joints
    home = known.spec.home
    metres, radians = (
        ToolKinematics(own).forward(home).distance(ToolKinematics(known).forward(home))
    )
    assert metres < 0.005
    assert radians < 1e-3
    assert parse(to_data(description), "test").parts == description.parts


def test_a_urdf_is_added_and_says_what_was_guessed(tmp_path: Path) -> None:
    file = tmp_path / "My-Stick.urdf"
    file.write_text(_chain(6))
    _, description = add(file)
    assert description.name == "my_stick"
    assert [p.kind for p in description.parts] == ["arm"]
    assert any("no actuators" in said for said in description.guessed)
    robot = load("my_stick")
    assert "no gripper" in robot.missing
    assert robot.make().compile().nu == 6
    with pytest.raises(ConfigError, match="already"):
        add(file)


def test_files_that_are_no_robot(tmp_path: Path) -> None:
    for name, text in (("a.txt", "x"), ("b.xml", "<mujoco/>"), ("c.urdf", "<robot"), ("d.xml", "")):
        (tmp_path / name).write_text(text)
        with pytest.raises(ConfigError):
            add(tmp_path / name)
    with pytest.raises(ConfigError):
        add(tmp_path / "missing.xml")
    with pytest.raises(ConfigError, match="lower case"):
        add(tmp_path / "b.xml", "No Name")


def test_an_unknown_robot_names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="'panda'"):
        load("pnda")


def test_a_robot_file_that_does_not_fit(kata_home: Path) -> None:
    folder = kata_home / "robots"
    folder.mkdir(parents=True)
    for text, what in (
        ("name: x", "source"),
        ("[1]", "mapping"),
        ("name: x\nsource: sky\nparts: []", "unknown source"),
        ("name: x\nsource: builtin\nparts: [{name: arm, kind: arm, joints: [joint9]}]", "joint9"),
        ("name: x\nsource: builtin\nparts: [{name: a, kind: arm, joints: [joint1], home: [1, 2]}]",
         "numbers"),
    ):  # fmt: skip
        (folder / "x.yaml").write_text(text)
        with pytest.raises(ConfigError, match=what):
            load("x")


@pytest.mark.parametrize("name", ["panda", "unitree_g1"])
def test_a_picture_shows_the_robot(name: str) -> None:
    image = robot_picture(load(name), 160, 120)
    assert image.shape == (120, 160, 3)
    assert image.std() > 15


def test_models_are_prepared_alike() -> None:
    model = load("panda").make().compile()
    assert model.nkey == model.nlight == model.nsensor == 0
    assert np.array_equal(np.unique(model.geom_contype), [0, 2])
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    # Gravity is compensated: without a servo's force nothing accelerates downwards.
    assert np.abs(data.qfrc_bias - data.qfrc_gravcomp).max() < 1e-6
