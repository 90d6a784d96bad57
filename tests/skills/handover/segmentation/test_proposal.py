"""Proposed contracts, held against the hand-written ones of the default skills."""

from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import pytest

from kata.datasets.dataset import Dataset
from kata.datasets.recorder import EpisodeRecorder
from kata.datasets.types import Atom, DatasetError, TrialWorld
from kata.sim.collect import demonstrate
from kata.sim.experts import make_expert
from kata.sim.tasks import make_trial
from kata.skills.contract.contract import Contract
from kata.skills.contract.files import contract_text, parse_contract, read_contracts
from kata.skills.handover.segmentation.contract_match import contract_match, nothing_proposed
from kata.skills.handover.segmentation.naming import Evidence, deed
from kata.skills.handover.segmentation.proposal import proposed
from kata.skills.handover.segmentation.seen import Seen, recorded, worked_out
from kata.skills.handover.segmentation.tracks import Track, tracks

WRITTEN = {
    contract.name: contract
    for contract in read_contracts(Path(__file__).parents[4] / "configs" / "skill")
    if contract.name != "handover"
}


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Dataset]:
    """A few demonstrations of each default skill."""
    found = {}
    for name in WRITTEN:
        world = cast("TrialWorld", make_trial(name, "nominal"))
        expert = make_expert(name, world.robot, world.kinematics)
        root = tmp_path_factory.mktemp(name)
        entities, table = tuple(world.observe().entities), world.facts().table
        with EpisodeRecorder(root, world.robot, table, entities) as recorder:
            seed = 0
            while recorder.episodes < 3:
                frames, outcome = demonstrate(world, expert, seed)
                seed += 1
                if not outcome.success:
                    continue
                for frame in frames:
                    recorder.add(frame)
                recorder.save_episode(outcome)
        found[name] = Dataset.open(root)
    return found


def evidence(dataset: Dataset, seen: tuple[Seen, ...]) -> list[Evidence]:
    return [
        Evidence.of(each, (0, len(each.truth)), dataset.fps, info.arguments)
        for each, info in zip(seen, dataset.episodes, strict=True)
    ]


def both(dataset: Dataset) -> list[tuple[Seen, ...]]:
    found: tuple[Track, ...] = tracks(dataset)
    recorded_, seen = recorded(dataset, found), worked_out(dataset, found)
    assert recorded_ is not None
    assert seen is not None
    return [recorded_, seen]


@pytest.mark.parametrize("name", WRITTEN)
def test_proposals_say_what_the_written_contracts_say(name: str, shown: dict[str, Dataset]) -> None:
    for seen in both(shown[name]):
        draft = proposed(name, evidence(shown[name], seen))
        compared = contract_match(draft, WRITTEN[name])
        assert compared.share >= 0.9, (compared.missing, compared.surplus)
        assert [p.type for p in draft.parameters] == [p.type for p in WRITTEN[name].parameters]
        assert parse_contract(contract_text(draft).encode()) == draft


@pytest.mark.parametrize("name", WRITTEN)
def test_a_segment_is_called_by_its_effect(name: str, shown: dict[str, Dataset]) -> None:
    dataset = shown[name]
    for seen in both(dataset):
        about = [dict(enumerate(info.arguments.values())) for info in dataset.episodes]
        calls = [
            deed(replace(each, arguments={f"thing_{k}": v for k, v in things.items()}))
            for each, things in zip(evidence(dataset, seen), about, strict=True)
        ]
        wanted = [(name, dict(info.arguments)) for info in dataset.episodes]
        got = [(call.name, dict(call.arguments)) if call else None for call in calls]
        assert got == wanted


def test_a_contract_agrees_with_itself_whatever_its_parameters_are_called() -> None:
    for written in WRITTEN.values():
        assert contract_match(written, written).share == 1.0
    push = WRITTEN["push"]
    text = contract_text(push).replace("target", "goal_thing")
    assert contract_match(parse_contract(text.encode()), push).share == 1.0


def test_what_is_missing_and_surplus_costs() -> None:
    place = WRITTEN["place"]
    text = contract_text(place).replace("requires: holding(?object)", "requires: clear(?object)")
    other = contract_match(parse_contract(text.encode()), place)
    assert len(other.equal) == 3
    assert (other.share, other.f1) == (3 / 5, 6 / 8)
    assert other.missing == ("requires: holding(?object)",)
    assert other.surplus == ("requires: clear(?object)",)
    none = nothing_proposed(place)
    assert (none.share, len(none.missing)) == (0.0, 4)
    assert (other + none).share == 3 / 9


def _changed(draft: Contract, seen: tuple[Seen, ...], dataset: Dataset) -> Contract:
    cut = [
        Evidence.of(each, (0, len(each.truth) - 6), dataset.fps, info.arguments)
        for each, info in zip(seen, dataset.episodes, strict=True)
    ]
    return proposed(draft.name, cut)


def test_cuts_a_few_frames_early_change_no_proposal(shown: dict[str, Dataset]) -> None:
    for name in ("pick", "place", "open"):
        seen = both(shown[name])[0]
        draft = proposed(name, evidence(shown[name], seen))
        early = _changed(draft, seen, shown[name])
        assert (early.requires, early.achieves) == (draft.requires, draft.achieves)


def test_segments_without_an_effect_have_no_contract() -> None:
    atoms = (Atom.parse("open(drawer)"),)
    seen = Seen(atoms, np.zeros((20, 1), dtype=np.int8), {"drawer": frozenset({"openable"})})
    still = Evidence.of(seen, (0, 20), 20, {"container": "drawer"})
    with pytest.raises(DatasetError, match="no effect in common"):
        proposed("stare", [still])
    with pytest.raises(DatasetError, match="no segments"):
        proposed("stare", [])


def test_a_cut_settles_after_what_it_brought_about() -> None:
    truth = np.zeros((40, 1), dtype=np.int8)
    truth[23:] = 1
    seen = Seen((Atom.parse("open(drawer)"),), truth, {})
    assert seen.settled(20) == 23
    assert seen.settled(26) == 23
    assert seen.settled(35) == 35
    assert seen.settled(40) == 39
