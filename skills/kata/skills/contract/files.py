"""Contracts as YAML: `skill.yaml` of a package, or a folder of them such as `configs/skill`."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any

import yaml

from kata.datasets.types import ContractError

from .contract import Contract

_MOST_BYTES = 64 * 1024


class PlainLoader(yaml.SafeLoader):
    """Safe YAML without aliases and without repeated keys: what is read is what is written."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        """As PyYAML's. Raises YAMLError for an alias."""
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("aliases are not allowed")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        """As PyYAML's. Raises YAMLError for keys that are there twice."""
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        # A set, so that a file of many keys is read in linear time; PyYAML refuses, with words
        # of its own, what cannot be a key.
        seen: set[Any] = set()
        repeated: set[str] = set()
        for key in keys:
            if isinstance(key, Hashable):
                if key in seen:
                    repeated.add(str(key))
                seen.add(key)
        if repeated:
            raise yaml.YAMLError(f"repeated keys: {', '.join(sorted(repeated))}")
        return super().construct_mapping(node, deep=deep)


def contract_text(contract: Contract) -> str:
    """The contract as YAML, fields in their order."""
    return yaml.safe_dump(contract.to_data(), sort_keys=False, allow_unicode=True, width=100)


def parse_contract(content: bytes, *, where: str = "skill.yaml") -> Contract:
    """Contract of YAML. Raises ContractError naming what is wrong in it."""
    if len(content) > _MOST_BYTES:
        raise ContractError(
            "too long", where=where, expected=f"at most {_MOST_BYTES} bytes", got=str(len(content))
        )
    try:
        # A loader that is a subclass of SafeLoader builds plain data only.
        data = yaml.load(content, PlainLoader)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        text = " ".join(str(error).split())[:200]
        raise ContractError(
            "not YAML",
            where=where,
            got=text,
            hint="a condition with a colon needs quotes or `>-`" if ":" in text else "",
        ) from None
    if not isinstance(data, Mapping):
        raise ContractError(
            "not a contract", where=where, expected="key: value", got=type(data).__name__
        )
    return Contract.from_data(data, where=where)


def read_contract(path: Path) -> Contract:
    """Contract of a YAML file. Raises ContractError."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ContractError("cannot read", where=str(path), got=str(error.strerror)) from None
    return parse_contract(content, where=str(path))


def read_contracts(folder: Path) -> tuple[Contract, ...]:
    """All contracts `*.yaml` of a folder, by file name. Raises ContractError."""
    paths = sorted(folder.glob("*.yaml"))
    if not paths:
        raise ContractError("no contracts", where=str(folder), expected="files *.yaml")
    return tuple(read_contract(path) for path in paths)
