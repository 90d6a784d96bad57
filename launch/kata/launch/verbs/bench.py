"""`kata bench`: what Kata costs, beside a baseline in the same run."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from kata.datasets.types import ConfigError
from kata.launch.bench import publish
from kata.launch.bench.all import run_all
from kata.launch.bench.compare import missed_rows, read_results, worse_rows
from kata.launch.bench.page import lines
from kata.launch.bench.registry import BENCHES, LONG, BenchContext, find_bench
from kata.launch.job import Done, Job
from kata.launch.progress import say
from kata.launch.workspace import write_text


def run(job: Job) -> Done:
    """Run one bench, or all; the exit code is 1 where a bound is missed or a ratio is worse."""
    config = job.config
    name = _name(job)
    before = read_results(Path(config.against).expanduser()) if config.against else None
    results = run_all(job.folder, config) if name == "all" else {name: _one(job, name)}
    found: dict[str, Any] = {"benches": results, **publish.circumstances(job, name)}
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


def _one(job: Job, name: str) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(dir=job.folder.path, prefix="scratch-") as folder:
        config = job.config
        shelf = Path(config.shelf).expanduser() if config.shelf else None
        context = BenchContext(Path(folder), config.seed, config.quick, say, shelf, config.workers)
        found = find_bench(name)(context)
    for file, text in found.files.items():
        write_text(job.folder / file, text)
    return found.to_data()
