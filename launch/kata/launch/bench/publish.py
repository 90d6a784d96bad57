"""Where the numbers of `kata bench all` go: `performance.md` and `performance.json`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..job import Job
from ..keys import config_root
from ..workspace import RunFolder, write_text
from .machine import machine
from .page import page

PAGE, DATA = "performance.md", "performance.json"


def circumstances(job: Job, name: str) -> dict[str, Any]:
    """What `result.json` says beside the rows."""
    return {"bench": name, "quick": job.config.quick, "machine": machine()}


def write(job: Job, found: Mapping[str, Any]) -> Path:
    """Write the page and its data; returns the page.

    They go to the folder that `docs` names, else to the checkout's `docs`. Outside a checkout,
    and with `quick`, whose numbers mean little, they go to the run's folder.
    """
    folder = _folder(job)
    results = found["benches"]
    seconds = _seconds(job, results)
    body = {"machine": found["machine"], "seconds": seconds, "benches": results}
    write_text(folder / DATA, json.dumps(body, indent=1, allow_nan=False) + "\n")
    write_text(folder / PAGE, page(results, found["machine"], seconds))
    return folder / PAGE


def _folder(job: Job) -> Path:
    if job.config.docs:
        return Path(job.config.docs).expanduser()
    docs = config_root().parent / "docs"
    return docs if docs.is_dir() and not job.config.quick else job.folder.path


def _seconds(job: Job, results: Mapping[str, Any]) -> float:
    """Time of all benches, those of an interrupted run included."""
    parts = (RunFolder(job.folder / name).read_json("result.json") for name in results)
    return round(sum(float(part["seconds"]) for part in parts if part), 1)
