"""What the transition graph is worth: bridges replayed, and switches between learned skills."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from ..stepping import make_graph
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
        "predicts failure, of another seed. Only these are to fail when they begin at once. After "
        "the straight way the second skill begins as well: what the stones gain beside it is what "
        "the stones are for, the rest is the gain of being at a start."
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
    for what, found, most in (
        ("switches", switches, None),
        ("refused switches", refused, MOST_NAIVE),
    ):
        if found:
            more, note = _switch_rows(what, found, most)
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
    """The one that the demo left, or else the one that it would leave."""
    from kata.sim.robots import load
    from kata.sim.scene.config import TableWorldConfig
    from kata.skills.handover.graph import load_graph

    robot = load(TableWorldConfig.load().robot).spec
    if shelf.graph is not None:
        graph = load_graph(shelf.graph)
        graph.check_robot(robot, str(shelf.graph))
        return graph
    made = make_graph([shelf.demonstrations(name) for name in ONE_ARM], robot)
    assert made is not None, "the default robot has one hand"
    return made


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
        Row(f"{what}: search for stones, median", "CPU ms",
            Sample.of([each.search_ms for each in found])),
        Row(f"{what}: search for stones, worst", "CPU ms",
            Sample.of([max(each.search_ms for each in found)])),
    ]  # fmt: skip


def _switch_rows(
    what: str, found: Sequence[Switch], most_naive: float | None
) -> tuple[list[Row], str]:
    """Rows of switches; `most_naive` is how many may succeed when they begin at once."""
    stepped, naive = [s.stepped for s in found], [s.naive for s in found]
    rows, note = gain(stepped, naive, what, f"stones, {what}", "begun at once", 0.0)
    # The names of a bench's rows are unique, and it has two sets of switches.
    gained, bound = rows[1], replace(rows[2], name=f"{rows[1].name}, lower 95 % bound")
    must = None if most_naive is None else Bound(most_naive, "ours")
    straight = [s.straightened for s in found]
    beyond = 100.0 * (sum(stepped) - sum(straight)) / len(found)
    _, beside = gain(stepped, straight, what, "", "", 0.0)
    more = [
        Row(f"{what}: success with stones", "%", _share(found, "stepped"),
            _share(found, "straightened"), Bound(LEAST_SWITCHED, "ours"), "higher",
            "after the straight way between joints"),
        Row(f"{what}: success at once", "%", _share(found, "naive"), must=must),
        Row(f"{what}: bridged without disturbing anything", "%", _share(found, "arrived"),
            _share(found, "straight"), Bound(LEAST_BRIDGED, "ours"), "higher",
            "the straight way between joints"),
        Row(f"{what}: ways found that were not carried through", "%", _lost(found)),
        gained,
        bound,
        Row(f"{what}: points gained over the straight way", "points", Sample.of([beyond]),
            better="higher"),
    ]  # fmt: skip
    return more, f"{what}: {note} Stones beside the straight way: {beside}"


def _lost(found: Sequence[Switch]) -> Sample:
    ways = [each for each in found if each.found]
    return Sample.of([100.0 * sum(not each.arrived for each in ways) / max(1, len(ways))])


def _share(found: Sequence[Any], name: str) -> Sample:
    return Sample.of([100.0 * sum(getattr(each, name) for each in found) / len(found)])
