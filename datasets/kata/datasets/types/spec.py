"""A frozen specification of keyed data: it checks at the boundary and makes a valid fake."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .errors import SpecError, UnknownNameError


@dataclass(frozen=True, slots=True)
class KeySpec:
    """One key: numpy dtype (or `string`, `video`), shape, names, unit and frame."""

    dtype: str
    shape: tuple[int, ...]
    names: tuple[str, ...] = ()
    unit: str = ""
    frame: str = ""

    def __post_init__(self) -> None:
        try:
            np.dtype(np.uint8 if self.dtype in ("video", "string") else self.dtype)
        except TypeError:
            raise SpecError(
                "unknown dtype", expected="numpy's, `string` or `video`", got=repr(self.dtype)
            ) from None

    def check(self, key: str, value: Any, *, batch: bool = False) -> None:
        """Raise SpecError unless `value` has this dtype's kind and shape."""
        if self.dtype == "string":
            if not isinstance(value, str):
                raise SpecError("wrong type", where=key, expected="text", got=type(value).__name__)
            return
        array = np.asarray(value)
        shape = array.shape[1:] if batch else array.shape
        if shape != self.shape:
            raise SpecError("wrong shape", where=key, expected=str(self.shape), got=str(shape))
        wanted = np.dtype(np.uint8 if self.dtype == "video" else self.dtype)
        if not np.can_cast(array.dtype, wanted, casting="same_kind"):
            raise SpecError("wrong dtype", where=key, expected=str(wanted), got=str(array.dtype))

    def fake(self, rng: np.random.Generator) -> Any:
        """A valid random value."""
        if self.dtype == "string":
            return f"text-{rng.integers(100)}"
        kind = np.dtype(np.uint8 if self.dtype == "video" else self.dtype)
        if kind.kind == "b":
            return rng.integers(0, 2, self.shape).astype(bool)
        if kind.kind in "iu":
            return rng.integers(0, 100, self.shape).astype(kind)
        return rng.normal(size=self.shape).astype(kind)


@dataclass(frozen=True, slots=True)
class FeatureSpec(Mapping[str, KeySpec]):
    """Keys in order, each with its `KeySpec`."""

    keys_: tuple[tuple[str, KeySpec], ...]

    @classmethod
    def of(cls, keys: Mapping[str, KeySpec]) -> FeatureSpec:
        """From a mapping, in its order."""
        return cls(tuple(keys.items()))

    def __getitem__(self, key: str) -> KeySpec:
        for name, spec in self.keys_:
            if name == key:
                return spec
        raise UnknownNameError("key", key, [name for name, _ in self.keys_])

    def __iter__(self) -> Iterator[str]:
        return (name for name, _ in self.keys_)

    def __len__(self) -> int:
        return len(self.keys_)

    def __contains__(self, key: object) -> bool:
        return any(name == key for name, _ in self.keys_)

    def check(self, values: Mapping[str, Any], *, where: str = "", extra_ok: bool = True) -> None:
        """Raise SpecError for a missing, surplus or ill-formed key."""
        missing = [key for key in self if key not in values]
        if missing:
            raise SpecError(
                "missing keys",
                where=where,
                expected=", ".join(self),
                got="no " + ", ".join(missing),
            )
        surplus = [key for key in values if key not in self]
        if surplus and not extra_ok:
            raise SpecError("surplus keys", where=where, got=", ".join(surplus))
        for key, spec in self.items():
            try:
                spec.check(key, values[key])
            except SpecError as error:
                raise SpecError(
                    error.what,
                    where=" ".join(filter(None, (where, key))),
                    expected=error.expected,
                    got=error.got,
                ) from None

    def fake(self, seed: int = 0) -> dict[str, Any]:
        """A valid value for each key."""
        rng = np.random.default_rng(seed)
        return {key: spec.fake(rng) for key, spec in self.items()}

    def to_json(self) -> dict[str, Any]:
        """Plain data for a file."""
        return {
            key: {
                "dtype": spec.dtype,
                "shape": list(spec.shape),
                "names": list(spec.names),
                "unit": spec.unit,
                "frame": spec.frame,
            }
            for key, spec in self.items()
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> FeatureSpec:
        """Inverse of `to_json`. Raises SpecError for data of another form."""
        try:
            return cls.of(
                {
                    key: KeySpec(
                        str(entry["dtype"]),
                        tuple(int(n) for n in entry["shape"]),
                        tuple(str(n) for n in entry.get("names", ())),
                        str(entry.get("unit", "")),
                        str(entry.get("frame", "")),
                    )
                    for key, entry in data.items()
                }
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise SpecError("not a feature specification", got=repr(error)) from error
