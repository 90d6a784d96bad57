"""A policy's folder: what is refused, and with which words."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from kata.datasets.types import PackageError, UnknownNameError
from kata.policies import load_policy, policy_class
from kata.policies.fakes import fake_policy


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    fake_policy("diffusion").save(tmp_path)
    return tmp_path


def edit(folder: Path, **changes: Any) -> None:
    path = folder / "policy.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_only_two_files_and_no_pickle(folder: Path) -> None:
    assert sorted(p.name for p in folder.iterdir()) == ["policy.json", "policy.safetensors"]
    assert json.loads((folder / "policy.json").read_text())["format"] == 1


@pytest.mark.parametrize("name", ["policy.json", "policy.safetensors"])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(PackageError, match=name):
        load_policy(folder)


@pytest.mark.parametrize(
    "changes",
    [
        {"format": 2},
        {"policy": "transformer"},
        {"settings": {"hidden": 33, "blocks": 2}},
        {"settings": {"hidden": 10**9}},
        {"settings": {"depth": 3}},
        {"settings": 3},
        {"encoder": {"kind": "state", "joints": 8, "gripper": 7, "slots": 1}},
        {"encoder": {"kind": "psychic"}},
        {"encoder": {"kind": "state", "joints": "many"}},
        {"chunk_spec": {"horizon": 9, "step_s": 0.05, "execute": 4, "frame": "tool", "width": 7}},
        {"chunk_spec": {"horizon": 0, "step_s": 0.05, "execute": 4, "frame": "tool", "width": 7}},
        {"features": {}},
        {"spec": {}},
    ],
)
def test_a_changed_card_is_refused(folder: Path, changes: dict[str, Any]) -> None:
    edit(folder, **changes)
    with pytest.raises(PackageError):
        load_policy(folder)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": NaN}', "[" * 100_000])
def test_what_is_not_json_is_refused(folder: Path, text: str) -> None:
    (folder / "policy.json").write_text(text)
    with pytest.raises(PackageError):
        load_policy(folder)


def test_an_oversize_file_is_not_read(folder: Path) -> None:
    with (folder / "policy.safetensors").open("r+b") as file:
        file.truncate(1 << 34)
    with pytest.raises(PackageError, match="too large"):
        load_policy(folder)
    with (folder / "policy.json").open("r+b") as file:
        file.truncate(1 << 34)
    with pytest.raises(PackageError, match="too large"):
        load_policy(folder)


def test_other_tensors_are_refused(folder: Path) -> None:
    path = folder / "policy.safetensors"
    whole = load_file(path)
    name = min(whole)
    for wrong in (
        {k: v for k, v in whole.items() if k != name},
        {**whole, "extra": torch.zeros(1)},
        {**whole, name: torch.zeros(3, 3)},
        {**whole, name: whole[name].double()},
        {**whole, name: torch.full_like(whole[name], float("nan"))},
    ):
        save_file(wrong, path)
        with pytest.raises(PackageError, match="weights"):
            load_policy(folder)


def test_a_folder_in_place_of_a_file_is_refused(folder: Path) -> None:
    (folder / "policy.json").unlink()
    (folder / "policy.json").mkdir()
    with pytest.raises(PackageError, match="not a regular file"):
        load_policy(folder)


def test_an_unknown_policy_gets_the_nearest_name() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'diffusion'"):
        policy_class("difusion")
