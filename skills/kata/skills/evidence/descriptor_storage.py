"""A descriptor as plain data, to be a record of the library.

Legend: `N` trials, `D` joints, `S` slots, `K` numbers an entity.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kata.datasets.types import ENTITY_WIDTH, Array, KataError, PackageError
from kata.skills.contract.call import argument_texts
from kata.skills.handover.features import Start

from .descriptor import Sample, SkillDescriptor
from .descriptor_kernel import Kernel
from .descriptor_score import score_of

FORMAT = 1
RECORD = "descriptor"
"""Kind of the record that holds one."""

_DIGITS = 5


def descriptor_data(descriptor: SkillDescriptor) -> dict[str, Any]:
    """Plain data; lengths to a hundredth of a millimetre. `descriptor_of` reads it back."""
    kept = descriptor.samples
    return {
        "format": FORMAT,
        "trials": len(kept),
        "successes": sum(s.success for s in kept),
        "success": descriptor.success.to_data(),
        "duration": descriptor.duration.to_data(),
        "matters": {
            "success": descriptor.matters(descriptor.success),
            "duration": descriptor.matters(descriptor.duration),
        },
        "score": descriptor.score and descriptor.score.to_data(),
        "samples": [
            {
                "values": list(s.values),
                "success": s.success,
                "duration_s": round(s.duration_s, 4),
                "start": start_data(s.start),
                "end": None if s.end is None else start_data(s.end),
                "seed": s.seed,
                "start_kind": s.start_kind,
            }
            for s in kept
        ],
    }


def descriptor_of(data: Mapping[str, Any], *, where: str) -> SkillDescriptor:
    """The descriptor of such data. Raises PackageError for data that is not sound."""
    try:
        if data["format"] != FORMAT:
            raise ValueError(f"format {data['format']}")
        samples = tuple(map(sample_of, data["samples"]))
        kernels = (_kernel(data["success"]), _kernel(data["duration"]))
        found = SkillDescriptor(samples, *kernels)
        if data["score"] is not None:
            width = len(found.feature_names)
            found = SkillDescriptor(samples, *kernels, score_of(data["score"], len(samples), width))
        used = {*found.success.features, *found.duration.features}
        if not samples or not used <= set(range(len(found.feature_names))):
            raise ValueError("features that its trials do not have")
    except (KeyError, TypeError, ValueError, IndexError, KataError) as error:
        raise PackageError(
            "a descriptor that cannot be read",
            where=where,
            expected=f"format {FORMAT}, trials of one skill on one robot",
            got=f"{type(error).__name__}: {error}",
            hint="measure the skill again; without a descriptor its rate alone counts",
        ) from None
    return found


def sample_of(data: Mapping[str, Any]) -> Sample:
    """A trial of plain data: `values`, or a `call` as text, its start and perhaps its end."""
    values = data.get("values") or _values(str(data.get("call", "")))
    end, seed = data.get("end"), data.get("seed")
    return Sample(
        tuple(map(str, values)),
        start_of(data["start"]),
        bool(data["success"]),
        float(data["duration_s"]),
        None if end is None else start_of(end),
        None if seed is None else int(seed),
        str(data.get("start_kind", "")),
    )


def start_data(start: Start) -> dict[str, Any]:
    """A start as plain data."""
    parts = {"position": start.position, "tool": start.tool, "focus": start.focus}
    return {name: np.round(part, _DIGITS).tolist() for name, part in parts.items()}


def start_of(data: Mapping[str, Any]) -> Start:
    """The start of `start_data`. Raises KeyError, TypeError or ValueError for other data."""
    position, tool = _numbers(data["position"]), _numbers(data["tool"])
    focus = _numbers(data["focus"]).reshape(-1, ENTITY_WIDTH)
    if position.ndim != 1 or tool.shape != (7,):
        raise ValueError(f"shapes {position.shape} and {tool.shape}")
    return Start(position, tool, focus)


def _numbers(values: Sequence[Any]) -> Array:
    found = np.array(values, dtype=float)
    if not np.isfinite(found).all():
        raise ValueError("not finite")
    return found


def _kernel(data: Mapping[str, Any]) -> Kernel:
    width = float(data["width"])
    if not 0 < width < np.inf:
        raise ValueError(f"width {width}")
    features = tuple(map(int, data["features"]))
    if min(features, default=0) < 0:
        raise ValueError(f"features {features}")
    return Kernel(features, width)


def _values(call: str) -> list[str]:
    return list(argument_texts(call)) if call else []
