"""A boundary on disk: sections, the former format, and what is refused."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load, save

from kata.datasets.types import Command, PackageError, Pose
from kata.skills.contract.call import Call
from kata.skills.handover.boosting import Trees, fit_trees
from kata.skills.handover.boundary import anchor_of, fit_boundary
from kata.skills.handover.features import Start, StartSample, encode
from kata.skills.handover.progress import ProgressModel, ProgressQuality
from kata.skills.handover.progress_frames import Frames
from kata.skills.handover.sections import Fits, Section
from kata.skills.handover.storage import SECTIONS, load_boundary, save_boundary
from kata.skills.testing import CONTRACTS, FakeWorld

PICK = Call(CONTRACTS["pick"], ("red_cube",))
CARD, TENSORS = "boundary.json", "boundary.safetensors"


def samples(count=80):
    rng, world, found = np.random.default_rng(0), FakeWorld(), []
    for _ in range(count):
        start = Start.of(PICK.seen(world.reset(int(rng.integers(1000)))))
        position = np.append(rng.uniform((-0.5, -0.5, 0.0), (0.7, 0.7, 0.6)), 0.08)
        moved = start.moved(position, np.concatenate([position[:3], start.tool[3:]]))
        found.append(StartSample(moved, bool(moved.tool[2] > 0.2)))
    return found


@pytest.fixture(scope="module")
def boundary():
    world = FakeWorld()
    return fit_boundary(samples(), [3], 0, contract=CONTRACTS["pick"], robot=world.robot)


def rewritten(folder, change):
    """Let `change` alter the card."""
    card = json.loads((folder / CARD).read_text())
    change(card)
    (folder / CARD).write_text(json.dumps(card))


def test_every_section_has_the_two_methods_and_comes_back(boundary, tmp_path):
    assert all(issubclass(part, Section) for part in SECTIONS.values())
    save_boundary(boundary, tmp_path)
    card = json.loads((tmp_path / CARD).read_text())
    assert card["format"] == 2
    assert (card["skill"], card["slots"]) == ("pick", 1)
    assert card["robot"] == list(FakeWorld().robot.joints)
    assert set(card["sections"]) == {"model", "pool", "novelty"}
    read = load_boundary(tmp_path)
    seen = FakeWorld().observe()
    assert read.may_start(PICK, seen) == boundary.may_start(PICK, seen)
    assert read.fits == boundary.fits
    assert read.usual == boundary.usual


def test_a_verdict_tells_how_new_the_start_is_and_does_not_decide_by_it(boundary):
    seen = FakeWorld().observe()
    verdict = boundary.may_start(PICK, seen)
    assert 0.0 < verdict.numbers["novelty_p"] <= 1.0
    assert "novelty p" in verdict.reason
    bare = fit_boundary(samples(), [3], 0)
    assert verdict.probability == bare.may_start(PICK, seen).probability


def test_it_is_for_its_skill_and_robot_alone(boundary):
    world = FakeWorld()
    assert boundary.on(CONTRACTS["pick"], world.robot, world.kinematics, "here").kinematics
    place = CONTRACTS["place_in"]
    with pytest.raises(PackageError, match="a boundary of another skill") as error:
        boundary.on(place, world.robot, world.kinematics, "here")
    assert (error.value.expected, error.value.got) == ("place_in", "pick")


@pytest.mark.parametrize(
    ("fits", "what"),
    [
        (Fits("pick", ("a", "b"), 1), "another robot"),
        (Fits("pick", FakeWorld().robot.joints, 2), "another number of focus slots"),
    ],
)
def test_what_does_not_fit_is_named(fits, what):
    with pytest.raises(PackageError, match=what) as error:
        fits.check(CONTRACTS["pick"], FakeWorld().robot, "boundary.json")
    assert error.value.hint
    assert error.value.expected != error.value.got


def test_what_a_robot_does_not_have_is_not_looked_at(boundary, tmp_path):
    """A column beyond the robot's joints would fail in the middle of the work."""
    save_boundary(boundary, tmp_path)
    rewritten(tmp_path, lambda card: card["sections"]["model"].update(grippers=[40]))
    world = FakeWorld()
    with pytest.raises(PackageError, match="a boundary of another robot") as error:
        load_boundary(tmp_path).on(PICK.contract, world.robot, world.kinematics, "here")
    assert (error.value.got, error.value.expected) == ("40", "grippers among the 4 joints of point")


@pytest.mark.parametrize("name", ["pick", "place_in"])
def test_progress_of_another_width_is_refused(name):
    world, contract = FakeWorld(), CONTRACTS[name]
    names = ("red_cube", "drawer")[: len(contract.parameters)]
    seen = Call(contract, names).seen(world.observe())
    width = Frames.of(seen).features().shape[1]
    trees = (Trees(0.0, np.zeros((0, 3), np.int64), np.zeros((0, 3)), np.zeros((0, 4))),)
    quality = ProgressQuality(1, 1, 0.0, 0.0, 0.0, 0.0)
    progress = ProgressModel(trees, trees, 1.0, 0.0, 0.9, 0.3, 2.0, width, quality)
    learned = replace(fit_boundary([], [3], 0), progress=progress)
    assert learned.on(contract, world.robot, world.kinematics, "here")
    other = replace(learned, progress=replace(progress, width=width + 1))
    with pytest.raises(PackageError, match="a boundary of other arguments") as error:
        other.on(contract, world.robot, world.kinematics, "here")
    assert error.value.expected == f"progress: {width} features of {name}"
    assert error.value.got == str(width + 1)


def format_1(folder):
    """A boundary as format 1 wrote it, and its trees."""
    given = samples()
    labels = np.array([s.success for s in given])
    trees = fit_trees(encode([s.start for s in given]), labels, 0, rounds=5)
    card = {
        "format": 1, "kind": "learned", "members": 1, "base": [trees.base],
        "scale": 1.0, "shift": 0.0,
        "quality": {"samples": 80.0, "rate": 0.6, "brier": 0.1, "brier_skill": 0.5,
                    "calibration_error": 0.02},
    }  # fmt: skip
    position = np.array([s.start.position for s in given[:3]])
    position[:, 3] = np.nan
    tensors = {
        "0.feature": trees.feature, "0.threshold": trees.threshold, "0.leaf": trees.leaf,
        "starts.position": position, "starts.tool": np.array([s.start.tool for s in given[:3]]),
    }  # fmt: skip
    (folder / CARD).write_text(json.dumps(card))
    (folder / TENSORS).write_bytes(save(tensors))
    return trees


def test_the_former_format_says_the_same_as_ever(tmp_path):
    trees = format_1(tmp_path)
    read = load_boundary(tmp_path)
    seen = PICK.seen(FakeWorld().observe())
    chance = 1.0 / (1.0 + np.exp(-trees.logits(encode([Start.of(seen)]))))
    assert read.may_start(PICK, seen).probability == pytest.approx(float(chance[0]))
    assert read.fits is None
    assert read.usual == pytest.approx(0.6)
    starts = read.starts(PICK, seen, 5)
    assert len(starts) == 3
    assert all(start.position[3] == seen.position[3] for start in starts)
    save_boundary(read, tmp_path / "again")
    assert load_boundary(tmp_path / "again").may_start(PICK, seen) == read.may_start(PICK, seen)


def test_the_former_format_on_another_robot_is_refused(tmp_path):
    format_1(tmp_path)
    world = FakeWorld()
    read = load_boundary(tmp_path)
    assert read.on(PICK.contract, world.robot, world.kinematics, "x") == read
    cut = read.pool.position[:, :2]
    bad = type(read)(read.model, type(read.pool)(cut, read.pool.tool, read.pool.relative))
    with pytest.raises(PackageError, match="another robot"):
        bad.on(PICK.contract, world.robot, world.kinematics, "x")


@pytest.mark.parametrize(
    "change",
    [
        lambda card: card.update(format=9),
        lambda card: card.update(kind="other"),
        lambda card: card.update(robot="panda"),
        lambda card: card.update(slots=-1),
        lambda card: card.update(sections=[]),
        lambda card: card["sections"].pop("model"),
        lambda card: card["sections"].update(extra={}),
        lambda card: card["sections"].update(pool=3),
        lambda card: card["sections"]["model"].update(scale="big"),
        lambda card: card["sections"]["model"].update(encoding=7),
        lambda card: card["sections"]["model"].update(rounds=[]),
        lambda card: card["sections"]["model"].pop("quality"),
        lambda card: card["sections"]["model"]["quality"].update(brier_skill=float("nan")),
        lambda card: card["sections"]["model"]["quality"].update(samples=float("inf")),
        lambda card: card["sections"]["model"].update(grippers=[-1]),
        lambda card: card["sections"]["model"].update(base=[10**400]),
        lambda card: card["sections"]["pool"].update(grippers=[40]),
        lambda card: card["sections"]["pool"].update(rate=2.0),
        lambda card: card["sections"]["novelty"].update(neighbours=1),
    ],
)
def test_a_card_that_is_not_sound_is_refused(boundary, tmp_path, change):
    save_boundary(boundary, tmp_path)
    rewritten(tmp_path, change)
    with pytest.raises(PackageError, match="boundary") as error:
        load_boundary(tmp_path)
    assert str(tmp_path) in error.value.where
    assert error.value.expected


@pytest.mark.parametrize("name", ["model/leaf", "pool/tool", "novelty/scores", "model/threshold"])
@pytest.mark.parametrize("harm", ["gone", "shape", "infinite"])
def test_tensors_that_are_not_sound_are_refused(boundary, tmp_path, name, harm):
    save_boundary(boundary, tmp_path)
    tensors = load((tmp_path / TENSORS).read_bytes())
    array = tensors.pop(name)
    if harm == "shape":
        tensors[name] = array[None]
    elif harm == "infinite":
        tensors[name] = np.full_like(array, np.inf)
    (tmp_path / TENSORS).write_bytes(save(tensors))
    with pytest.raises(PackageError, match="boundary is not sound") as error:
        load_boundary(tmp_path)
    assert name.partition("/")[0] in error.value.where


def test_a_start_goes_to_where_the_thing_is_now():
    """Stored starts, 30 cm above the cube, follow a cube that moves to where none was."""
    world = FakeWorld()
    given = []
    for seed in range(40):
        start = Start.of(PICK.seen(world.reset(seed)))
        place = start.focus[0, :3] + np.array([0.0, 0.0, 0.3])
        position = np.array([*place, 0.08])
        given.append(StartSample(start.moved(position, np.array([*place, *start.tool[3:]])), True))
    learned = fit_boundary(given, [3], 0, contract=PICK.contract, robot=world.robot)
    learned = learned.on(PICK.contract, world.robot, world.kinematics, "here")
    seen = PICK.seen(world.reset(1234))
    cube = seen.entities["red_cube"].pose.position
    gaps = [
        np.linalg.norm(world.kinematics.forward(s.position).position - cube - [0.0, 0.0, 0.3])
        for s in learned.starts(PICK, seen, 64 + 8)
    ]
    assert sorted(gaps)[2] < 1e-3


def test_of_equal_starts_the_tried_ones_come_first():
    """The scene of the rollouts: each moved start is the stored one, and costs a little more."""
    world = FakeWorld()
    start = Start.of(PICK.seen(world.reset(0)))
    given = [StartSample(start.moved(start.position, start.tool), True) for _ in range(30)]
    learned = fit_boundary(given, [3], 0, contract=PICK.contract, robot=world.robot)
    learned = learned.on(PICK.contract, world.robot, world.kinematics, "here")
    best = learned.starts(PICK, world.reset(0), 1)[0]
    assert np.array_equal(best.position, Command.hold(start.position).position)


def test_the_anchor_is_the_first_thing_that_is_not_held():
    assert anchor_of(CONTRACTS["pick"]) == 0
    assert anchor_of(CONTRACTS["place_in"]) == 1


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 3), st.integers(0, 2))
def test_a_start_is_told_and_read_back(seed, others, numbers):
    rng = np.random.default_rng(seed)
    start = Start(
        rng.normal(size=8), Pose.identity().array(), rng.normal(size=(2, 16)),
        rng.normal(size=8), rng.normal(size=(others, 16)), rng.normal(size=numbers),
    )  # fmt: skip
    read = Start.from_data(json.loads(json.dumps(start.to_data())))
    for name in ("position", "tool", "focus", "velocity", "others", "numbers"):
        assert np.array_equal(getattr(read, name), getattr(start, name))


def test_a_start_of_an_older_file_is_read_without_what_it_lacks():
    told = samples(1)[0].start.to_data()
    old = {name: told[name] for name in ("position", "tool", "focus")}
    read = Start.from_data(old)
    assert len(read.others) == 0
    assert not read.velocity.any()
    assert len(read.velocity) == len(read.position)
