"""The help pages, written from the keys' comments."""

from __future__ import annotations

import importlib.metadata

from .keys import REQUIRED, Key, config_root, verb_keys, verbs


def version() -> str:
    """Version of the installed distribution."""
    return importlib.metadata.version("kata-robotics")


def main_page() -> str:
    """What `kata --help` shows."""
    lines = [
        "Kata: a library of checked robot skills, planned in language, joined smoothly.",
        "",
        "usage: kata VERB [WORDS] [key=value ...] [--multirun]",
        "",
    ]
    lines += [f"  {verb:<10}{verb_keys(verb).summary}" for verb in verbs()]
    lines += [
        "",
        "  kata VERB --help   the keys of a verb, with their defaults",
        "  kata --version     the version",
        "",
        'first: kata run "put the red cube in the drawer, then close it"',
    ]
    return "\n".join(lines)


def verb_page(verb: str) -> str:
    """What `kata VERB --help` shows. Raises UnknownNameError."""
    keys = verb_keys(verb)
    usage = " ".join(filter(None, ("kata", verb, keys.usage, "[key=value ...]")))
    lines = [keys.summary, "", f"usage: {usage}", ""]
    if keys.actions:
        width = max(len(str(action)) for action in keys.actions) + 2
        lines += [*(f"  {action!s:<{width}}{action.help}" for action in keys.actions), ""]
    for key in keys.keys:
        lines += _key_lines(key)
        lines += [f"  {line}" for inner in key.inner for line in _key_lines(inner)]
    lines += [
        "",
        "  --multirun, -m     run every combination of comma-separated values, with workers=N so",
        "                     many at a time, with runtime=ray on Ray",
        f"  configuration      {config_root()}",
    ]
    return "\n".join(lines)


def _key_lines(key: Key) -> list[str]:
    name = f"{key.name}={'...' if key.default == REQUIRED else key.default}"
    text = key.help
    if key.default == REQUIRED:
        text = f"(must be given) {text}"
    if key.options:
        text = f"{text}: {', '.join(key.options)}" if text else ", ".join(key.options)
    if len(name) > 26:
        return [f"  {name}", f"  {'':<27}{text}"] if text else [f"  {name}"]
    return [f"  {name:<27}{text}".rstrip()]
