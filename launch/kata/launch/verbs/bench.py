"""`kata bench`: what Kata costs, beside a baseline in the same run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kata.datasets.types import ConfigError
from kata.launch.bench import publish
from kata.launch.bench.all import run_all
from kata.launch.bench.compare import missed_rows, read_results, worse_rows
from kata.launch.bench.here import run_here
from kata.launch.bench.page import lines
from kata.launch.bench.registry import BENCHES, LONG, find_bench
from kata.launch.job import Done, Job


def run(job: Job) -> Done:
    """Run one bench, or all; the exit code is 1 where a bound is missed or a ratio is worse."""
    config = job.config
    name = _name(job)
    before = read_results(Path(config.against).expanduser()) if config.against else None
    more: Mapping[str, Any] = {}
    if name == "all":
        results = run_all(job.folder, config)
    else:
        one = run_here(job, name)
        results, more = {name: one.to_data()}, one.data
    found: dict[str, Any] = {**more, "benches": results, **publish.circumstances(job, name)}
    found["missed"] = missed_rows(results)
    told = [line for bench, result in results.items() for line in lines(bench, result)]
    told += [f"missed: {text}" for text in found["missed"]]
    if before is not None:
        found["worse"] = list(worse_rows(before, results))
        told += [f"worse than before: {text}" for text in found["worse"]]
    elif name == "all":
        told.append(f"written: {publish.write(job, found)}")
    failed = bool(found["missed"] or found.get("worse"))
    return Done(found, tuple(told), "kata bench all" if name != "all" else "", int(failed))


def _name(job: Job) -> str:
    names = (*BENCHES, "all", *LONG)
    if len(job.config.words) != 1:
        raise ConfigError("which bench?", where="kata bench", expected=" | ".join(names))
    name = str(job.config.words[0])
    if name != "all":
        find_bench(name)
    return name
