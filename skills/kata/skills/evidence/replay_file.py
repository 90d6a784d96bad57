"""A replay on disk: one JSON file, checked field by field before anything is done with it.

Commands are float64 to the bit: their bytes sorted by place, deflated, as base64. Sorting puts the
bytes that hardly change beside each other, which halves the file.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from kata.datasets.types import Array, Atom, Condition, ConfigError, KataError
from kata.skills.execution.log import Flip

from .failures import KINDS
from .replay import Replay

FORMAT = "kata-replay-1"
MOST_BYTES = 4 << 20
"""A larger file is no replay of a trial: ten seconds are some tens of kB."""

_MOST_ROWS, _MOST_COLUMNS = 100_000, 64


def replay_text(replay: Replay) -> str:
    """The file's text; equal replays give equal text."""
    data = {
        "format": FORMAT,
        **{name: getattr(replay, name) for name in (*_TEXTS, *_NUMBERS)},
        "seed": replay.seed,
        "joints": list(replay.joints),
        "events": [dict(event) for event in replay.events],
        "flips": [[flip.time_s, flip.atom, flip.value] for flip in replay.flips],
        "facts": list(replay.facts),
        "world": replay.world,
        "software": dict(replay.software),
        "rows": len(replay.position),
        "position": _packed(replay.position),
        "velocity": _packed(replay.velocity),
    }
    return json.dumps(data, indent=1, allow_nan=False) + "\n"


def read_replay(path: Path) -> Replay:
    """A replay from its file. Raises ConfigError for one that is missing, altered or no replay."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ConfigError(
                "too large for a replay",
                where=str(path),
                expected=f"at most {MOST_BYTES >> 20} MiB",
                got=f"{path.stat().st_size} bytes",
            )
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            "cannot read the replay", where=str(path), got=str(error.strerror)
        ) from None
    except UnicodeDecodeError:
        raise _not_one(path, "no text") from None
    return parse_replay(text, path)


def parse_replay(text: str, path: Path) -> Replay:
    """A replay from its text; `path` is for messages. Raises ConfigError."""
    try:
        data = json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise _not_one(path, f"not JSON: {error}") from None
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        shown = data.get("format") if isinstance(data, dict) else type(data).__name__
        raise _not_one(path, f"format {shown!r}")
    try:
        return _built(data)
    except (KeyError, TypeError, ValueError, OverflowError, KataError) as error:
        got = f"no {error}" if type(error) is KeyError else str(error).splitlines()[0]
        raise _not_one(path, got) from None


def _no_number(word: str) -> None:
    raise ValueError(word)


def _not_one(path: Path, got: str) -> ConfigError:
    return ConfigError(
        "not a replay that can be shown",
        where=str(path),
        expected=f"a file of kata evaluate's failures/, format {FORMAT}",
        got=got[:200],
        hint="run the evaluation again for a sound one",
    )


_TEXTS = ("skill", "version", "identity", "call", "goal", "kind", "reason", "digest")
_NUMBERS = ("period_s", "duration_s", "predicted")


def _built(data: Mapping[str, Any]) -> Replay:
    texts = {name: _text(data[name], name) for name in _TEXTS}
    numbers = {name: _number(data[name], name) for name in _NUMBERS}
    kind = next((known for known in KINDS if known == texts["kind"]), None)
    if kind is None:
        raise ValueError(f"kind {texts['kind']!r}")
    Condition.parse(texts["goal"])
    if not 1e-4 <= numbers["period_s"] <= 1.0:
        raise ValueError(f"period_s {numbers['period_s']:g}")
    seed, rows = _whole(data["seed"], "seed", 2**63), _whole(data["rows"], "rows", _MOST_ROWS)
    joints = tuple(_text(name, "joints") for name in _list(data["joints"], "joints"))
    if not 1 <= len(joints) <= _MOST_COLUMNS:
        raise ValueError(f"{len(joints)} joints")
    shape = (rows, len(joints))
    return Replay(
        skill=texts["skill"],
        version=texts["version"],
        identity=texts["identity"],
        call=texts["call"],
        goal=texts["goal"],
        kind=kind,
        reason=texts["reason"],
        digest=texts["digest"],
        period_s=numbers["period_s"],
        duration_s=numbers["duration_s"],
        predicted=numbers["predicted"],
        seed=seed,
        joints=joints,
        position=_unpacked(data["position"], shape, "position"),
        velocity=_unpacked(data["velocity"], shape, "velocity"),
        events=tuple(_event(event) for event in _list(data["events"], "events")),
        flips=tuple(_flip(flip) for flip in _list(data["flips"], "flips")),
        facts=tuple(_atom(fact) for fact in _list(data["facts"], "facts")),
        world=_table(data["world"], "world"),
        software={
            _text(name, "software"): _text(version, "software")
            for name, version in _table(data["software"], "software").items()
        },
    )


def _kind(kind: type, word: str) -> Callable[[Any, str], Any]:
    def check(value: Any, name: str) -> Any:
        if not isinstance(value, kind):
            raise TypeError(f"{name} is no {word}")
        return value

    return check


_text, _list, _table = _kind(str, "text"), _kind(list, "list"), _kind(dict, "mapping")


def _number(value: Any, name: str) -> float:
    whole = isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**53
    if not whole and not (isinstance(value, float) and math.isfinite(value)):
        raise TypeError(f"{name} is no number")
    return float(value)


def _whole(value: Any, name: str, below: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < below:
        raise TypeError(f"{name} is no whole number from 0 to {below - 1}")
    return value


def _event(event: Any) -> Mapping[str, Any]:
    found = _table(event, "events")
    _number(found["time_s"], "events.time_s")
    for name in ("kind", "state", "call", "reason"):
        _text(found[name], f"events.{name}")
    return dict(found)


def _flip(flip: Any) -> Flip:
    time_s, atom, value = _list(flip, "flips")
    if not (value is None or isinstance(value, bool)):
        raise TypeError("flips is no truth")
    return Flip(_number(time_s, "flips"), _atom(atom), value)


def _atom(text: Any) -> str:
    return str(Atom.parse(_text(text, "atom")))


def _packed(values: Array) -> str:
    flat = np.ascontiguousarray(values, dtype="<f8").view(np.uint8).reshape(-1, 8)
    return base64.b64encode(zlib.compress(flat.T.tobytes(), 9)).decode()


def _unpacked(text: Any, shape: tuple[int, int], name: str) -> Array:
    size = shape[0] * shape[1] * 8
    try:
        packed = base64.b64decode(_text(text, name), validate=True)
        stream = zlib.decompressobj()
        # No more than what is wanted: a few bytes can be told to swell to gigabytes.
        raw = stream.decompress(packed, size + 1)
    except (binascii.Error, zlib.error) as error:
        raise ValueError(f"{name}: {error}") from None
    if len(raw) != size or not stream.eof:
        raise ValueError(f"{name} is not {shape[0]} x {shape[1]} numbers")
    flat = np.frombuffer(raw, dtype=np.uint8).reshape(8, -1).T
    values: Array = np.ascontiguousarray(flat).view("<f8").reshape(shape).astype(float)
    if not np.isfinite(values).all():
        raise ValueError(f"{name} is not finite")
    return values
