"""Descriptors in a library: learned from trials, recorded, and used to plan and to predict."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from . import build
from .configuration import Config
from .progress import bounds
from .trials import Block

if TYPE_CHECKING:
    from kata.datasets.types import Observation
    from kata.skills.evidence.descriptor import SkillDescriptor
    from kata.skills.evidence.descriptor_forecast import Forecast
    from kata.skills.library.library import Entry, Library
    from kata.skills.planning.descriptor import Prediction
    from kata.skills.planning.planner import SymbolicPlanner

    from .knowledge import Known


def record_descriptor(
    config: Config, library: Library, entry: Entry, episodes: Sequence[Block]
) -> None:
    """Learn from these trials, and record what was learned.

    Trials of the last descriptor count too, if it was learned with this robot in this world; one
    that is among both counts once.
    Raises PackageError for a last descriptor that is not sound.
    """
    from kata.skills.evidence.descriptor import fit_descriptor
    from kata.skills.evidence.descriptor_storage import RECORD, descriptor_data, sample_of

    world = build.world_config(config).fingerprint()
    before = descriptor_of_entry(library, entry, config.robot, world)
    kept = before.samples if before else ()
    learned = fit_descriptor([*kept, *map(sample_of, episodes)])
    scene = {"robot": config.robot, "world": world}
    library.record(entry, RECORD, {**scene, **descriptor_data(learned)})


def descriptor_of_entry(
    library: Library, entry: Entry, robot: str, world: str = ""
) -> SkillDescriptor | None:
    """The last descriptor of a version on a robot, in any world or in one of this fingerprint.

    None where it was never measured so, or nobody signed it whose word counts. Raises PackageError
    for one that is not sound.
    """
    from kata.skills.evidence.descriptor_storage import RECORD, descriptor_of

    for record in reversed(library.sound_records(entry.identity)):
        data = record.data
        told = record.kind == RECORD and data.get("robot") == robot
        if told and world in ("", data.get("world")):
            return descriptor_of(data, where=str(record.path))
    return None


def forecaster(
    known: Known, observe: Callable[[], Observation], seed: int = 0
) -> tuple[SymbolicPlanner, Forecast]:
    """A planner that chooses by descriptors what they know, and what predicts its plans."""
    from kata.skills.evidence.descriptor_forecast import Forecast
    from kata.skills.planning.planner import SymbolicPlanner

    forecast = Forecast(known.descriptors, observe, seed)
    predictor = forecast if known.descriptors else None
    return SymbolicPlanner(known.success, predictor=predictor, spares=known.spares), forecast


def predicted_data(found: Prediction | None) -> dict[str, Any] | None:
    """A prediction for a file; None where some skill was never measured."""
    return None if found is None else found.to_data()


def mean_prediction(episodes: Sequence[Block]) -> dict[str, Any] | None:
    """What was predicted of these episodes on average; None if one was not predicted.

    What is not known of a skill's rate is the same in every scene, so the bounds are averaged too.
    """
    found = [episode.get("predicted") for episode in episodes]
    known = [each for each in found if each is not None]
    if not known or len(known) < len(found):
        return None
    low, high = (sum(each["interval"][end] for each in known) / len(known) for end in (0, 1))
    rate = sum(each["rate"] for each in known) / len(known)
    return {"rate": round(rate, 6), "interval": [round(low, 6), round(high, 6)]}


def predicted_words(found: Mapping[str, Any] | None) -> str:
    """A prediction for a person."""
    if found is None:
        return "not predicted: a skill was never measured"
    return f"predicted {100 * found['rate']:.0f} % ({bounds(found['interval'])})"
