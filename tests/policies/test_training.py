"""Training: repeatable to the bit, with or without a kill; curves; errors."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from kata.datasets.types import ConfigError, DatasetError, PackageError, UnknownNameError
from kata.policies import POLICIES, load_policy
from kata.policies.checkpoint import CHECKPOINT_NAME
from kata.policies.config import TrainConfig
from kata.policies.fakes import fake_demonstrations
from kata.policies.training import TrainResult, learning_rate, train

SMALL = TrainConfig(
    settings={"hidden": 32, "blocks": 2},
    steps=120,
    batch=32,
    warmup=10,
    curve_every=20,
    held_out=0.2,
    held_out_every=40,
    checkpoint_every=25,
    feature_noise=0.01,
)


def small(policy: str, **changes: object) -> TrainConfig:
    return replace(SMALL, policy=policy, **changes)  # type: ignore[arg-type]


def digest(folder: Path) -> str:
    names = ("policy.safetensors", "policy.json", "curves.json")
    return hashlib.sha256(b"".join((folder / n).read_bytes() for n in names)).hexdigest()


@pytest.fixture(params=sorted(POLICIES))
def policy(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_learns_what_can_be_learned(policy: str, tmp_path: Path) -> None:
    data = fake_demonstrations()
    result = train(small(policy, steps=400, batch=64), data, tmp_path)
    first, last = result.curves.train[0][1], result.curves.train[-1][1]
    assert last < 0.6 * first
    assert result.held_out is not None
    assert result.held_out < first
    assert result.finished


def test_equal_seeds_give_equal_weights_and_others_do_not(policy: str, tmp_path: Path) -> None:
    data = fake_demonstrations()
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        torch.manual_seed(hash(name) % 1000)  # the caller's generator must not matter
        train(small(policy, seed=seed), data, tmp_path / name)
    assert digest(tmp_path / "a") == digest(tmp_path / "b")
    assert digest(tmp_path / "a") != digest(tmp_path / "c")


def test_stopping_and_going_on_changes_nothing(policy: str, tmp_path: Path) -> None:
    data = fake_demonstrations()
    train(small(policy), data, tmp_path / "whole")
    results: list[TrainResult] = []
    for budget in (0, 7, 33, 30, 1000):
        left = iter(range(budget))
        part = train(
            small(policy), data, tmp_path / "parts", stop=lambda left=left: next(left, None) is None
        )
        results.append(part)
    assert [r.finished for r in results] == [False, False, False, False, True]
    assert [r.resumed_from for r in results] == [0, 0, 7, 40, 70]
    assert digest(tmp_path / "whole") == digest(tmp_path / "parts")


KILLED = """
import sys
from pathlib import Path
from kata.policies.fakes import fake_demonstrations
from kata.policies.training import train
sys.path.insert(0, sys.argv[1])
from test_training import small
train(small(sys.argv[2], checkpoint_every=5), fake_demonstrations(), Path(sys.argv[3]))
"""


def test_a_kill_changes_nothing(policy: str, tmp_path: Path) -> None:
    config, data = small(policy, checkpoint_every=5, steps=300), fake_demonstrations()
    train(config, data, tmp_path / "whole")
    out = tmp_path / "killed"
    script = KILLED.replace("checkpoint_every=5", "checkpoint_every=5, steps=300")
    folder = str(Path(__file__).parent)
    process = subprocess.Popen(
        [sys.executable, "-c", script, folder, policy, str(out)],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    deadline = time.monotonic() + 120
    while not (out / CHECKPOINT_NAME).exists() and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.002)
    time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not (out / "policy.json").exists()
    assert train(config, data, out).resumed_from > 0
    assert digest(tmp_path / "whole") == digest(out)


def test_a_finished_training_is_not_repeated(tmp_path: Path) -> None:
    data = fake_demonstrations()
    train(small("regression"), data, tmp_path)
    again = train(small("regression"), data, tmp_path)
    assert again.resumed_from == SMALL.steps
    assert again.finished


def test_another_training_is_not_resumed(tmp_path: Path) -> None:
    data = fake_demonstrations()
    train(small("regression"), data, tmp_path)
    with pytest.raises(ConfigError, match="another lr"):
        train(small("regression", lr=1e-4), data, tmp_path)
    with pytest.raises(ConfigError, match="another settings"):
        train(small("regression", settings={"hidden": 32, "blocks": 3}), data, tmp_path)
    with pytest.raises(ConfigError, match="another data"):
        train(small("regression"), fake_demonstrations(episodes=13), tmp_path)


def test_a_damaged_checkpoint_is_named(tmp_path: Path) -> None:
    data = fake_demonstrations()
    train(small("regression", steps=30), data, tmp_path)
    path = tmp_path / CHECKPOINT_NAME
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(PackageError, match="damaged checkpoint"):
        train(small("regression", steps=30), data, tmp_path)


def test_callbacks_see_the_averaged_policy_and_the_way(policy: str, tmp_path: Path) -> None:
    seen: list[int] = []
    way: list[tuple[int, int]] = []
    result = train(
        small(policy),
        fake_demonstrations(),
        tmp_path,
        on_checkpoint=lambda step, made: seen.append(step if made.name == policy else -1),
        progress=lambda step, steps, loss: way.append((step, steps)) or None,  # type: ignore[func-returns-value]
    )
    assert seen == [25, 50, 75, 100, 120]
    assert way[-1] == (120, 120)
    curves = json.loads((tmp_path / "curves.json").read_text())
    assert [step for step, _ in curves["train"]] == [20, 40, 60, 80, 100, 120]
    assert [step for step, _ in curves["held_out"]] == [40, 80, 120]
    loaded = load_policy(tmp_path)
    for name, weight in result.policy.network.state_dict().items():
        assert torch.equal(weight, loaded.network.state_dict()[name])
    assert loaded.card.robot == "0123456789abcdef"


def test_threads_are_restored(tmp_path: Path) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        train(small("regression", steps=5), fake_demonstrations(), tmp_path)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_the_learning_rate_rises_and_falls() -> None:
    rates = [learning_rate(SMALL, step) for step in range(SMALL.steps)]
    assert rates[9] == pytest.approx(SMALL.lr)
    assert all(np.diff(rates[:10]) > 0)
    assert all(np.diff(rates[10:]) < 0)
    assert rates[-1] < 0.01 * SMALL.lr


def test_held_out_episodes_are_whole_and_apart() -> None:
    data = fake_demonstrations()
    rows, held = data.split(0.25, seed=3)
    assert len(np.unique(data.episodes[held])) == 3
    assert not set(data.episodes[rows]) & set(data.episodes[held])
    assert len(rows) + len(held) == len(data.episodes)
    assert len(data.split(0.9, seed=0)[0])


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"policy": "regresion"}, UnknownNameError),
        ({"settings": {"hiden": 3}}, UnknownNameError),
        ({"settings": {"hidden": "wide"}}, ConfigError),
        ({"settings": {"hidden": 10**6}}, ConfigError),
        ({"steps": 0}, ConfigError),
        ({"ema": 1.5}, ConfigError),
        ({"device": "cupa"}, UnknownNameError),
    ],
)
def test_bad_configurations_are_refused(
    changes: dict[str, object], error: type[Exception], tmp_path: Path
) -> None:
    with pytest.raises(error):
        train(replace(SMALL, **changes), fake_demonstrations(), tmp_path)  # type: ignore[arg-type]


def test_nan_in_the_demonstrations_is_refused() -> None:
    data = fake_demonstrations()
    features = data.features.copy()
    features[3, 2] = np.nan
    with pytest.raises(DatasetError, match="not finite"):
        replace(data, features=features)


def test_cuda_where_there_is_none_is_a_clear_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ConfigError, match="no CUDA device"):
        train(small("regression", device="cuda"), fake_demonstrations(), tmp_path)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_trains_on_cuda(policy: str, tmp_path: Path) -> None:
    result = train(small(policy, device="cuda", steps=300), fake_demonstrations(), tmp_path)
    assert result.policy.device.type == "cuda"
    assert result.curves.train[-1][1] < result.curves.train[0][1]
    assert load_policy(tmp_path, device="cuda").device.type == "cuda"
