"""Beyond one process in float32: the same losses, and a checkpoint that stays."""

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import psutil
import pytest
import torch
from torch import Tensor, nn

from kata.datasets.types import ConfigError, ExecutionError, UnknownNameError
from kata.policies import ranks
from kata.policies.batch_parts import BatchParts
from kata.policies.checkpoint import CHECKPOINT_NAME
from kata.policies.config import TrainConfig
from kata.policies.fakes import fake_demonstrations
from kata.policies.training import OnCheckpoint, TrainResult, train

SMALL = TrainConfig(
    policy="diffusion",
    settings={"hidden": 32, "blocks": 2},
    steps=40,
    batch=33,
    warmup=10,
    curve_every=10,
    held_out=0.2,
    held_out_every=20,
    checkpoint_every=15,
    feature_noise=0.01,
)
MANY = 10**6


def losses(result: TrainResult) -> list[float]:
    assert result.held_out is not None
    return [loss for _, loss in result.curves.train] + [result.held_out]


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> list[float]:
    """The losses of the small training in one process, in one piece."""
    return losses(train(SMALL, fake_demonstrations(), tmp_path_factory.mktemp("alone")))


def test_two_processes_give_the_losses_of_one(alone: list[float], tmp_path: Path) -> None:
    way: list[int] = []
    seen: list[int] = []
    result = train(
        replace(SMALL, processes=2),
        fake_demonstrations(),
        tmp_path,
        progress=lambda step, steps, loss: way.append(step),
        on_checkpoint=lambda step, policy: seen.append(step),
    )
    assert losses(result) == pytest.approx(alone, abs=1e-5)
    assert result.finished
    assert way == [10, 15, 20, 30, 40]
    assert seen == [15, 30, 40]
    assert {path.name for path in tmp_path.iterdir()} == {
        *("policy.safetensors", "policy.json", "curves.json", CHECKPOINT_NAME)
    }
    assert not multiprocessing.active_children()
    before = (tmp_path / "policy.safetensors").read_bytes()
    again = train(SMALL, fake_demonstrations(), tmp_path)
    assert again.resumed_from == SMALL.steps
    assert (tmp_path / "policy.safetensors").read_bytes() == before


def test_stopped_and_gone_on_with_alone_it_is_the_same(alone: list[float], tmp_path: Path) -> None:
    config = replace(SMALL, processes=2, steps=MANY, checkpoint_every=5)
    seen: list[int] = []
    part = train(
        config,
        fake_demonstrations(),
        tmp_path,
        on_checkpoint=lambda step, policy: seen.append(step),
        stop=lambda: bool(seen),
    )
    assert not part.finished
    assert 5 <= part.step < MANY
    assert not (tmp_path / "policy.json").exists()
    going_on = iter([False, True])
    more = train(
        replace(config, processes=1, accumulate=2),
        fake_demonstrations(),
        tmp_path,
        stop=lambda: next(going_on),
    )
    assert (more.resumed_from, more.step) == (part.step, part.step + 1)


@pytest.mark.parametrize("pieces", [2, 5])
def test_pieces_give_the_losses_of_the_whole(
    pieces: int, alone: list[float], tmp_path: Path
) -> None:
    result = train(replace(SMALL, accumulate=pieces), fake_demonstrations(), tmp_path)
    assert losses(result) == pytest.approx(alone, abs=1e-5)


def test_bfloat16_learns_as_well(alone: list[float], tmp_path: Path) -> None:
    result = train(replace(SMALL, precision="bf16"), fake_demonstrations(), tmp_path)
    assert result.curves.train[-1][1] < 0.9 * result.curves.train[0][1]
    assert losses(result) == pytest.approx(alone, abs=0.02)
    assert losses(result) != alone
    weights = result.policy.network.state_dict().values()
    assert all(weight.dtype == torch.float32 for weight in weights)


@pytest.mark.slow
def test_a_compiled_network_gives_the_same_losses(alone: list[float], tmp_path: Path) -> None:
    result = train(replace(SMALL, compile=True), fake_demonstrations(), tmp_path)
    assert losses(result) == pytest.approx(alone, abs=1e-4)


def test_only_what_goes_beyond_one_process_loads_accelerate(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from kata.policies.config import TrainConfig\n"
        "from kata.policies.fakes import fake_demonstrations\n"
        "from kata.policies.training import train\n"
        "config = TrainConfig(settings={'hidden': 8, 'blocks': 1}, steps=3, accumulate=2)\n"
        "train(config, fake_demonstrations(), Path(sys.argv[1]))\n"
        "assert 'accelerate' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)


def test_a_process_that_dies_is_named_and_the_checkpoint_stays(tmp_path: Path) -> None:
    killed: list[int] = []

    def kill_the_second(step: int, steps: int, loss: float) -> None:
        if step == 10:
            _, second = sorted(child.pid for child in multiprocessing.active_children())
            os.kill(second, signal.SIGKILL)
            killed.append(second)

    config = replace(SMALL, processes=2, steps=MANY, checkpoint_every=5)
    with pytest.raises(ExecutionError) as caught:
        train(config, fake_demonstrations(), tmp_path, progress=kill_the_second)
    assert killed
    assert caught.value.what == "a process of the training died"
    assert caught.value.where == "process 2 of 2"
    assert caught.value.got == "killed by SIGKILL"
    assert "the last checkpoint is kept" in caught.value.hint
    assert not multiprocessing.active_children()
    left = iter([False, True])
    more = train(
        replace(config, processes=1), fake_demonstrations(), tmp_path, stop=lambda: next(left)
    )
    assert more.resumed_from >= 10


def test_processes_end_with_their_parent(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from dataclasses import replace\n"
        "from pathlib import Path\n"
        "from kata.policies.config import TrainConfig\n"
        "from kata.policies.fakes import fake_demonstrations\n"
        "from kata.policies.training import train\n"
        "if __name__ == '__main__':\n"
        "    config = TrainConfig(steps=10**6, processes=2, checkpoint_every=5)\n"
        "    train(config, fake_demonstrations(), Path(sys.argv[1]))\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)])
    deadline = time.monotonic() + 60
    while not (tmp_path / CHECKPOINT_NAME).exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    below = psutil.Process(parent.pid).children(recursive=True)
    parent.kill()
    parent.wait()
    assert len(below) >= 2
    _, alive = psutil.wait_procs(below, timeout=20)
    assert not alive


@pytest.mark.slow
def test_launched_by_another_it_takes_its_part(alone: list[float], tmp_path: Path) -> None:
    script = tmp_path / "launched.py"
    script.write_text(
        "import json, sys\n"
        "from pathlib import Path\n"
        "from kata.policies.config import TrainConfig\n"
        "from kata.policies.fakes import fake_demonstrations\n"
        "from kata.policies.training import train\n"
        "config = TrainConfig(**json.loads(sys.argv[2]))\n"
        "train(config, fake_demonstrations(), Path(sys.argv[1]))\n"
    )
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    subprocess.run(
        [*command, str(script), str(tmp_path / "out"), json.dumps(asdict(SMALL))],
        check=True,
        capture_output=True,
        env={**os.environ, "GLOO_SOCKET_IFNAME": "lo"},
    )
    curves = json.loads((tmp_path / "out" / "curves.json").read_text())
    found = [loss for _, loss in (*curves["train"], curves["held_out"][-1])]
    assert found == pytest.approx(alone, abs=1e-5)


@pytest.mark.slow
def test_processes_that_find_different_checkpoints_end(tmp_path: Path) -> None:
    few = replace(SMALL, steps=60)
    stops = iter([False] * 3 + [True])
    train(few, fake_demonstrations(), tmp_path / "0", stop=lambda: next(stops))
    code = (
        "import json, sys\n"
        "from kata.datasets.types import ConfigError\n"
        "from kata.policies import ranks\n"
        "from kata.policies.config import TrainConfig\n"
        "from kata.policies.fakes import fake_demonstrations\n"
        "meeting, out, rank, config = sys.argv[1:]\n"
        "ranks._join(ranks._Place(int(rank), 2, meeting, 'gloo'))\n"
        "try:\n"
        "    ranks.train(TrainConfig(**json.loads(config)), fake_demonstrations(), out)\n"
        "except ConfigError as error:\n"
        "    sys.exit(str(error))\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "meeting")]
    machines = [
        subprocess.Popen(
            [*command, str(tmp_path / rank), rank, json.dumps(asdict(few))],
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in ("0", "1")
    ]
    for rank, machine in enumerate(machines):
        told = machine.communicate(timeout=120)[1]
        assert (
            f"the processes found different checkpoints (in {tmp_path / str(rank)})\n"
            "  expected: one checkpoint, that of the first process, for all of them\n"
            "  got:      steps 3, 0\n"
            "  do:       out must lie in a shared folder, since only the first process writes"
        ) in told
        assert machine.returncode == 1


def test_a_stop_does_not_pass_for_the_reading_of_a_checkpoint(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    caller, line = multiprocessing.Pipe()
    stopped: list[bool] = []

    def short(
        *args: object, on_checkpoint: OnCheckpoint, stop: Callable[[], bool], **_: object
    ) -> None:
        on_checkpoint(5, None)  # type: ignore[arg-type]
        assert not line.poll(), "it went on before the caller had read the checkpoint"
        stopped.append(stop())

    monkeypatch.setattr(ranks, "train", short)
    caller.send("stop")
    caller.send("go on")
    ranks._main(line, SMALL, fake_demonstrations(), tmp_path, ranks._Wishes(False, True, True))
    assert caller.recv() == ("checkpoint", 5)
    assert stopped == [True]


class Sum(nn.Module):
    """Adds its weight to every number of both inputs, and counts the rows that it saw."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))
        self.rows: list[int] = []

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        self.rows.append(len(a))
        return a + b + self.weight


@pytest.mark.parametrize("pieces", [1, 2, 3, 7])
def test_pieces_cover_every_row_once(pieces: int) -> None:
    network = Sum()
    parts = BatchParts(network, pieces=pieces)
    a = torch.arange(7.0)
    with torch.no_grad():
        assert torch.equal(parts(a, a), 2 * a + 1)
    assert sum(network.rows) == 7
    assert max(network.rows) - min(network.rows) <= 1


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"precision": "fp16"}, UnknownNameError),
        ({"processes": 0}, ConfigError),
        ({"accumulate": 0}, ConfigError),
        ({"batch": 3, "accumulate": 4}, ConfigError),
    ],
)
def test_what_cannot_be_is_refused(
    changes: dict[str, object], error: type[Exception], tmp_path: Path
) -> None:
    with pytest.raises(error):
        train(replace(SMALL, **changes), fake_demonstrations(), tmp_path)  # type: ignore[arg-type]


def test_too_small_a_batch_is_refused_before_anything_starts(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="a batch too small to be shared"):
        train(replace(SMALL, processes=2, batch=1), fake_demonstrations(), tmp_path)


def test_without_a_compiler_compiling_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(ConfigError, match=r"finds no C\+\+ compiler"):
        train(replace(SMALL, compile=True), fake_demonstrations(), tmp_path)


def test_each_process_needs_a_gpu_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(ConfigError, match="fewer GPUs than processes"):
        train(replace(SMALL, device="cuda", processes=2), fake_demonstrations(), tmp_path)


@pytest.mark.parametrize("changes", [{"precision": "bf16"}, {"accumulate": 2}])
def test_trains_on_cuda(cuda: str, changes: dict[str, object], tmp_path: Path) -> None:
    config = replace(SMALL, device=cuda, steps=300, **changes)  # type: ignore[arg-type]
    result = train(config, fake_demonstrations(), tmp_path)
    assert result.policy.device.type == "cuda"
    assert result.curves.train[-1][1] < result.curves.train[0][1]
