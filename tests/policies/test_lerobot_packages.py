"""Packages of LeRobot's policies that were altered, or made by a stranger: nothing of them runs."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kata.datasets.types import ChunkSpec, MissingDependencyError, PackageError
from kata.policies import load_policy
from kata.policies.lerobot.card import LeRobotCard
from kata.policies.lerobot.inputs import Inputs
from kata.policies.lerobot.package import make_config, make_module
from kata.policies.lerobot.policy import LeRobotPolicy, Processors


@pytest.fixture(scope="module", params=["act", "diffusion"])
def policy(request: pytest.FixtureRequest) -> LeRobotPolicy:
    """A policy that has learned nothing."""
    settings: dict[str, dict[str, Any]] = {
        "act": {"dim_model": 16, "n_heads": 2, "dim_feedforward": 16},
        "diffusion": {"down_dims": [8, 16], "n_groups": 4},
    }
    inputs = Inputs(joints=7, hands=1, slots=1)
    config = make_config(request.param, settings[request.param], inputs, "cpu")
    from lerobot.policies.factory import make_pre_post_processors

    processors = Processors(*make_pre_post_processors(config))
    card = LeRobotCard(request.param, inputs, ChunkSpec(8, 0.05, 4, "joint", 7))
    return LeRobotPolicy(card, make_module(config), processors)


def test_an_honest_package_is_read(policy: LeRobotPolicy, tmp_path: Path) -> None:
    policy.save(tmp_path)
    assert isinstance(load_policy(tmp_path), LeRobotPolicy)


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "policy_postprocessor.json"])
def test_an_altered_file_is_refused(policy: LeRobotPolicy, name: str, tmp_path: Path) -> None:
    policy.save(tmp_path)
    path = tmp_path / name
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(PackageError, match="altered files"):
        load_policy(tmp_path)


def altered(folder: Path, name: str, change: Callable[[Any], None], **card: Any) -> None:
    """Change a file of a package and its card, digest and all, as a stranger can."""
    path = folder / name
    body = json.loads(path.read_text())
    change(body)
    path.write_text(json.dumps(body))
    told = json.loads((folder / "policy.json").read_text()) | card
    told["files"][name] = hashlib.sha256(path.read_bytes()).hexdigest()
    (folder / "policy.json").write_text(json.dumps(told))


@pytest.mark.parametrize(
    ("step", "named"),
    [
        ({"class": "subprocess.Popen", "config": {"args": ["true"]}}, "subprocess.Popen"),
        (
            {
                "registry_name": "action_tokenizer_processor",
                "config": {"action_tokenizer_name": "evil/repo", "trust_remote_code": True},
            },
            "action_tokenizer_processor",
        ),
        (
            {"registry_name": "tokenizer_processor", "config": {"tokenizer_name": "evil/repo"}},
            "tokenizer_processor",
        ),
        ({"registry_name": "tokenizer_processor", "class": "device_processor"}, "device_processor"),
    ],
)
def test_a_pipeline_that_may_load_code_is_refused(
    step: dict[str, Any], named: str, policy: LeRobotPolicy, tmp_path: Path
) -> None:
    policy.save(tmp_path)
    altered(tmp_path, "policy_preprocessor.json", lambda body: body["steps"].insert(0, step))
    with pytest.raises(PackageError, match="a step that may load code") as caught:
        load_policy(tmp_path)
    assert caught.value.got == named
    assert "normalizer_processor" in caught.value.expected


@pytest.mark.parametrize("kind", ["gaussian_actor", "pi0_fast"])
def test_a_policy_that_loads_models_by_name_is_refused(
    kind: str, policy: LeRobotPolicy, tmp_path: Path
) -> None:
    policy.save(tmp_path)
    altered(tmp_path, "config.json", lambda body: body.update(type=kind), type=kind)
    with pytest.raises(PackageError, match="loads models or code by name") as caught:
        load_policy(tmp_path)
    assert caught.value.got == kind


def test_processors_are_read_without_the_network(
    policy: LeRobotPolicy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants
    from lerobot.processor import DataProcessorPipeline

    read, offline = DataProcessorPipeline.from_pretrained, []

    def watched(*args: Any, **keys: Any) -> Any:
        offline.append(constants.HF_HUB_OFFLINE)
        return read(*args, **keys)

    policy.save(tmp_path)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(DataProcessorPipeline, "from_pretrained", watched)
    load_policy(tmp_path)
    assert offline == [True, True]
    assert constants.HF_HUB_OFFLINE is False


@pytest.mark.parametrize(
    "place",
    ["lerobot.policies.factory.get_policy_class", "kata.policies.lerobot.storage._processors"],
)
def test_a_package_that_lerobot_needs_is_named(
    place: str, policy: LeRobotPolicy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lacking(*args: Any) -> None:
        raise ImportError("No module named 'diffusers'", name="diffusers")

    policy.save(tmp_path)
    monkeypatch.setattr(place, lacking)
    with pytest.raises(MissingDependencyError) as caught:
        load_policy(tmp_path)
    assert str(caught.value) == (
        f"LeRobot policy {policy.card.type} needs the package 'diffusers'\n"
        "  do:       pip install 'kata-robotics[lerobot]'"
    )
