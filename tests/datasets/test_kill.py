"""No announced episode is lost when the recorder is killed, at whatever instant."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kata.datasets.dataset import Dataset
from kata.datasets.journal import asides
from kata.datasets.recorder import EpisodeRecorder
from kata.datasets.testing import fake_frames, fake_recorder
from kata.datasets.types import Outcome

CHILD = Path(__file__).with_name("child_records.py")
Announced = dict[int, tuple[int, int]]


def record_and_kill(root: Path, seed: int, delay_s: float, cameras: bool) -> Announced:
    """What a recording process announced before SIGKILL: (seed, frames) by episode."""
    options = [str(root), str(seed), "cameras" if cameras else "state"]
    with subprocess.Popen(
        [sys.executable, str(CHILD), *options], stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        time.sleep(delay_s)
        os.kill(child.pid, signal.SIGKILL)
        lines = child.stdout.read().splitlines()
    numbers = [tuple(map(int, line.split())) for line in lines]
    return {index: (first, count) for index, first, count in numbers}


def check_whole(root: Path, announced: Announced) -> None:
    """Every announced episode holds exactly the frames that were recorded."""
    dataset = Dataset.open(root)
    action = dataset.column("action")
    for index, (seed, count) in announced.items():
        episode = dataset.episodes[index]
        assert (episode.stop - episode.start, episode.seed) == (count, seed)
        wanted = np.array([frame.action for frame in fake_frames(count, seed)], dtype=np.float32)
        assert np.array_equal(action[episode.start : episode.stop], wanted)
        if dataset.schema.cameras:
            assert len(dataset.images("front", index)) == count


def check_lerobot_reads(opened: Any, announced: Announced) -> None:
    """LeRobot finds them too, and reads every frame that it counts."""
    assert opened.num_episodes > max(announced, default=-1)
    lengths = opened.meta.episodes["length"]
    assert all(lengths[index] == count for index, (_, count) in announced.items())
    for row in {0, opened.num_frames // 2, opened.num_frames - 1}:
        assert opened[row]["index"] == row


def kill_again_and_again(
    root: Path, kills: int, seed: int, cameras: bool, lerobot: Callable[..., Any]
) -> None:
    """Kill, check as LeRobot sees it without repair and as Kata does, go on recording, kill."""
    rng = np.random.default_rng(seed)
    announced: Announced = {}
    for kill in range(kills):
        first = 1000 * (1000 * seed + kill)
        announced |= record_and_kill(root, first, float(rng.uniform(0.0, 0.6)), cameras)
        if announced:
            check_lerobot_reads(lerobot(root), announced)
            check_whole(root, announced)


def test_nothing_announced_is_lost_in_five_kills(
    tmp_path: Path, lerobot: Callable[..., Any]
) -> None:
    kill_again_and_again(tmp_path / "state", 3, 1, False, lerobot)
    kill_again_and_again(tmp_path / "cameras", 2, 2, True, lerobot)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_nothing_announced_is_lost_in_fifty_kills(
    tmp_path: Path, lerobot: Callable[..., Any]
) -> None:
    for seed in range(10):
        kill_again_and_again(tmp_path / str(seed), 5, 10 + seed, seed % 2 == 1, lerobot)


class Killed(BaseException):
    """Stands for SIGKILL: nothing handles it, so nothing is tidied up."""


def killed_at(root: Path, move: int, patch: pytest.MonkeyPatch, cameras: Any) -> bool:
    """Save two episodes and be killed before one of the second's moves; whether it came to it."""
    recorder = fake_recorder(root, cameras=cameras)
    _add(recorder, 30, 0, cameras)
    recorder.save_episode(Outcome(True, seed=0))
    _add(recorder, 30, 1, cameras)
    moves = 0
    replace = Path.replace

    def kill(path: Path, target: Path) -> Path:
        nonlocal moves
        moves += 1
        if moves > move:
            raise Killed
        return replace(path, target)

    killed = False
    with patch.context() as patched:
        patched.setattr(Path, "replace", kill)
        try:
            recorder.save_episode(Outcome(True, seed=1))
        except Killed:
            killed = True
    os.close(recorder._lock)  # as the system does for a dead process
    return killed


def _add(recorder: EpisodeRecorder, count: int, seed: int, cameras: Any) -> None:
    for frame in fake_frames(count, seed, cameras=cameras):
        recorder.add(frame)


def test_a_kill_between_any_two_moves_of_a_save(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lerobot: Callable[..., Any]
) -> None:
    cameras = {"front": (16, 16)}
    for move in range(20):
        root = tmp_path / str(move)
        if not killed_at(root, move, monkeypatch, cameras):
            assert move >= 4
            break
        check_lerobot_reads(lerobot(root), {0: (0, 30)})
        with fake_recorder(root, cameras=cameras) as recorder:
            kept = recorder.episodes == 2
            # The second one is in the dataset, or aside, whole, but never both or neither.
            left = [aside for aside in asides(root) if aside.path.exists()]
            assert [aside.frames for aside in left] == ([] if kept else [30])
            _add(recorder, 5, 2, cameras)
            recorder.save_episode(Outcome(True, seed=2))
        both: Announced = {0: (0, 30), 1: (1, 30)}
        announced = both | {2: (2, 5)} if kept else {0: (0, 30), 1: (2, 5)}
        check_whole(root, announced)
        assert not (root / ".staging").exists()
    else:
        pytest.fail("the save was never finished")
