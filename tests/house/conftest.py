"""The tree as git sees it: what is tracked, and what would be with `git add`."""

import ast
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
AREAS = ("datasets", "sim", "policies", "skills", "hardware", "launch")


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session", params=AREAS)
def area(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="session")
def files() -> list[Path]:
    """Every file of the tree, relative to the root."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return sorted(Path(name) for name in listed.split("\0") if name and (ROOT / name).exists())


@pytest.fixture(scope="session")
def modules(files: list[Path]) -> dict[Path, ast.Module]:
    """Every Python file of the tree, parsed."""
    return {path: ast.parse((ROOT / path).read_text()) for path in files if path.suffix == ".py"}


@pytest.fixture(scope="session")
def library(modules: dict[Path, ast.Module]) -> dict[Path, ast.Module]:
    """The modules that a user imports: those of the areas."""
    return {path: tree for path, tree in modules.items() if path.parts[1:2] == ("kata",)}
