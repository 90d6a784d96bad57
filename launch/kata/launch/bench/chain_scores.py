"""What episodes of pairs and chains come to: blocks for `result.json`, and rows with bounds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import mean, median
from typing import Any

from kata.datasets.types import ConfigError

from .measure import Sample
from .table import Bound, Row

Episodes = Sequence[Mapping[str, Any]]
Ways = Mapping[str, Episodes]

_LEAST = {3: 93.0, 5: 90.0}
"""Success in % that chains of so many skills must have on average."""


def arm_block(episodes: Episodes) -> dict[str, Any]:
    """Trials, successes with their interval, those of the first plan, and jerk at seams.

    `peak_jerk` is the median over the episodes that came to a seam; 0 where none did.
    """
    from kata.skills.evidence.interval import Interval

    rate = Interval.of(sum(e["success"] for e in episodes), len(episodes))
    first = sum(e["success"] and not e["replans"] for e in episodes)
    reasons = [e["reason"] for e in episodes if e["reason"]]
    return {
        **rate.to_data(),
        "first_plan": first,
        "peak_jerk": round(median(_jerks(episodes) or [0.0]), 3),
        "jerk_share": max(e["jerk_share"] for e in episodes),
        "seconds": round(mean(e["duration_s"] for e in episodes), 3),
        "moves": round(mean(e["moves"] for e in episodes), 3),
        "reasons": {reason: reasons.count(reason) for reason in sorted(set(reasons))},
    }


def paired_block(ways: Ways) -> dict[str, Any]:
    """The blocks of a pair's ways, and the paired difference of `full` and `naive`."""
    pairs = _paired(ways)
    low, high = pairs.newcombe()
    return {
        **{mode: arm_block(episodes) for mode, episodes in ways.items()},
        "difference": round(pairs.difference, 4),
        "interval": [round(low, 4), round(high, 4)],
        "p": pairs.mcnemar(),
    }


def chain_rows(chains: Mapping[str, Mapping[str, Any]]) -> tuple[Row, ...]:
    """Mean success of chains by their length, `full` beside `naive`."""
    rows = []
    for calls in sorted({chain["calls"] for chain in chains.values()}):
        ways = [chain for chain in chains.values() if chain["calls"] == calls]
        rates = {mode: mean(100.0 * way[mode]["rate"] for way in ways) for mode in _modes(ways)}
        least = _LEAST.get(calls)
        told = ", ".join(f"{mode} {rate:.0f}" for mode, rate in rates.items())
        rows.append(
            Row(f"success, {len(ways)} chains of {calls} skills", "%",
                Sample.of([rates["full"]]), Sample.of([rates["naive"]]),
                must=Bound(least, "ours") if least else None, better="higher",
                against=f"naive ({told})")
        )  # fmt: skip
    return tuple(rows)


def pair_rows(blocks: Mapping[str, Mapping[str, Any]], found: Mapping[str, Ways]) -> list[Row]:
    """That no pair is worse with the layer: each by itself, and all together."""
    from kata.skills.evidence.several import holm

    by_name = {(name, ""): block["p"] for name, block in blocks.items()}
    corrected = holm(by_name)
    worse = [
        name for (name, _), p in corrected.items() if p < 0.05 and blocks[name]["difference"] < 0
    ]
    lowest = min(100.0 * block["difference"] for block in blocks.values())
    pooled = _pooled(found.values())
    low, _ = pooled.newcombe()
    success = [mean(100.0 * block[mode]["rate"] for block in blocks.values()) for mode in _ENDS]
    return [
        Row(f"success, {len(blocks)} pairs", "%", Sample.of([success[1]]), Sample.of([success[0]]),
            better="higher", against="naive"),
        Row("pairs significantly worse than naive", "pairs", Sample.of([float(len(worse))]),
            must=Bound(0.0, "ours")),
        Row("least difference of a pair", "points", Sample.of([lowest]),
            must=Bound(-5.0, "ours"), better="higher"),
        Row("pooled difference, lower 95 % bound", "points", Sample.of([100.0 * low]),
            must=Bound(-1.0, "ours"), better="higher"),
    ]  # fmt: skip


def time_row(seconds: float, workers: int) -> Row:
    """How long all of it took, the training of the skills included where they were trained."""
    return Row(
        f"wall time, {workers} workers", "min", Sample.of([seconds / 60.0]),
        must=Bound(50.0, "ours"),
    )  # fmt: skip


def jerk_rows(found: Mapping[str, Mapping[str, Ways]]) -> list[Row]:
    """Jerk at the seams of all pairs and chains, and of the robot's own limits."""
    every = [ways for kind in found.values() for ways in kind.values()]
    jerks = {mode: [jerk for ways in every for jerk in _jerks(ways[mode])] for mode in _ENDS}
    share = max(e["jerk_share"] for ways in every for e in ways["full"])
    return [
        Row("peak jerk at seams, median", "rad/s3", Sample.of(jerks["full"]),
            Sample.of(jerks["naive"]), must=Bound(0.15), against="naive"),
        Row("greatest jerk at a seam, of the joint's limit", "x", Sample.of([share]),
            must=Bound(1.0, "ours")),
    ]  # fmt: skip


_ENDS = ("naive", "full")


def _jerks(episodes: Episodes) -> list[float]:
    """Of the episodes that came to a seam."""
    return [e["peak_jerk"] for e in episodes if e["peak_jerk"] > 0]


def _modes(ways: Sequence[Mapping[str, Any]]) -> list[str]:
    return [mode for mode, block in ways[0].items() if isinstance(block, Mapping)]


def _paired(ways: Ways) -> Any:
    from kata.skills.evidence.paired import PairedOutcomes

    full, naive = ([e["success"] for e in ways[mode]] for mode in ("full", "naive"))
    if len(full) != len(naive):
        raise ConfigError("ways with unequal trials", got=f"{len(full)} and {len(naive)}")
    return PairedOutcomes.of(full, naive)


def _pooled(every: Any) -> Any:
    from kata.skills.evidence.paired import PairedOutcomes

    pairs = [_paired(ways) for ways in every]
    counts = ("both", "only_a", "only_b", "neither")
    return PairedOutcomes(*(sum(getattr(pair, name) for pair in pairs) for name in counts))
