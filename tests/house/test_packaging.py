"""What is installed is pinned, declared and one; nothing in the tree belongs to one machine."""

import ast
import importlib.metadata
import re
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PINS = [
    line
    for line in (ROOT / "constraints.txt").read_text().splitlines()
    if line and not line.startswith("#")
]

# Packages that a module may only import inside a function, with the extra that brings them.
EXTRAS = {"lerobot": "lerobot", "draccus": "lerobot", "unified_planning": "pddl"}
EXTRAS |= {"datasets": "lerobot", "openai": "llm", "ray": "ray", "onnxruntime": "onnx"}
EXTRAS |= {"gymnasium_robotics": "bench"}
# What testing.py needs: the contract tests are for people who have pytest.
TESTING = {"pytest", "hypothesis"}


def test_every_constraint_is_an_exact_pin() -> None:
    loose = [line for line in PINS if not re.fullmatch(r"[a-z0-9.-]+==[0-9][\w.+!-]*", line)]
    assert not loose
    names = [line.split("==")[0] for line in PINS]
    assert names == sorted(set(names)), "sorted, and each name once"


@pytest.mark.parametrize("group", ["base", "dev"])
def test_what_is_installed_directly_is_pinned_within_its_bounds(group: str) -> None:
    base = group == "base"
    texts = PROJECT["dependencies"] if base else PROJECT["optional-dependencies"][group]
    pins = dict(line.split("==") for line in PINS)
    for requirement in map(Requirement, texts):
        pin = pins.get(canonicalize_name(requirement.name))
        assert pin, f"{requirement.name} has no pin in constraints.txt"
        assert requirement.specifier.contains(pin), f"{requirement} does not allow the pin {pin}"


def test_environment_holds_the_pinned_versions() -> None:
    installed = {
        canonicalize_name(found.name): found.version for found in importlib.metadata.distributions()
    }
    wrong = [
        line
        for line in PINS
        if (name := line.split("==")[0]) in installed and installed[name] != line.split("==")[1]
    ]
    assert not wrong, f"installed otherwise: {wrong}; run make test, or rm -r .venv first"


def test_version_has_one_source_and_a_changelog_entry() -> None:
    version = PROJECT["version"]
    assert importlib.metadata.version("kata-robotics") == version
    headings = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), flags=re.MULTILINE)
    assert version in headings


def test_every_import_is_declared(library: dict[Path, ast.Module]) -> None:
    imports = importlib.metadata.packages_distributions()
    declared = {canonicalize_name(Requirement(text).name) for text in PROJECT["dependencies"]}
    undeclared = set()
    for path, tree in library.items():
        for name in _imported(tree):
            known = {canonicalize_name(owner) for owner in imports.get(name, [])}
            allowed = (
                name in sys.stdlib_module_names
                or name == "kata"
                or known & declared
                or name in EXTRAS
                or (path.name == "testing.py" and name in TESTING)
            )
            if not allowed:
                undeclared.add(f"{path}: {name}")
    assert not sorted(undeclared)


def test_every_base_dependency_is_imported(library: dict[Path, ast.Module]) -> None:
    owners = importlib.metadata.packages_distributions()
    used = {
        canonicalize_name(owner)
        for tree in library.values()
        for name in _imported(tree)
        for owner in owners.get(name, [])
    }
    declared = {canonicalize_name(Requirement(text).name) for text in PROJECT["dependencies"]}
    assert declared - used == set(), "what nothing imports need not be installed"


def test_extras_load_only_where_they_are_used(library: dict[Path, ast.Module]) -> None:
    early = [
        f"{path}:{node.lineno}"
        for path, tree in library.items()
        for node in tree.body
        if isinstance(node, ast.Import | ast.ImportFrom) and set(_imported(node)) & EXTRAS.keys()
    ]
    assert not early


# Written so that this file does not match itself.
MACHINE = {
    "a home folder": r"/(?:root|home/\w+|Users/\w+)/",
    "a work folder": r"/work/(?:main|shared)\b",
    "a registry's address": r"(?:index-url|find-links|trusted-host)[ =]|/simple/|\.whl#",
    "a registry's host": r"pythonhosted|pypi\.org/(?!project)|download\.pytorch",
    "an address of a network": r"(?<![=\d.])(?!127\.|0\.)\d{1,3}(?:\.\d{1,3}){3}(?![\d.])",
}


def test_nothing_names_a_machine_or_a_registry(root: Path, files: list[Path]) -> None:
    here = Path(__file__).relative_to(root)
    found = [
        f"{path}: {what}: {match.group()}"
        for path in files
        if path != here and path.name != "constraints.txt" and (text := _text(root / path))
        for what, pattern in MACHINE.items()
        if (match := re.search(pattern, text))
    ]
    assert not found


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except UnicodeDecodeError:  # a picture
        return ""


def _imported(tree: ast.AST) -> set[str]:
    """Top-level names that a tree imports absolutely."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            names.add(node.module.split(".")[0])
    return names
