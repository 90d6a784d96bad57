"""All benches one after the other, each in a process of its own; finished ones are kept."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

from kata.datasets.types import ExecutionError

from ..configuration import Config
from ..progress import say
from ..workspace import RESULT, RunFolder
from .registry import BENCHES


def run_all(folder: RunFolder, config: Config) -> dict[str, Any]:
    """The results by bench, with the `seed` and `quick` of a configuration.

    Raises ExecutionError where a bench ends without one.
    """
    found: dict[str, Any] = {}
    for name in BENCHES:
        own = folder / name
        result = RunFolder(own).read_json(RESULT)
        if result is None:
            say(f"bench {name}")
            _run_one(name, own, config.seed, quick=config.quick)
            result = RunFolder(own).read_json(RESULT)
        if result is None:
            raise ExecutionError("a bench ended without a result", where=str(own))
        found |= result["benches"]
    return found


def _run_one(name: str, folder: Path, seed: int, *, quick: bool) -> None:
    # What one bench imports and allocates must not weigh on the next one's numbers.
    command = [sys.executable, "-m", "kata.launch.cli", "bench", name]
    command += [f"seed={seed}", f"quick={str(quick).lower()}", f"out={folder}"]
    done = subprocess.run(command, check=False)
    # 1 says that a bound was missed; its result is there.
    if done.returncode not in (0, 1):
        raise ExecutionError(
            "a bench failed",
            where=f"kata bench {name}",
            got=f"exit code {done.returncode}",
            hint=f"see {folder / 'log.txt'}; the finished ones are kept",
        )
