"""Whether a bench became worse than an earlier one: ratios only, since machines differ."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from kata.datasets.types import ConfigError

WORSE = 1.2
"""A ratio that is worse by more than this factor fails."""


def read_results(path: Path) -> dict[str, Any]:
    """Results by bench, of a `performance.json` or the `result.json` of a `kata bench`.

    Raises ConfigError for a file that is neither.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        found = data["benches"]
        for result in found.values():
            for row in result["rows"]:
                _ = row["name"], row["ratio"], row["better"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(
            "not the result of a bench",
            where=f"against={path}",
            expected="a performance.json, or a result.json of kata bench",
            got=repr(error)[:200],
        ) from None
    assert isinstance(found, dict)
    return found


def worse_rows(
    before: Mapping[str, Mapping[str, Any]], after: Mapping[str, Mapping[str, Any]]
) -> Iterator[str]:
    """A sentence for each row of `after` whose ratio is worse than `WORSE` allows, or is gone.

    A bench that was not run again is left out; a row of one that was must be there.
    """
    for name, result in before.items():
        if name not in after:
            continue
        rows = {row["name"]: row for row in after[name]["rows"]}
        for old in result["rows"]:
            if old["ratio"] is None:
                continue
            new = rows.get(old["name"])
            if new is None or new["ratio"] is None:
                yield f"{name}: {old['name']}: not measured any more"
                continue
            factor = new["ratio"] / old["ratio"] if old["ratio"] else 1.0
            if (factor if old["better"] == "lower" else 1.0 / factor) > WORSE:
                yield (
                    f"{name}: {old['name']}: ratio {new['ratio']:.4g}, was {old['ratio']:.4g} "
                    f"({old['better']} is better)"
                )


def missed_rows(results: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The rows that do not reach their bound, as `bench: row`."""
    return [
        f"{name}: {row['name']}"
        for name, result in results.items()
        for row in result["rows"]
        if row["ok"] is False
    ]
