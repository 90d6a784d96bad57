"""Work on Ray: the same answers as here, deaths survived, nothing left behind."""

import json
import operator
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import psutil
import pytest

from kata.datasets.types import (
    ConfigError,
    PackageError,
)
from kata.launch.agents import Agent
from kata.launch.build import contract
from kata.launch.cli import main
from kata.launch.trials import SkillTrials, skill_block
from kata.sim.tasks import make_trial
from kata.skills.contract.package import verify
from kata.skills.evidence import ray_pool
from kata.skills.evidence.ray_pool import RayPool
from kata.skills.evidence.workers import Workers
from kata.skills.testing import PoolContract

SECRET = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "0123456789abcdef" * 4}
EVALUATE = ["evaluate", "skill=press", "policy=expert", "trials=30", "seed=3"]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a cluster of two CPUs, that this process has joined."""
    pool = RayPool(2, logs=tmp_path_factory.mktemp("logs"))
    with pytest.MonkeyPatch.context() as patch:
        for name, value in SECRET.items():
            patch.setenv(name, value)
        pool.start()
    import ray  # after the pool, which tells it its token

    yield ray.get_runtime_context().gcs_address
    pool.close()
    assert pool.logs is not None
    assert list(pool.logs.glob("raylet.*")), "its log files are kept"
    assert not ray.is_initialized()


@pytest.fixture
def workers(cluster: str) -> Workers:
    return Workers(2, RayPool(2))


def result(folder: Path) -> dict[str, object]:
    found = json.loads((folder / "result.json").read_text())
    del found["seconds"]
    return dict(found)


def parts(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in (folder / "parts").iterdir()}


@pytest.mark.usefixtures("cluster")
class TestRayPool(PoolContract):
    def make(self) -> RayPool:
        return RayPool(2)


def test_evaluation_is_the_same_as_here(cluster: str, tmp_path: Path) -> None:
    assert main([*EVALUATE, f"out={tmp_path / 'here'}"]) == 0
    assert main([*EVALUATE, "workers=2", "runtime=ray", f"out={tmp_path / 'ray'}"]) == 0
    assert result(tmp_path / "here") == result(tmp_path / "ray")
    assert parts(tmp_path / "here") == parts(tmp_path / "ray")


def test_a_sweep_is_the_same_as_here(cluster: str, tmp_path: Path) -> None:
    line = ["evaluate", "policy=expert", "skill=press,close", "trials=2", "-m"]
    assert main([*line, f"out={tmp_path / 'here'}"]) == 0
    assert main([*line, "workers=2", "runtime=ray", f"out={tmp_path / 'ray'}"]) == 0
    here, there = (
        [(run["overrides"], run["result"]["rate"], run["result"]["seed"]) for run in found["runs"]]
        for found in (
            json.loads((tmp_path / name / "result.json").read_text()) for name in ("here", "ray")
        )
    )
    assert here == there


def test_a_killed_worker_costs_only_its_episodes(workers: Workers) -> None:
    asked = SkillTrials(partial(make_trial, "press"), Agent(contract("press")), 3, "test")
    work = {str(first): (skill_block, (asked, first, 10)) for first in range(0, 40, 10)}
    here = dict(Workers(1).run(work))
    killed: list[int] = []

    def kill_one() -> None:
        named = psutil.process_iter(["name"])
        busy = [p for p in named if (p.info["name"] or "").startswith("ray::answer")]
        if busy and not killed:
            busy[0].kill()
            killed.append(busy[0].pid)

    there = dict(workers.run(work, kill_one))
    assert killed
    assert json.dumps([there[name] for name in work]) == json.dumps(list(here.values()))


@pytest.mark.slow
def test_a_running_cluster_is_joined_and_left(cluster: str, tmp_path: Path) -> None:
    import ray

    line = [*EVALUATE, "workers=2", "runtime=ray", f"address={cluster}", f"out={tmp_path / 'run'}"]
    done = subprocess.run(
        [sys.executable, "-m", "kata.launch.cli", *line],
        # A cluster on loopback alone is one that only a driver on loopback finds.
        env={**os.environ, **SECRET, "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"},
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith("evaluating press: 30/30")
    assert not (tmp_path / "run/ray").exists()
    assert ray.cluster_resources()["CPU"] == 2
    assert main([*EVALUATE, f"out={tmp_path / 'here'}"]) == 0
    assert result(tmp_path / "here") == result(tmp_path / "run")


def test_interrupted_it_leaves_nothing_behind(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    line = ["evaluate", "skill=press", "policy=expert", "trials=100000", f"out={folder}"]
    child = subprocess.Popen(
        [sys.executable, "-m", "kata.launch.cli", *line, "workers=2", "runtime=ray"],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    deadline = time.monotonic() + 120
    while not any((folder / "parts").glob("*.json")) and time.monotonic() < deadline:
        time.sleep(0.05)
    below = psutil.Process(child.pid).children(recursive=True)
    assert len(below) > 3
    os.killpg(child.pid, signal.SIGINT)  # as a terminal does
    _, told = child.communicate(timeout=60)
    assert child.returncode == 130
    assert "Traceback" not in told
    assert told.splitlines()[-1].startswith("interrupted; go on with: kata evaluate")
    assert not [process for process in below if process.is_running()]
    assert list((folder / "ray").glob("raylet.*"))


def test_what_a_worker_elsewhere_lacks_is_said(cluster: str) -> None:
    error, _ = ray_pool.answer_there(
        "another node", ".", ray_pool.version(), verify, (Path("none"),)
    )
    assert isinstance(error, PackageError)
    assert f"on the worker {socket.gethostname()}" in error.where
    assert "must lie there under the same path" in error.hint


def test_another_version_is_refused() -> None:
    error, _ = ray_pool.answer_there("", ".", "0.0.1", operator.neg, (1,))
    assert isinstance(error, ConfigError)
    assert error.expected == "0.0.1"


def test_without_ray_the_install_command_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    assert main([*EVALUATE, "runtime=ray", f"out={tmp_path / 'run'}"]) == 2
    shown = capsys.readouterr().err
    assert "runtime=ray needs the package 'ray'" in shown
    assert "pip install 'kata-robotics[ray]'" in shown


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        (["runtime=rya"], "did you mean 'ray'?"),
        (["runtime=ray", "address=here"], "expected: HOST:PORT"),
        (["runtime=ray", "address=127.0.0.1:9"], "no Ray cluster there (in address=127.0.0.1:9)"),
        (["address=127.0.0.1:9"], "an address without a cluster (in address=127.0.0.1:9)"),
    ],
)
def test_what_cannot_be_joined_is_refused(
    keys: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*EVALUATE, *keys, f"out={tmp_path / 'run'}"]) in (1, 2)
    assert message in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
