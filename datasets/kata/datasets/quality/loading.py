"""Reading a dataset that may be damaged: what is readable, and a fault for each piece that is not.

Legend: `F` frames.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from ..columns import Column, TextColumn, text_column, to_numpy
from ..dataset import Dataset
from ..lerobot_format import (
    DATA_PATH,
    INFO,
    KATA,
    Entry,
    Slot,
    read_entries,
    read_entry_file,
    read_info,
    read_json,
    read_table,
    readable_features,
)
from ..schema import Schema, foreign_schema
from ..types import DatasetError, KataError, KeySpec, RobotSpec
from .contents import Contents, Rows
from .faults import Fault


def read_contents(
    root: Path, robot: RobotSpec | None = None
) -> tuple[Contents, list[Fault], list[str]]:
    """The readable contents, the faults of the files, and what was left out and why.

    Raises DatasetError where there is no dataset, or nothing of it says what it holds.
    """
    info = read_info(root)
    features = info.get("features") or {}
    specs, left = readable_features(features)
    ours = (root / KATA).exists()
    if ours:
        schema = Schema.from_json(read_json(root / KATA), where=str(root / KATA))
    else:
        schema = foreign_schema(features, str(info.get("robot_type") or ""), _rate(info, root))
    entries, faults = _entries(root)
    if not entries:
        raise DatasetError(
            "a dataset without a readable episode",
            where=str(root / "meta/episodes"),
            hint="record some first, or restore the folder from a copy",
        )
    faults += _announced(info, entries)
    columns, bounds, more = _read_data(root, entries, specs)
    names = {key: spec.names for key, spec in specs.items()}
    contents = Contents(root, schema, tuple(entries), columns, bounds, names, ours, robot)
    return contents, [*faults, *more], [f"{key}: {why}" for key, why in left.items()]


def robot_name(root: Path) -> str:
    """The robot that a dataset names; empty where it names none. Raises DatasetError."""
    info = read_info(root)
    found = read_json(root / KATA).get("robot") if (root / KATA).exists() else None
    return str(found or info.get("robot_type") or "")


def contents_of(dataset: Dataset, robot: RobotSpec | None = None) -> Contents:
    """The contents of a dataset that is open already, without reading it again."""
    columns: dict[str, Column] = {}
    for key, spec in dataset.spec.items():
        if spec.dtype == "string":
            columns[key] = dataset.texts(key)
        elif spec.dtype != "video":
            columns[key] = dataset.column(key)
    bounds = {episode.index: (episode.start, episode.stop) for episode in dataset.episodes}
    names = {key: spec.names for key, spec in dataset.spec.items()}
    ours = (dataset.root / KATA).exists()
    entries = tuple(read_entries(dataset.root)) if dataset.schema.cameras else ()
    return Contents(dataset.root, dataset.schema, entries, columns, bounds, names, ours, robot)


def _rate(info: Mapping[str, Any], root: Path) -> int:
    fps = info.get("fps")
    if not isinstance(fps, int | float) or not fps >= 1:
        raise DatasetError(
            "no rate", where=str(root / INFO), expected="fps, 1 or more", got=f"fps {fps}"
        )
    return int(fps)


def _entries(root: Path) -> tuple[list[Entry], list[Fault]]:
    entries: list[Entry] = []
    faults = []
    for path in sorted((root / "meta/episodes").glob("*/*.parquet")):
        try:
            entries += read_entry_file(path)
        except DatasetError as error:
            faults.append(Fault("corrupt_file", detail=f"{path.relative_to(root)}: {error.got}"))
    return sorted(entries, key=lambda entry: entry.index), faults


def _announced(info: Mapping[str, Any], entries: Sequence[Entry]) -> list[Fault]:
    faults = []
    row = entries[0].start
    for number, entry in enumerate(entries):
        if entry.index != number or entry.start != row:
            detail = f"expected episode {number} from row {row} on, got {entry.index} from row "
            faults.append(
                Fault("counts_disagree", entry.index, 0, detail=detail + f"{entry.start}")
            )
        row = entry.stop
    frames = sum(entry.stop - entry.start for entry in entries)
    for name, count in (("total_episodes", len(entries)), ("total_frames", frames)):
        if info.get(name) != count:
            detail = f"{name} {info.get(name)} in meta/info.json, {count} in meta/episodes"
            faults.append(Fault("totals_disagree", detail=detail))
    return faults


def _read_data(
    root: Path, entries: Sequence[Entry], specs: Mapping[str, KeySpec]
) -> tuple[dict[str, Column], dict[int, tuple[int, int]], list[Fault]]:
    faults: list[Fault] = []
    tables: list[tuple[pa.Table, Rows]] = []
    by_slot: dict[Slot, list[Entry]] = {}
    for entry in entries:
        by_slot.setdefault(entry.data, []).append(entry)
    for slot, inside in by_slot.items():
        path = root / slot.path(DATA_PATH)
        try:
            table = read_table(path)
        except DatasetError as error:
            kind = "corrupt_file" if path.exists() else "missing_file"
            name = path.relative_to(root)
            faults += [Fault(kind, e.index, 0, detail=f"{name}: {error.got}") for e in inside]
            continue
        owner = _owners(table, inside)
        faults += _miscounted(owner, inside)
        known = np.isin(owner, [entry.index for entry in inside])
        tables.append((table, owner) if known.all() else (table.filter(known), owner[known]))
    columns, more = _columns(tables, specs)
    owner = np.concatenate([own for _, own in tables]) if tables else np.zeros(0, dtype=np.int64)
    columns, owner = _sorted(columns, owner)
    found, first, count = np.unique(owner, return_index=True, return_counts=True)
    bounds = {int(e): (int(at), int(at + n)) for e, at, n in zip(found, first, count, strict=True)}
    return columns, bounds, [*faults, *more]


def _owners(table: pa.Table, inside: Sequence[Entry]) -> Rows:
    """The episode of each row of a file, by its own column or else by the announced lengths."""
    if "episode_index" in table.column_names:
        return np.asarray(table["episode_index"].to_numpy(), dtype=np.int64).ravel()
    lengths = [entry.stop - entry.start for entry in inside]
    owner = np.repeat([entry.index for entry in inside], lengths)
    return np.resize(owner, table.num_rows) if len(owner) >= table.num_rows else owner


def _miscounted(owner: Rows, inside: Sequence[Entry]) -> list[Fault]:
    faults = []
    for entry in inside:
        count, announced = int((owner == entry.index).sum()), entry.stop - entry.start
        if count != announced:
            detail = f"{announced} frames in meta/episodes, {count} in the data"
            at = min(count, announced)
            faults.append(
                Fault(
                    "counts_disagree", entry.index, at, count=abs(count - announced), detail=detail
                )
            )
    return faults


def _columns(
    tables: Sequence[tuple[pa.Table, Rows]], specs: Mapping[str, KeySpec]
) -> tuple[dict[str, Column], list[Fault]]:
    columns: dict[str, Column] = {}
    faults = []
    for key, spec in specs.items():
        if spec.dtype == "video" or not tables:
            continue
        try:
            if spec.dtype == "string":
                columns[key] = text_column([t[key].cast(pa.string()) for t, _ in tables])
            else:
                parts = [to_numpy(table[key], spec, key) for table, _ in tables]
                columns[key] = np.concatenate(parts)
        except (KeyError, KataError, pa.ArrowException, ValueError, TypeError) as error:
            what = error.got if isinstance(error, KataError) else " ".join(str(error).split())[:120]
            faults.append(
                Fault("corrupt_file", key=key, detail=f"not as meta/info.json says: {what}")
            )
    return columns, faults


def _sorted(columns: dict[str, Column], owner: Rows) -> tuple[dict[str, Column], Rows]:
    if not (np.diff(owner) < 0).any():
        return columns, owner
    order = np.argsort(owner, kind="stable")
    moved = {
        key: TextColumn(column.codes[order], column.names)
        if isinstance(column, TextColumn)
        else column[order]
        for key, column in columns.items()
    }
    return moved, owner[order]
