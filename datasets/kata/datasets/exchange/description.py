"""What Kata writes beside another format's own words, so that nothing is lost on the way back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ..schema import Schema
from ..types import DatasetError, FeatureSpec, KataError, Outcome
from .take import Layout, Take, identity

FORMAT = 1


def layout_text(layout: Layout) -> str:
    """A layout as JSON."""
    return json.dumps(
        {
            "format": FORMAT,
            "robot": layout.robot,
            "fps": layout.fps,
            "spec": layout.spec.to_json(),
            "cameras": {name: list(size) for name, size in layout.cameras.items()},
            "schema": layout.schema.to_json() if layout.schema else None,
            "knows_success": layout.knows_success,
        }
    )


def parse_layout(text: str, where: str) -> Layout:
    """Inverse of `layout_text`. Raises DatasetError."""
    try:
        data = json.loads(text)
        if data["format"] != FORMAT:
            raise DatasetError(
                "unknown format", where=where, expected=f"format {FORMAT}", got=str(data["format"])
            )
        schema = data["schema"]
        return Layout(
            str(data["robot"]),
            int(data["fps"]),
            FeatureSpec.from_json(data["spec"]),
            {str(k): (int(v[0]), int(v[1])) for k, v in data["cameras"].items()},
            Schema.from_json(schema, where=where) if schema else None,
            bool(data["knows_success"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise DatasetError("not Kata's description", where=where, got=repr(error)) from error
    except KataError as error:
        raise DatasetError("not Kata's description", where=where, got=error.what) from error


def outcome_text(take: Take, number: int) -> str:
    """How an episode ended, as JSON."""
    outcome = replace(take.outcome, episode_uuid=identity(take, number))
    names = ("success", "reason", "seed", "episode_uuid", "parent_uuid", "parent_frame")
    return json.dumps({name: getattr(outcome, name) for name in names})


def parse_outcome(text: str, where: str) -> Outcome:
    """Inverse of `outcome_text`. Raises DatasetError."""
    try:
        data: Mapping[str, Any] = json.loads(text)
        seed = data["seed"]
        return Outcome(
            bool(data["success"]),
            str(data["reason"]),
            None if seed is None else int(seed),
            str(data["episode_uuid"]),
            str(data["parent_uuid"]),
            int(data["parent_frame"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise DatasetError("not the outcome of an episode", where=where, got=repr(error)) from error
