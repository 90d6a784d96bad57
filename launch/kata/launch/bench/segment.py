"""Boundaries found in demonstrations that nobody has labelled, against when things were done."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING

from .measure import cpu_samples, one, percent
from .registry import BenchContext
from .segment_contracts import CONTRACT_NOTE, contract_rows
from .segment_training import SKILLS, Comparison, compared
from .table import BenchResult, Bound, Row

if TYPE_CHECKING:
    from kata.datasets.dataset import Dataset
    from kata.sim.longer import Stretch
    from kata.skills.handover.segmentation.cuts import Segmentation
    from kata.skills.handover.segmentation.score import Agreement
    from kata.skills.handover.segmentation.tracks import Track

EPISODES, CALLS = 100, 5
PHASE_FRAMES, SKILL_FRAMES = 4, 6
LEAST_PHASE, LEAST_GAIN, LEAST_SKILL = 0.75, 0.10, 0.85
LEAST_SHARE = 95.0
_NOTES = (
    (
        f"{EPISODES} demonstrations of {CALLS} skills each by scripted experts in simulation: any "
        "call that may start, DART noise of 2.5 mrad, a rest of 0.2 to 0.8 s before every seventh "
        "part of a movement. The columns skill, arguments and phase are empty; when each call "
        "began, and each phase of its expert, is kept beside the dataset and used for scores only. "
        "No constant was chosen on these scenes."
    ),
    (
        f"A found cut is right within {PHASE_FRAMES} frames (0.2 s) of a true phase, or "
        f"{SKILL_FRAMES} frames (0.3 s) of a true change of skills; each true cut counts once. A "
        "phase is a part of the expert's recipe (reach, grasp, lift, carry, release, slide, "
        "retreat, ...), where it travels cut again as it begins to sink; parts of less than 3 "
        "frames are none. A rest belongs to what was before it."
    ),
    (
        "Baselines: as many cuts as there are true ones, at equal distances; where the gripper "
        "passes the middle of its range; where any recorded fact flips. Found segments are cut, "
        "named, given contracts and judged by poses and gripper alone; what the things are (tags "
        "such as openable) the dataset says. Recorded facts are read by the last baseline, by the "
        "true side and by the rows that say so."
    ),
    (
        "Trained: after found segments under the proposed contracts, after true ones under the "
        "written ones, on the same scenes, judged by the world alike. The interval of the "
        "difference is Newcombe's for pairs; training itself was repeated with one seed only."
    ),
    CONTRACT_NOTE,
)


def run(context: BenchContext) -> BenchResult:
    """Phases, skills, contracts, and what skills are worth that learn from found segments."""
    from kata.datasets.dataset import Dataset
    from kata.skills.handover.segmentation.segment import segment
    from kata.skills.handover.segmentation.tracks import tracks

    from ..longer import Longer, record_longer

    episodes = 4 if context.quick else EPISODES
    root = context.folder / "held_out"
    asked = Longer(episodes, context.seed, "segment held out", CALLS)
    truth = record_longer(asked, root, partial(_say, context, episodes))
    dataset = Dataset.open(root)
    given = tracks(dataset)
    found: list[Segmentation] = []
    cost = cpu_samples(lambda: found.append(segment(given, seed=context.seed)), runs=1, warm_up=0)
    rows = [
        *_phase_rows(given, truth, found[0]),
        *_skill_rows(dataset, given, truth, found[0]),
        Row(f"time for {episodes} demonstrations", "CPU s", cost, must=Bound(90.0, "ours")),
    ]
    skills = SKILLS[:1] if context.quick else SKILLS
    pairs = compared(context, dataset, truth, found[0], skills)
    rows += _trained_rows(pairs)
    rows += contract_rows(pairs.matched)
    data = {
        "threshold": found[0].threshold,
        "groups": [asdict(group) for group in found[0].groups],
        "trained": pairs.to_data(),
        "contracts": pairs.matched.to_data(),
    }
    return BenchResult(tuple(rows), notes=_NOTES, data=data)


def _phase_rows(
    given: Sequence[Track], truth: Mapping[int, Sequence[Stretch]], found: Segmentation
) -> list[Row]:
    from kata.skills.handover.segmentation.score import pooled, uniform_cuts

    true = [true_phases(truth[track.episode]) for track in given]
    ours = pooled([e.phases for e in found.episodes], true, PHASE_FRAMES)
    even = pooled(
        [uniform_cuts(len(t), len(p)) for t, p in zip(given, true, strict=True)],
        true,
        PHASE_FRAMES,
    )
    near = pooled([e.phases for e in found.episodes], true, PHASE_FRAMES - 1)
    return [
        Row(f"phases, F1 within {PHASE_FRAMES - 1} frames", "1", one(near.f1), better="higher"),
        Row("phases, F1", "1", one(ours.f1), one(even.f1), Bound(LEAST_PHASE, "ours"),
            "higher", "uniform cuts"),
        Row("phases, F1 above uniform cuts", "1", one(ours.f1 - even.f1),
            must=Bound(LEAST_GAIN, "ours"), better="higher"),
        Row("phases, precision", "1", one(ours.precision), one(even.precision),
            better="higher", against="uniform cuts"),
        Row("phases, recall", "1", one(ours.recall), one(even.recall),
            better="higher", against="uniform cuts"),
    ]  # fmt: skip


def _skill_rows(
    dataset: Dataset,
    given: Sequence[Track],
    truth: Mapping[int, Sequence[Stretch]],
    found: Segmentation,
) -> list[Row]:
    from kata.skills.handover.segmentation.score import (
        flip_cuts,
        pooled,
        toggle_cuts,
        uniform_cuts,
    )

    true = [[s.start for s in truth[track.episode]][1:] for track in given]
    ours = pooled([e.cuts for e in found.episodes], true, SKILL_FRAMES)
    facts = dataset.column("facts")
    others: dict[str, Callable[[int, Track], Sequence[int]]] = {
        "uniform cuts": lambda k, t: uniform_cuts(len(t), len(true[k])),
        "gripper toggles": lambda _k, t: toggle_cuts(t.opening[:, 0]),
        "fact flips": lambda k, _t: flip_cuts(
            facts[dataset.episodes[k].start : dataset.episodes[k].stop]
        ),
    }
    rows: list[Row] = []
    for name, cuts in others.items():
        other: Agreement = pooled([cuts(k, t) for k, t in enumerate(given)], true, SKILL_FRAMES)
        must = Bound(LEAST_SKILL, "ours") if not rows else None
        label = "skills, F1" if not rows else f"skills, F1, against {name}"
        rows.append(Row(label, "1", one(ours.f1), one(other.f1), must, "higher", name))
    return rows


def _trained_rows(pairs: Comparison) -> list[Row]:
    rows = [
        Row(f"success of {name}, trained on found segments under the proposed contract", "%",
            one(percent(pair.successes_a, pair.trials)),
            one(percent(pair.successes_b, pair.trials)),
            better="higher", against="true segments under the written contract")
        for name, pair in pairs.outcomes.items()
    ]  # fmt: skip
    pooled = pairs.pooled
    low, high = pooled.newcombe()
    return [
        *rows,
        Row("success after found segments, share of true ones", "%",
            one(percent(pooled.successes_a, pooled.successes_b)),
            must=Bound(LEAST_SHARE, "ours"), better="higher"),
        Row("success after found less true segments", "points",
            one(100.0 * pooled.difference), better="higher"),
        Row("the same, lower bound of 95 %", "points", one(100.0 * low), better="higher"),
        Row("the same, upper bound of 95 %", "points", one(100.0 * high), better="higher"),
    ]  # fmt: skip


def _say(context: BenchContext, episodes: int, done: float) -> None:
    if not done % 20:
        context.say(f"{done:.0f} of {episodes} demonstrations")


def true_phases(stretches: Sequence[Stretch]) -> list[int]:
    """Frames at which an expert's phases begin, but the first."""
    return [start for stretch in stretches for start, _ in stretch.phases][1:]
