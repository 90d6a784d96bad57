"""A composition on disk: what comes back, and what is refused with which words."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from kata.datasets.types import ChunkRequest, PackageError
from kata.policies import load_policy, make_policy
from kata.policies.card import ComposedCard, PartCard, card_from_json
from kata.policies.composition import Composed, Part
from kata.policies.fakes import fake_observation, fake_policy
from kata.policies.inference import set_inference
from kata.policies.lerobot.export import export_policy
from kata.policies.policy import ChunkPolicy
from kata.policies.sampling import SampledPolicy


def sampled(kind: str = "diffusion", shift: float = 0.0, **settings: Any) -> SampledPolicy:
    """A fake one; `shift` is added to its answers."""
    policy = fake_policy(kind, **settings)
    assert isinstance(policy, SampledPolicy)
    with torch.no_grad():
        list(policy.network.parameters())[-1].add_(shift)
    return policy


def mixed() -> Composed:
    """Three parts of two networks, one of them twice, and one about other things."""
    one, other = sampled(), sampled(shift=0.5, hidden=16)
    return Composed([Part(one, 0.4), Part(other, 1.0, (1, 0)), Part(one, -0.4)])


def chunk(policy: ChunkPolicy, **asked: Any) -> np.ndarray:
    seen = fake_observation(3)
    policy.reset(3)
    return policy.chunk(seen, ChunkRequest(seen.time_s, **asked)).values


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    mixed().save(tmp_path)
    return tmp_path


def test_it_is_two_files_with_a_prefix_a_part(folder: Path) -> None:
    assert sorted(p.name for p in folder.iterdir()) == ["policy.json", "policy.safetensors"]
    names = load_file(folder / "policy.safetensors")
    assert {name.split(".")[0] for name in names} == {"part0", "part1", "part2"}
    card = json.loads((folder / "policy.json").read_text())
    assert (card["format"], card["policy"]) == (1, "composed")
    assert [(part["weight"], part["focus"]) for part in card["parts"]] == [
        (0.4, None), (1.0, [1, 0]), (-0.4, None)
    ]  # fmt: skip


def test_what_comes_back_answers_the_same_to_the_bit(folder: Path) -> None:
    """Free, after a prefix, and under a cost; with the parts as they were."""
    made, loaded = mixed(), load_policy(folder)
    assert isinstance(loaded, Composed)
    assert [(part.weight, part.focus) for part in loaded.parts] == [
        (0.4, None), (1.0, (1, 0)), (-0.4, None)
    ]  # fmt: skip
    prefix = np.full((3, 7), 0.02)
    for asked in ({}, {"prefix": prefix, "committed": 2}, {"cost": lambda x: x[:, -1, 2] ** 2}):
        np.testing.assert_array_equal(chunk(made, **asked), chunk(loaded, **asked))
    assert np.abs(chunk(loaded) - chunk(sampled())).max() > 1e-3


def test_onnx_runs_every_part_and_torch_comes_back(folder: Path) -> None:
    loaded = load_policy(folder)
    assert isinstance(loaded, Composed)
    plain = chunk(loaded)
    assert 0.0 < set_inference(loaded, "onnx") < 1e-4
    assert all(part.policy.engine is not None for part in loaded.parts)
    np.testing.assert_allclose(chunk(loaded), plain, atol=1e-5)
    set_inference(loaded, "torch")
    np.testing.assert_array_equal(chunk(loaded), plain)


def test_its_export_holds_all_parts(tmp_path: Path) -> None:
    """What the plugin for LeRobot reads gives the same chunks."""
    made = mixed()
    export_policy(made, tmp_path, robot="panda", joints=("one",), skill="pick")
    card = card_from_json(json.loads(json.loads((tmp_path / "config.json").read_text())["card"]))
    policy = make_policy(card)
    weights = load_file(tmp_path / "model.safetensors")
    policy.network.load_state_dict({k.removeprefix("network."): v for k, v in weights.items()})
    np.testing.assert_array_equal(chunk(policy), chunk(made))


@given(
    weights=st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=16),
    focus=st.none() | st.lists(st.integers(0, 9), max_size=4).map(tuple),
)
def test_write_and_read_of_a_card_are_inverse(
    weights: list[float], focus: tuple[int, ...] | None
) -> None:
    single = fake_policy("flow").card
    card = ComposedCard.of([PartCard(weight, focus, single) for weight in weights])
    back = card_from_json(json.loads(json.dumps(card.to_json())))
    assert isinstance(back, ComposedCard)
    assert [(part.weight, part.focus) for part in back.parts] == [(w, focus) for w in weights]
    assert back.to_json() == card.to_json()


def change(folder: Path, edit: Callable[[Any], object]) -> None:
    path = folder / "policy.json"
    card = json.loads(path.read_text())
    edit(card)
    path.write_text(json.dumps(card))


Parts = list[dict[str, Any]]
REFUSED: dict[str, tuple[Callable[[Parts], object], str]] = {
    "an unknown kind": (lambda parts: parts[1]["card"].update(policy="difusion"), "did you mean"),
    "a kind that does not sample": (
        lambda parts: parts[1].update(card=fake_policy("regression").card.to_json()),
        "expected: diffusion, flow",
    ),
    "a composition": (
        lambda parts: parts[1]["card"].update(policy="composed"), "unknown policy 'composed'"
    ),
    "another sampler": (
        lambda parts: parts[1].update(card=sampled("flow").card.to_json()), "sampler steps"
    ),
    "other chunks": (
        lambda parts: parts[1]["card"]["chunk_spec"].update(step_s=0.1), "different chunks, step_s"
    ),
    "another robot": (lambda parts: parts[1]["card"].update(robot="f" * 16), "different robot"),
    "another hand": (lambda parts: parts[1]["card"].update(hand="left"), "different hand"),
    "another network": (lambda parts: parts[1]["card"]["settings"].update(hidden=24), "part1"),
    "one part": (lambda parts: parts.__delitem__(slice(1, 3)), "two parts or more"),
    "a part less": (lambda parts: parts.__delitem__(2), "sum to 1"),
    "too many": (lambda parts: parts.extend(parts * 9), "at most 16"),
    "no sum": (lambda parts: parts[0].update(weight=0.5), "sum to 1"),
    "an infinite weight": (lambda parts: parts[0].update(weight=10**400), "weight"),
    "a weight in words": (lambda parts: parts[0].update(weight="much"), r"parts\[0\].weight"),
    "a weight that is a truth": (lambda parts: parts[1].update(weight=True), r"\[1\].weight"),
    "a focus in words": (lambda parts: parts[1].update(focus="all"), r"parts\[1\].focus"),
    "a focus of fractions": (lambda parts: parts[1].update(focus=[0.5]), r"parts\[1\].focus"),
    "a focus from behind": (lambda parts: parts[1].update(focus=[-1]), "counted from 0"),
    "a key more": (lambda parts: parts[1].update(name="x"), "weight, focus, card"),
    "a key less": (lambda parts: parts[1].pop("focus"), "weight, focus, card"),
    "no card": (lambda parts: parts[1].update(card=None), r"parts\[1\].card"),
    "no dictionary": (lambda parts: parts.__setitem__(1, 3), r"parts\[1\]"),
    "a wide part": (
        lambda parts: parts[2]["card"]["chunk_spec"].update(horizon=10**6), r"parts\[2\]"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_a_changed_card_is_refused(folder: Path, name: str) -> None:
    edit, said = REFUSED[name]
    change(folder, lambda card: edit(card["parts"]))
    with pytest.raises(PackageError, match=said) as caught:
        load_policy(folder)
    assert "policy.json" in caught.value.where or "policy.safetensors" in caught.value.where


@pytest.mark.parametrize("parts", [None, {}, "all", []])
def test_parts_that_are_no_list_are_refused(folder: Path, parts: Any) -> None:
    change(folder, lambda card: card.update(parts=parts))
    with pytest.raises(PackageError, match=r"policy\.json"):
        load_policy(folder)


def test_a_message_says_all_that_is_to_be_said(folder: Path) -> None:
    change(folder, lambda card: card["parts"][0].update(weight=0.5))
    with pytest.raises(PackageError) as caught:
        load_policy(folder)
    assert str(caught.value).splitlines() == [
        f"weights do not sum to 1 (in {folder / 'policy.json'} composed)",
        "  expected: finite ones with the sum 1",
        "  got:      1.1",
        "  do:       divide each by their sum",
    ]


def test_other_weights_are_refused(folder: Path) -> None:
    """A part that is missing, one too many, another shape or type, NaN."""
    path = folder / "policy.safetensors"
    whole = load_file(path)
    name = min(name for name in whole if name.startswith("part1."))
    for wrong, said in (
        ({k: v for k, v in whole.items() if not k.startswith("part1.")}, r"missing \['part1"),
        ({**whole, "part3" + name[5:]: whole[name].clone()}, r"surplus \['part3"),
        ({**whole, name: torch.zeros(3, 3)}, name),
        ({**whole, name: whole[name].double()}, name),
        ({**whole, name: torch.full_like(whole[name], float("nan"))}, "not finite"),
    ):
        save_file(wrong, path)
        with pytest.raises(PackageError, match=said):
            load_policy(folder)


def test_parts_too_large_together_are_not_built(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The third one of three is never looked at."""
    made: list[str] = []

    def counted(card: Any, device: str) -> ChunkPolicy:
        made.append(card.policy)
        return make_policy(card, device)

    monkeypatch.setattr("kata.policies.composition.make_policy", counted)
    size = sum(weight.numel() for weight in sampled().network.parameters())
    monkeypatch.setattr("kata.policies.policy._LARGEST", size)
    with pytest.raises(PackageError, match="too large"):
        load_policy(folder)
    assert made == ["diffusion"] * 2


def test_saved_again_it_replaces_what_was_there(folder: Path) -> None:
    """A single policy over a composition, and back: the folder is what was saved last."""
    sampled().save(folder)
    np.testing.assert_array_equal(chunk(sampled()), chunk(_loaded(folder)))
    mixed().save(folder)
    np.testing.assert_array_equal(chunk(mixed()), chunk(_loaded(folder)))


def _loaded(folder: Path) -> ChunkPolicy:
    loaded = load_policy(folder)
    assert isinstance(loaded, ChunkPolicy)
    return loaded
