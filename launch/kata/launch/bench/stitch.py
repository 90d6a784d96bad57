"""What the transition graph is worth: bridges replayed, and switches between learned skills."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from .measure import Sample
from .paired import gain
from .registry import BenchContext
from .stitch_bridges import Bridge, Bridges
from .stitch_scenes import Switch, Switches
from .table import BenchResult, Bound, Row
from .trained import ONE_ARM, Shelf, trained

if TYPE_CHECKING:
    from kata.skills.contract.call import Call
    from kata.skills.handover.graph import TransitionGraph

TRIALS = 200
LEAST_BRIDGED, LEAST_SWITCHED, MOST_NAIVE = 80.0, 70.0, 30.0
_NOTES = (
    (
        "Skills: the eight default ones of a robot with one arm, trained by `kata demo` on "
        "demonstrations of one skill each; no demonstration holds two of them."
    ),
    (
        "Bridges: new scenes, no policy. The robot stands beside the last state of a random "
        "demonstration (normal noise of 0.1 rad a joint) and goes to the first state of a random "
        "demonstration of another skill. Success: it is there within 0.05 rad, nothing has moved "
        "by 1 cm, no obstacle was touched. `barred`: it goes to the last state of that "
        "demonstration, which lies low, and a pillar that nobody demonstrated stands between."
    ),
    (
        "Switches: a learned skill runs until it has achieved what it is for, then another one "
        "that may follow, drawn by seed: at once, or after the stones to the start of a random "
        "demonstration of it. Where there is no path it begins at once in both. Success is what "
        "the second call achieves. `refused`: only those where the second skill's start model "
        "predicts failure, of another seed."
    ),
)


def run(context: BenchContext) -> BenchResult:
    """Replayed bridges, with and without a pillar, then switches with and without stones."""
    shelf = trained(context)
    trials = 2 if context.quick else TRIALS
    graph = _graph(shelf)
    context.say(f"graph of {len(graph)} states, {int(graph.bridges.sum())} bridges")
    free, barred = (
        _drawn(trials, Bridges(graph, _press(shelf), context.seed, barred=pillar).run)
        for pillar in (False, True)
    )
    context.say(f"{len(free)} bridges, {len(barred)} past a pillar")
    all_of_them = Switches(shelf.agents, graph, context.seed)
    switches = _drawn(trials, all_of_them.run, context)
    # Of another seed, and without what the start model has nothing against, which costs less.
    worse = Switches(shelf.agents, graph, context.seed + 1)
    refused = _drawn(trials // 2, functools.partial(worse.run, refused=True), context, 8)
    rows = [*_bridge_rows("bridges", free), *_bridge_rows("bridges, barred", barred)]
    notes = [*_NOTES]
    for what, found in (("switches", switches), ("refused switches", refused)):
        if found:
            more, note = _switch_rows(what, found)
            rows += more
            notes.append(note)
    data = {
        "nodes": len(graph),
        "bridges": [asdict(each) for each in free],
        "barred": [asdict(each) for each in barred],
        "switches": [asdict(each) for each in switches],
        "refused": [asdict(each) for each in refused],
    }
    return BenchResult(tuple(rows), notes=tuple(notes), data=data)


def _graph(shelf: Shelf) -> TransitionGraph:
    from kata.datasets.dataset import Dataset
    from kata.sim.robots import load
    from kata.sim.scene.config import TableWorldConfig
    from kata.skills.handover.graph import stitch

    datasets = [Dataset.open(shelf.demonstrations(name)) for name in ONE_ARM]
    return stitch(datasets, load(TableWorldConfig.load().robot).spec)


def _press(shelf: Shelf) -> Call:
    from kata.skills.contract.call import Call

    return Call.of(shelf.agents["press"].contract, ["button"])


def _drawn[T](
    trials: int,
    run: Callable[[int], T | None],
    context: BenchContext | None = None,
    most: int = 3,
) -> list[T]:
    """The first `trials` that could be run, of at most `most` times as many."""
    found: list[T] = []
    for index in range(most * trials):
        outcome = run(index)
        if outcome is not None:
            found.append(outcome)
        if context is not None and index % 25 == 24:
            context.say(f"{len(found)} of {trials} switches")
        if len(found) == trials:
            break
    return found


def _bridge_rows(what: str, found: Sequence[Bridge]) -> list[Row]:
    if not found:
        return []
    ours = _share(found, "arrived")
    return [
        Row(f"{what}: replayed without disturbing anything", "%", ours, _share(found, "straight"),
            Bound(LEAST_BRIDGED, "ours"), "higher", "the straight way between joints"),
        Row(f"{what}: the same without distances in the scene", "%", _share(found, "trusting"),
            better="higher"),
    ]  # fmt: skip


def _switch_rows(what: str, found: Sequence[Switch]) -> tuple[list[Row], str]:
    stepped, naive = [s.stepped for s in found], [s.naive for s in found]
    rows, note = gain(stepped, naive, what, f"stones, {what}", "begun at once", 0.0)
    more = [
        Row(f"{what}: success with stones", "%", _share(found, "stepped"),
            must=Bound(LEAST_SWITCHED, "ours"), better="higher"),
        Row(f"{what}: success at once", "%", _share(found, "naive"),
            must=Bound(MOST_NAIVE, "ours")),
        Row(f"{what}: bridged without disturbing anything", "%", _share(found, "arrived"),
            _share(found, "straight"), Bound(LEAST_BRIDGED, "ours"), "higher",
            "the straight way between joints"),
    ]  # fmt: skip
    return [*more, *rows[1:]], f"{what}: {note}"


def _share(found: Sequence[Any], name: str) -> Sample:
    return Sample.of([100.0 * sum(getattr(each, name) for each in found) / len(found)])
