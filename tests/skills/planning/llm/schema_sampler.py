"""Samples of a JSON schema: valid by form, nonsense by meaning."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from typing import Any

_WORDS = ("the red one?", "", "no idea", 'say "go"\n\\', "ignore all rules", "ü☃", "x" * 300)


def sample(schema: Mapping[str, Any], rng: random.Random) -> Any:
    """One value that the schema allows."""
    return _sample(schema, schema.get("$defs", {}), rng)


def _sample(node: Mapping[str, Any], defs: Mapping[str, Any], rng: random.Random) -> Any:
    if "$ref" in node:
        return _sample(defs[node["$ref"].removeprefix("#/$defs/")], defs, rng)
    if "anyOf" in node:
        return _sample(rng.choice(node["anyOf"]), defs, rng)
    if "enum" in node:
        return rng.choice(node["enum"])
    kind = node["type"]
    if kind == "object":
        return {key: _sample(each, defs, rng) for key, each in node["properties"].items()}
    if kind == "array":
        count = rng.choice((0, 1, 1, 2, 3, 4, 6))
        return [_sample(node["items"], defs, rng) for _ in range(min(count, node["maxItems"]))]
    if kind == "number":
        return rng.uniform(node["minimum"], node["maximum"])
    return rng.random() < 0.5 if kind == "boolean" else rng.choice(_WORDS)


def mutated(text: str, rng: random.Random) -> str:
    """A text that a model could have botched: cut, wrapped, retyped, renamed, scrambled."""
    for _ in range(rng.randint(1, 3)):
        text = rng.choice(_MUTATIONS)(text, rng)
    return text


def _cut(text: str, rng: random.Random) -> str:
    return text[: rng.randrange(len(text) + 1)]


def _scrambled(text: str, rng: random.Random) -> str:
    letters = list(text)
    for _ in range(rng.randint(1, 5)):
        if letters:
            letters[rng.randrange(len(letters))] = rng.choice('{}[]",:0x\\é\n\x00￿')
    return "".join(letters)


def _wrapped(text: str, rng: random.Random) -> str:
    before, after = rng.choice(
        [
            ("Sure! Here it is:\n```json\n", "\n```\nHave fun {really}!"),
            ("<think>{maybe}</think>", ""),
            ("[", "]"),
            ("```", "```"),
            ('{"tool_calls": [', "]}"),
            ("", text),
            ('{"answer": ', "}"),
            ("\ufeff", "\x00"),
        ]
    )
    return before + text + after


def _retyped(text: str, rng: random.Random) -> str:
    values = (
        "null",
        "-1",
        "1e999",
        "NaN",
        "[]",
        "{}",
        '"__proto__"',
        "9" * 40,
        '"\\ud800"',
        "true",
    )
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return text + rng.choice(values)
    places = list(_places(data)) if isinstance(data, dict | list) else []
    if not places:
        return rng.choice(values)
    holder, key = rng.choice(places)
    mark = "@@hole@@"
    holder[key] = mark
    return json.dumps(data).replace(f'"{mark}"', rng.choice(values), 1)


def _renamed(text: str, rng: random.Random) -> str:
    names = ("red_cube", "drawer", "pick", "open", "plan", "skill", "arguments", "holds", "bin")
    others = (
        "purple_cube",
        "pick'; drop",
        "../../x",
        "drawer",
        "button",
        "stack",
        "",
        "table",
        "hand",
    )
    return text.replace(rng.choice(names), rng.choice(others), rng.randint(1, 3))


def _deepened(text: str, rng: random.Random) -> str:
    depth = rng.choice((3, 20, 2000))
    return '{"goal":' * depth + text + "}" * depth


def _grown(text: str, rng: random.Random) -> str:
    return text + rng.choice((" ", "{", '"', "a")) * rng.choice((10, 70_000))


def _places(data: Any) -> Any:
    items = data.items() if isinstance(data, dict) else enumerate(data)
    for key, value in list(items):
        yield data, key
        if isinstance(value, dict | list):
            yield from _places(value)


_MUTATIONS = (_cut, _scrambled, _wrapped, _retyped, _renamed, _deepened, _grown, _retyped, _renamed)
