"""JSON and YAML of a package: bounded, each thing said once, and no words that a loader acts on."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from kata.datasets.types import PackageError
from kata.policies.lerobot import NAME as LEROBOT
from kata.policies.registry import COMPOSED, POLICIES
from kata.skills.contract.reading import shown, strict_json

from .report import AuditFinding

MOST_NODES, MOST_YAML_DEPTH, LONGEST_TEXT = 500_000, 16, 8192
_MAGIC = (
    (b"\x80", "a pickle"),
    (b"PK\x03\x04", "a ZIP archive, such as a checkpoint of torch"),
    (b"\x1f\x8b", "gzip"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a program"),
    (b"#!", "a script"),
    (b"\x89HDF", "HDF5"),
    (b"\x93NUMPY", "an array that may hold a pickle"),
)
_KEYS = frozenset(
    {"_target_", "_partial_", "auto_map", "custom_code", "trust_remote_code", "py/object", "class"}
    | {"__class__", "__reduce__", "__module__", "module", "entry_point", "import", "exec", "eval"}
)
_MODULES = r"(os|sys|subprocess|builtins|importlib|runpy|shutil|socket|ctypes|pickle|code|pty|posix"
_MODULES += r"|torch|numpy|kata|lerobot|transformers)"
_STRINGS = (
    (re.compile(r"[a-z][a-z0-9+.-]{1,15}://|^www\.|^//", re.IGNORECASE), "an address"),
    (re.compile(r"^[~/\\]|^[A-Za-z]:[\\/]|(^|[/\\])\.\.([/\\]|$)"), "a path"),
    (re.compile(r"^[A-Za-z_]\w*(\.\w+)*:[A-Za-z_]\w*(\.\w+)*$"), "a name in a module"),
    (re.compile(rf"^{_MODULES}\.[A-Za-z_]\w*"), "a name in a module"),
    (re.compile(r"\$\{|\{\{|`|\$\("), "something that is filled in"),
)
_SCRIPTED = {"format", "kind", "name"}
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")


def disguised(content: bytes) -> str:
    """What the first bytes of a file say that it is, if that is nothing a package holds."""
    return next((what for magic, what in _MAGIC if content.startswith(magic)), "")


def judge_json(content: bytes, file: str) -> tuple[Any, tuple[AuditFinding, ...]]:
    """The data, None where it is not plain JSON, and what speaks against it."""
    try:
        data = strict_json(content, where=file)
    except PackageError as error:
        return None, (AuditFinding("error", "json", file, error.what, got=error.got),)
    return data, tuple(_in_data(data, file))


def judge_policy(data: Any, file: str) -> Iterator[AuditFinding]:
    """What speaks against `policy.json`: another kind of policy than those there are."""
    if not isinstance(data, dict):
        yield _finding("policy", file, "not a policy", "an object", type(data).__name__)
    elif data.get("kind") == "scripted":
        name = data.get("name")
        if set(data) != _SCRIPTED or not isinstance(name, str) or not _NAME.fullmatch(name):
            got = ", ".join(shown(key, 40) for key in data)
            yield _finding("policy", file, "not a scripted policy", "format, kind and name", got)
    elif data.get("policy") == COMPOSED:
        for kind in _part_kinds(data):
            if kind not in tuple(POLICIES):
                got = shown(kind, 60)
                expected = ", ".join(POLICIES)
                yield _finding("policy", file, "a part of an unknown kind", expected, got)
    elif data.get("policy") not in (*POLICIES, LEROBOT):
        got = shown(data.get("policy", data.get("kind")), 60)
        expected = ", ".join((*POLICIES, COMPOSED, LEROBOT, "or kind: scripted"))
        yield _finding("policy", file, "a policy of an unknown kind", expected, got)


def _part_kinds(data: Mapping[str, Any]) -> Iterator[Any]:
    """The kind of each part of a composition; None for what is no part."""
    parts = data.get("parts")
    for part in parts if isinstance(parts, list) and parts else [None]:
        card = part.get("card") if isinstance(part, dict) else None
        yield card.get("policy") if isinstance(card, dict) else None


def judge_yaml(content: bytes, file: str) -> tuple[AuditFinding, ...]:
    """What speaks against YAML: what is not plain mappings, lists and short scalars.

    It is read event by event and nothing is built, so that an alias bomb costs nothing.
    """
    try:
        text = content.decode("utf-8")
        return tuple(_in_events(text, file))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        got = " ".join(str(error).split())[:200]
        return (_finding("yaml", file, "not plain YAML", "UTF-8 text of one mapping", got),)


def _in_events(text: str, file: str) -> Iterator[AuditFinding]:
    depth, nodes, documents = 0, 0, 0
    frames: list[_Frame] = []
    for event in yaml.parse(text, yaml.SafeLoader):
        if isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            if documents > 1 or event.tags or event.version:
                yield _finding("yaml", file, "several documents, or directives", "one document")
                return
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            yield _finding("yaml", file, "an alias or anchor", "each thing written out")
            return
        tag = getattr(event, "tag", None)
        if tag is not None:
            yield _finding("yaml", file, "a tag", "plain YAML", shown(tag, 60))
            return
        if isinstance(event, yaml.NodeEvent):
            nodes += 1
            if frames and (twice := frames[-1].take(event)):
                yield _finding("yaml", file, "a key that comes twice", "each once", shown(twice))
                return
        if isinstance(event, yaml.ScalarEvent) and len(event.value) > LONGEST_TEXT:
            yield _finding("yaml", file, "a long text", f"at most {LONGEST_TEXT} characters")
            return
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            frames.append(_Frame(isinstance(event, yaml.MappingStartEvent)))
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
            frames.pop()
        if depth > MOST_YAML_DEPTH or nodes > MOST_NODES:
            yield _finding("yaml", file, "deep or endless YAML", f"at most {MOST_YAML_DEPTH} deep")
            return


class _Frame:
    """A mapping or list that is being read: which keys it had."""

    def __init__(self, mapping: bool) -> None:
        self._mapping, self._seen, self._is_key = mapping, set[str](), True

    def take(self, event: Any) -> str:
        """Note a key or value; the key, if it was there before."""
        if not self._mapping:
            return ""
        is_key, self._is_key = self._is_key, not self._is_key
        key = getattr(event, "value", None)
        if not is_key or key is None:
            return ""
        if key in self._seen:
            return str(key) or "the empty key"
        self._seen.add(key)
        return ""


def _in_data(data: Any, file: str) -> Iterator[AuditFinding]:
    """Keys and texts of JSON that a loader might act on, the first of each sort."""
    told: set[str] = set()
    waiting, nodes = [data], 0
    while waiting:
        value = waiting.pop()
        nodes += 1
        if nodes > MOST_NODES:
            yield _finding("json", file, "too much JSON", f"at most {MOST_NODES} values")
            return
        if isinstance(value, dict):
            for key in value:
                if key in _KEYS and key not in told:
                    told.add(key)
                    yield _finding("code", file, "a key by which loaders run code", got=shown(key))
            waiting += value.values()
            waiting += list(value)
        elif isinstance(value, list):
            waiting += value
        elif isinstance(value, str):
            for pattern, what in _STRINGS:
                if what not in told and pattern.search(value):
                    told.add(what)
                    yield _finding(
                        "code", file, f"{what} where a value stands", got=shown(value, 80)
                    )


def _finding(kind: str, file: str, what: str, expected: str = "", got: str = "") -> AuditFinding:
    return AuditFinding("error", kind, file, what, expected, got)
