"""One bench in this process, as a verb asks for it."""

from __future__ import annotations

import tempfile
from pathlib import Path

from ..job import Job
from ..progress import say
from ..workspace import write_text
from .registry import BenchContext, find_bench
from .table import BenchResult


def run_here(job: Job, name: str) -> BenchResult:
    """The result of a bench; its files are in the run's folder then, and its scratch is gone."""
    config = job.config
    shelf = Path(config.shelf).expanduser() if config.shelf else None
    with tempfile.TemporaryDirectory(dir=job.folder.path, prefix="scratch-") as folder:
        context = BenchContext(Path(folder), config.seed, config.quick, say, shelf, config.workers)
        found = find_bench(name)(context)
    for file, text in found.files.items():
        write_text(job.folder / file, text)
    return found
