"""A failure as a file: what is written reads back, and what is broken or hostile is refused."""

import base64
import contextlib
import json
import zlib
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kata.datasets.types import ConfigError, SimulationError
from kata.skills.evidence.failures import KINDS, severity
from kata.skills.evidence.replay import DIVERGED, end_digest, worst_first
from kata.skills.evidence.replay_file import MOST_BYTES, parse_replay, read_replay, replay_text
from kata.skills.evidence.replaying import play
from kata.skills.evidence.software import software
from kata.skills.evidence.trials import run_trials
from kata.skills.testing import FakeWorld, fake_skill

GOLDEN = Path(__file__).with_name("golden_replay.json")
"""A trial whose chunks are refused; write it anew with `write_golden` after a wanted change."""

HERE = Path("failure.json")


def failed(fault: str, seed: int = 5, make_world=FakeWorld):
    (trial,) = run_trials(make_world, partial(fake_skill, "pick", fault=fault), [seed])
    assert trial.failure is not None
    return trial.failure


def write_golden() -> None:
    replay = failed("nan").placed({"task": "pick"}, "0123abcd")
    data = json.loads(replay_text(replay))
    data["software"] = {"kata-robotics": "0.1.0", "python": "3.12.1"}
    GOLDEN.write_text(json.dumps(data, indent=1) + "\n")


@pytest.fixture(scope="module")
def wandering():
    return failed("wanders")


def test_the_golden_file_reads_and_writes_itself():
    replay = read_replay(GOLDEN)
    assert replay_text(replay) == GOLDEN.read_text()
    assert (replay.call, replay.kind, replay.seed) == ("pick(red_cube)", "refused", 5)
    assert replay.identity == "0123abcd"


def test_a_trial_of_today_is_the_golden_one():
    now = json.loads(replay_text(failed("nan").placed({"task": "pick"}, "0123abcd")))
    golden = json.loads(GOLDEN.read_text())
    assert list(now) == list(golden)
    del now["software"], golden["software"]
    assert now == golden


@pytest.mark.parametrize("fault", ["never_ends", "wanders", "outside", "raises"])
def test_what_is_written_reads_back_to_the_bit(fault, tmp_path):
    replay = failed(fault)
    path = tmp_path / "failure.json"
    path.write_text(replay_text(replay))
    back = read_replay(path)
    assert np.array_equal(back.position, replay.position)
    assert np.array_equal(back.velocity, replay.velocity)
    assert replay_text(back) == replay_text(replay)
    assert back.software == software()
    assert path.stat().st_size < 200_000


@pytest.mark.parametrize("fault", ["never_ends", "wanders", "nan"])
def test_a_replay_comes_to_the_same_end(fault):
    frames = []
    replay = parse_replay(replay_text(failed(fault)), HERE)
    played = play(FakeWorld(), replay, frames.append)
    assert played.same
    assert played.flips == replay.flips
    assert len(frames) == -(-len(replay.position) // 5)
    assert frames[-1].plan == ("pick(red_cube)",)
    assert frames[-1].state in ("running", "failed", "waiting")


def test_a_replay_elsewhere_does_not(wandering):
    changed = json.loads(replay_text(wandering)) | {"seed": 6}
    assert not play(FakeWorld(), parse_replay(json.dumps(changed), HERE)).same


class _Fragile(FakeWorld):
    """Diverges where the arm comes near the cube."""

    def apply(self, command):
        super().apply(command)
        if np.linalg.norm(self._joints[:3] - self._cube) < 0.1:
            raise SimulationError("the simulation diverged")


def test_a_divergence_is_a_failure_of_its_own_and_replays():
    (trial,) = run_trials(_Fragile, partial(fake_skill, "pick"), [1])
    assert (trial.success, trial.reason) == (False, "the simulation diverged")
    assert (trial.failure.kind, trial.failure.digest) == ("diverged", DIVERGED)
    assert play(_Fragile(), trial.failure).same


def test_a_drop_is_told_from_a_mere_timeout():
    assert failed("wanders").kind == "unfinished"
    dropping = partial(FakeWorld, drop_s=2.2)
    kinds = [trial.failure.kind for trial in run_trials(dropping, _clumsy, [1])]
    assert kinds == ["dropped"]


def _clumsy(world):
    """Grasps well and does not lift."""
    skill = fake_skill("pick", world)
    good = skill.policy.waypoints
    skill.policy.waypoints = lambda observation: [*good(observation), good(observation)[2]]
    return skill


def test_the_worst_comes_first():
    order = [severity(kind, predicted, 0) for kind in KINDS for predicted in (0.9, 0.2)]
    assert order == sorted(order)
    calm, shock = failed("wanders", 1), failed("nan", 2)
    assert [r.kind for r in worst_first([calm, shock])] == ["refused", "unfinished"]


def test_an_end_is_told_by_joints_and_things():
    world = FakeWorld()
    one = end_digest(world.observe())
    world._cube = world._cube + 1e-15
    assert end_digest(world.observe()) != one
    assert end_digest(None) == DIVERGED


def broken(**changes):
    data = json.loads(GOLDEN.read_text())
    for key, value in changes.items():
        if value is None:
            del data[key]
        else:
            data[key] = value
    return json.dumps(data)


def bomb():
    return base64.b64encode(zlib.compress(bytes(30 << 20), 9)).decode()


@pytest.mark.parametrize(
    ("text", "got"),
    [
        ("", "not JSON: Expecting value: line 1 column 1 (char 0)"),
        ("[1]", "format 'list'"),
        ("{}", "format None"),
        ("[" * 100_000, "not JSON: "),
        ({"format": "kata-replay-9"}, "format 'kata-replay-9'"),
        ({"position": None}, "no 'position'"),
        ({"seed": -1}, "seed is no whole number from 0 to"),
        ({"seed": True}, "seed is no whole number from 0 to"),
        ({"seed": 10**30}, "seed is no whole number from 0 to"),
        ({"rows": 10**9}, "rows is no whole number from 0 to 99999"),
        ({"rows": 7}, "position is not 7 x 4 numbers"),
        ({"position": "@@@"}, "position: "),
        ({"position": base64.b64encode(b"no deflated bytes").decode()}, "position: "),
        ({"position": bomb()}, "position is not"),
        ({"kind": "bored"}, "kind 'bored'"),
        ({"period_s": 0}, "period_s 0"),
        ({"period_s": "0.01"}, "period_s is no number"),
        ({"duration_s": float("nan")}, "not JSON: NaN"),
        ({"world": {"gap_m": float("inf")}}, "not JSON: Infinity"),
        ({"duration_s": None}, "no 'duration_s'"),
        ({"duration_s": 10**400}, "duration_s is no number"),
        ({"joints": []}, "0 joints"),
        ({"joints": [1, 2]}, "joints is no text"),
        ({"goal": "holding("}, "cannot parse"),
        ({"facts": ["os.system(1); x"]}, "not an atom"),
        ({"flips": [[0.1, "open(drawer)"]]}, "not enough values"),
        ({"flips": [[0.1, "open(drawer)", 3]]}, "flips is no truth"),
        ({"events": [{"time_s": 0.1}]}, "no 'kind'"),
        ({"world": [1]}, "world is no mapping"),
        ({"software": {"numpy": 2}}, "software is no text"),
    ],
)
def test_what_is_no_replay_is_refused_with_its_fault(text, got):
    text = text if isinstance(text, str) else broken(**text)
    with pytest.raises(ConfigError, match="not a replay that can be shown") as caught:
        parse_replay(text, HERE)
    assert caught.value.where == "failure.json"
    assert caught.value.got.startswith(got), caught.value.got


@given(st.integers(0, 10**6), st.integers(0, 255))
@settings(max_examples=60, deadline=None)
def test_a_flipped_byte_gives_a_replay_or_a_clear_error(place, value):
    raw = bytearray(GOLDEN.read_bytes())
    raw[place % len(raw)] = value
    with contextlib.suppress(ConfigError):
        parse_replay(raw.decode("utf-8", "replace"), HERE)


def test_a_file_that_cannot_be_read_says_so(tmp_path):
    with pytest.raises(ConfigError, match="cannot read the replay"):
        read_replay(tmp_path / "none.json")
    large = tmp_path / "large.json"
    large.write_bytes(b" " * (MOST_BYTES + 1))
    with pytest.raises(ConfigError, match="too large for a replay"):
        read_replay(large)
    large.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="not a replay"):
        read_replay(large)


def test_commands_of_another_robot_are_not_given(wandering):
    changed = json.loads(replay_text(wandering)) | {"joints": ["a", "b", "c", "d"]}
    with pytest.raises(ConfigError, match="a replay of another robot"):
        play(FakeWorld(), parse_replay(json.dumps(changed), HERE))


def test_other_versions_are_told(wandering):
    assert wandering.other_software() == {}
    older = json.loads(replay_text(wandering))
    older["software"]["numpy"] = "1.0"
    replay = parse_replay(json.dumps(older), HERE)
    assert replay.other_software() == {"numpy": ("1.0", software()["numpy"])}
