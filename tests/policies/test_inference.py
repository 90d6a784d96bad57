"""ONNX Runtime in torch's place: the same chunks, or a refusal that says why."""

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from kata.datasets.types import (
    ChunkRequest,
    ConfigError,
    MissingDependencyError,
    Observation,
    UnknownNameError,
)
from kata.policies import load_policy
from kata.policies.fakes import FAKE_CHUNK, fake_observation, fake_policy
from kata.policies.inference import TOLERANCE, set_inference
from kata.policies.onnx_network import OnnxNetwork
from kata.policies.policy import ChunkPolicy
from kata.policies.testing import LearnedPolicyContract

KINDS: dict[str, tuple[str, dict[str, int | str]]] = {
    "regression": ("regression", {}),
    "diffusion": ("diffusion", {}),
    "flow": ("flow", {}),
    "unet": ("diffusion", {"network": "unet"}),
    "transformer": ("flow", {"network": "transformer"}),
}


def made(kind: str) -> ChunkPolicy:
    name, settings = KINDS[kind]
    return fake_policy(name, **settings)


@pytest.fixture(scope="module", params=sorted(KINDS))
def pair(request: pytest.FixtureRequest) -> tuple[ChunkPolicy, ChunkPolicy]:
    """Two equal policies, the second one run by ONNX Runtime."""
    plain, other = made(request.param), made(request.param)
    assert set_inference(other, "onnx") <= TOLERANCE
    assert isinstance(other.engine, OnnxNetwork)
    return plain, other


def chunks(policy: ChunkPolicy, count: int, **asked: Any) -> list[np.ndarray]:
    seen = [fake_observation(i) for i in range(count)]
    policy.reset(4)
    answers = policy.chunks(seen, [ChunkRequest(o.time_s, **asked) for o in seen])
    return [answer.values for answer in answers]


Pair = tuple[ChunkPolicy, ChunkPolicy]


@pytest.mark.parametrize("count", [1, 2, 7])
def test_both_engines_give_the_same_chunks(pair: Pair, count: int) -> None:
    plain, other = (chunks(policy, count) for policy in pair)
    np.testing.assert_allclose(plain, other, atol=1e-5)


def test_a_prefix_and_a_cost_are_served_as_by_torch(pair: Pair) -> None:
    def low(values: Tensor) -> Tensor:
        return 25.0 * (values[..., 2] ** 2).sum(dim=-1)

    asked = {"prefix": np.full((2, FAKE_CHUNK.width), 0.02), "cost": low}
    plain, other = (chunks(policy, 2, **asked) for policy in pair)
    np.testing.assert_allclose(plain, other, atol=1e-5)
    assert np.abs(np.array(other) - np.array(chunks(pair[1], 2))).max() > 1e-3


def test_torch_comes_back_when_asked() -> None:
    policy = made("regression")
    set_inference(policy, "onnx")
    assert set_inference(policy, "torch") == 0.0
    assert policy.engine is None


class TestByOnnx(LearnedPolicyContract):
    """The contract holds whatever runs the network."""

    engine: OnnxNetwork | None = None

    def make_policy(self) -> ChunkPolicy:
        policy = made("diffusion")
        if TestByOnnx.engine is None:
            set_inference(policy, "onnx")
            assert isinstance(policy.engine, OnnxNetwork)
            TestByOnnx.engine = policy.engine
        policy.engine = TestByOnnx.engine
        return policy

    def make_observation(self, seed: int) -> Observation:
        return fake_observation(seed)

    def test_save_and_load_are_inverse(self, tmp_path: Path) -> None:
        """What is saved is the network, and no graph."""
        policy = self.make_policy()
        policy.save(tmp_path)
        assert sorted(p.name for p in tmp_path.iterdir()) == ["policy.json", "policy.safetensors"]
        loaded = load_policy(tmp_path)
        assert isinstance(loaded, ChunkPolicy)
        assert loaded.engine is None
        set_inference(loaded, "onnx")
        np.testing.assert_array_equal(self.first(policy).values, self.first(loaded).values)


def test_another_answer_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    right = OnnxNetwork.__call__
    monkeypatch.setattr(
        OnnxNetwork, "__call__", lambda self, *inputs: right(self, *inputs) + 2 * TOLERANCE
    )
    policy = made("regression")
    with pytest.raises(ConfigError) as caught:
        set_inference(policy, "onnx")
    assert str(caught.value) == (
        "the policy cannot be run by ONNX Runtime (in inference=onnx, policy regression)\n"
        "  expected: chunks within 0.0001 of torch's\n"
        "  got:      0.0002\n"
        "  do:       use inference=torch"
    )
    assert policy.engine is None


@pytest.mark.parametrize("package", ["onnx", "onnxscript", "onnxruntime"])
def test_a_missing_package_gives_the_install_command(
    package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == package else found(name)
    )
    policy = made("regression")
    with pytest.raises(MissingDependencyError) as caught:
        set_inference(policy, "onnx")
    assert str(caught.value) == (
        f"inference=onnx needs the package '{package}'\n"
        "  do:       pip install 'kata-robotics[onnx]'"
    )
    assert policy.engine is None


def test_a_network_that_is_no_graph_is_refused() -> None:
    class Fickle(torch.nn.Module):
        def forward(self, features: Tensor) -> Tensor:
            size = FAKE_CHUNK.horizon * FAKE_CHUNK.width
            return features.new_full((len(features), size), float(str(features.sum().item())))

    policy = made("regression")
    policy.network = Fickle()
    with pytest.raises(ConfigError, match="cannot be put into an ONNX graph"):
        set_inference(policy, "onnx")
    assert policy.engine is None


def test_a_policy_that_goes_past_the_engine_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    policy = made("regression")
    monkeypatch.setattr(policy, "answer", policy.network)
    with pytest.raises(ConfigError, match="runs its network by `answer`"):
        set_inference(policy, "onnx")
    assert policy.engine is None


def test_only_the_cpu_runs_graphs() -> None:
    policy = made("regression")
    policy.device = torch.device("cuda")
    with pytest.raises(ConfigError, match="a policy on the CPU"):
        set_inference(policy, "onnx")


def test_an_unknown_engine_gets_the_nearest_name() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'onnx'"):
        set_inference(made("regression"), "onx")


def test_a_policy_of_another_kind_stays_with_what_it_has() -> None:
    class Foreign:
        pass

    foreign: Any = Foreign()
    assert set_inference(foreign, "torch") == 0.0
    with pytest.raises(ConfigError, match="a chunk policy of Kata's own"):
        set_inference(foreign, "onnx")
