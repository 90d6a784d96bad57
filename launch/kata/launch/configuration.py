"""From overrides to a configuration: Hydra's compose API over `configs/`, checked by name.

A verb's own top-level keys that hold a folder or a name are set as typed; everything else is
Hydra's: `key=value`, `group=option`, `group.key=value`, sweeps.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kata.datasets.types import ConfigError, UnknownNameError

from .arguments import Arguments, override_key
from .keys import REQUIRED, VerbKeys, config_root, options

RAW = frozenset(
    {
        "against",
        "data",
        "docs",
        "library",
        "out",
        "policy",
        "replay",
        "robot",
        "sentence",
        "shelf",
        "skill",
    }
    | {"a", "b", "reason", "version"}
    | {"bag", "from", "map", "name", "plan", "to"}
)
"""Plain keys whose text never passes through Hydra's grammar, so that any path works."""


class Config(Mapping[str, Any]):
    """A read-only configuration whose keys are attributes too; nested ones likewise."""

    def __init__(self, values: Mapping[str, Any], where: str = "") -> None:
        self._values, self._where = dict(values), where

    def __getitem__(self, key: str) -> Any:
        if key not in self._values:
            raise UnknownNameError("key", key, self._values, where=self._where)
        value = self._values[key]
        return Config(value, f"{self._where}.{key}") if isinstance(value, dict) else value

    def __getattr__(self, key: str) -> Any:
        if key.startswith("_"):
            raise AttributeError(key)
        return self[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def plain(self) -> dict[str, Any]:
        """The values as plain data."""
        return dict(self._values)

    def replace(self, **changes: Any) -> Config:
        """The same configuration with these top-level keys changed."""
        return Config({**self._values, **changes}, self._where)


def compose(arguments: Arguments, keys: VerbKeys) -> Config:
    """The configuration of one run. Raises ConfigError and UnknownNameError."""
    from hydra import compose as hydra_compose
    from omegaconf import OmegaConf

    raw = {}
    rest = []
    plain = _plain_raw(keys)
    for override in arguments.overrides:
        key = override_key(override)
        _check_known(key, override, keys)
        if key in plain:
            raw[key] = _unquote(override.split("=", 1)[1])
        else:
            rest.append(override)
    with _hydra(keys):
        overrides = [f"verb={keys.verb}", *rest]
        composed = _named(lambda: hydra_compose("config", overrides=overrides), keys, rest)
    values = _named(lambda: OmegaConf.to_container(composed, resolve=True), keys, rest)
    assert isinstance(values, dict)
    values = {str(key): value for key, value in values.items()}
    _check_types(values, _defaults(keys, rest))
    _check_raw(raw)
    values.update({k: None if v in ("null", "") else v for k, v in raw.items()})
    _check_complete(values, keys)
    if keys.words == "text":
        words = list(arguments.words)
        names = {action.name for action in keys.actions}
        if names:
            values["action"] = words.pop(0) if words and words[0] in names else ""
        values["text"] = " ".join(words)
    elif keys.words:
        values["words"] = list(arguments.words)
    return Config({"verb": keys.verb, **values}, f"kata {keys.verb}")


def _check_complete(values: Mapping[str, Any], keys: VerbKeys) -> None:
    missing = [key for key, value in values.items() if value == REQUIRED]
    if missing:
        meanings = "; ".join(f"{key}: {keys.key(key).help}" for key in missing)
        raise ConfigError(
            f"{' and '.join(missing)} must be given",
            where=f"kata {keys.verb}",
            expected=meanings,
            hint=f"kata {keys.verb} " + " ".join(f"{key}=..." for key in missing),
        )


def _defaults(keys: VerbKeys, overrides: Sequence[str]) -> Any:
    """The configuration with the chosen groups and nothing else set."""
    from hydra import compose as hydra_compose
    from omegaconf import OmegaConf

    groups = {key.name for key in keys.keys if key.options}
    chosen = [text for text in overrides if override_key(text) in groups]
    with _hydra(keys):
        composed = hydra_compose("config", overrides=[f"verb={keys.verb}", *chosen])
    return OmegaConf.to_container(composed, resolve=True)


def _check_types(values: Mapping[str, Any], defaults: Mapping[str, Any], where: str = "") -> None:
    """Raises ConfigError for a value of another kind than its default."""
    for key, default in defaults.items():
        value, place = values.get(key), f"{where}.{key}".lstrip(".")
        if isinstance(default, dict) and isinstance(value, dict):
            _check_types(value, default, place)
        elif not _fits(value, default):
            raise ConfigError(
                "a value of another kind",
                where=place,
                expected=f"{_KINDS[type(default)]}, such as {default}",
                got=repr(value),
            )


_KINDS = {bool: "true or false", int: "a whole number", float: "a number", list: "a list"}


def _fits(value: Any, default: Any) -> bool:
    if isinstance(default, bool):
        return isinstance(value, bool)
    if isinstance(default, int):
        return isinstance(value, int) and not isinstance(value, bool)
    if isinstance(default, float):
        return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, list) if isinstance(default, list) else True


def sweep(arguments: Arguments) -> list[Arguments]:
    """One `Arguments` for each combination of comma-separated values, in order."""
    import itertools

    from hydra.core.override_parser.overrides_parser import OverridesParser

    parser = OverridesParser.create()
    axes: list[list[str]] = []
    for text in arguments.overrides:
        parsed = _grammar(lambda text=text: parser.parse_override(text), text)
        if parsed.is_sweep_override():
            key = parsed.get_key_element()
            axes.append([f"{key}={value}" for value in parsed.sweep_string_iterator()])
        else:
            axes.append([text])
    return [
        Arguments(arguments.words, tuple(combination)) for combination in itertools.product(*axes)
    ]


def _plain_raw(keys: VerbKeys) -> frozenset[str]:
    return RAW & {key.name for key in keys.keys if not key.options}


def _unquote(text: str) -> str:
    if len(text) >= 2 and text[0] == text[-1] and text[0] in "'\"":
        return text[1:-1]
    return text


def _check_raw(raw: Mapping[str, str]) -> None:
    for key, value in raw.items():
        if "\0" in value:
            raise ConfigError("impossible value", where=key, got=repr(value))


def _check_known(key: str, override: str, keys: VerbKeys) -> None:
    if not key:
        raise ConfigError(
            "not a key=value",
            where=f"kata {keys.verb}",
            got=repr(override),
            hint=f"kata {keys.verb} --help lists the keys",
        )
    if not keys.knows(key):
        keys.key(key.split(".", maxsplit=1)[0])


def _hydra(keys: VerbKeys) -> Any:
    from hydra import initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra

    GlobalHydra.instance().clear()
    return initialize_config_dir(str(config_root()), job_name=keys.verb, version_base="1.3")


def _grammar(call: Any, text: str) -> Any:
    from hydra.errors import HydraException

    try:
        return call()
    except HydraException as error:
        raise ConfigError(
            "cannot read a value",
            where=text,
            got=str(error).splitlines()[0],
            hint="quote text that holds , = : or brackets: key=\"'a, b'\"",
        ) from None


def _named(call: Any, keys: VerbKeys, overrides: Sequence[str]) -> Any:
    """`call()`, with Hydra's errors turned into ours that offer the nearest name."""
    from hydra.errors import HydraException, MissingConfigException
    from omegaconf.errors import OmegaConfBaseException

    try:
        return call()
    except MissingConfigException as error:
        group, _, name = (error.missing_cfg_file or "").rpartition("/")
        raise UnknownNameError(group or "group", name, options(group)) from None
    except (HydraException, OmegaConfBaseException) as error:
        for text in overrides:
            _check_nested(override_key(text), keys)
        raise ConfigError(
            "cannot use the configuration",
            where=f"kata {keys.verb} {' '.join(overrides)}",
            got=str(error).splitlines()[0],
            hint=f"kata {keys.verb} --help lists the keys",
        ) from None


def _check_nested(key: str, keys: VerbKeys) -> None:
    """Raises UnknownNameError for `group.key` that the group's default does not have."""
    top, _, inner = key.partition(".")
    if not inner:
        return
    node, where = _defaults(keys, ()), ""
    for part in key.split("."):
        if not isinstance(node, dict) or part not in node:
            known = node if isinstance(node, dict) else ()
            raise UnknownNameError("key", part, map(str, known), where=where or top)
        node, where = node[part], f"{where}.{part}".lstrip(".")
