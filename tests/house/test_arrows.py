"""The contracts of import-linter in pyproject.toml catch what they are there to catch."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

AREAS = ("datasets", "sim", "policies", "skills", "hardware", "launch")


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    """Runs import-linter in a small copy of the house, which goes before the real one."""
    command = Path(sys.executable).with_name("lint-imports")
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(str(folder / area) for area in AREAS)}
    return subprocess.run(
        [command, "--no-cache"], cwd=folder, env=env, capture_output=True, text=True, check=False
    )


@pytest.fixture
def house(root: Path, tmp_path: Path) -> Path:
    """Empty rooms under the real contracts."""
    text = (root / "pyproject.toml").read_text()
    (tmp_path / "pyproject.toml").write_text(text)
    for area in AREAS:
        package = tmp_path / area / "kata" / area
        package.mkdir(parents=True)
        (package / "__init__.py").write_text("")
    contracts = tomllib.loads(text)["tool"]["importlinter"]["contracts"]
    (layers,) = (c["layers"] for c in contracts if c.get("containers") == ["kata.skills"])
    for layer in layers:
        (tmp_path / "skills/kata/skills" / f"{layer.strip('()')}.py").write_text("")
    return tmp_path


def test_empty_rooms_keep_the_contracts(house: Path) -> None:
    done = lint(house)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("where", "line"),
    [
        ("datasets/kata/datasets/__init__.py", "from kata import sim"),
        ("datasets/kata/datasets/__init__.py", "import kata.policies"),
        ("sim/kata/sim/__init__.py", "import kata.policies"),
        ("policies/kata/policies/__init__.py", "import kata.sim"),
        ("policies/kata/policies/__init__.py", "def f():\n    import kata.skills"),
        ("skills/kata/skills/execution.py", "import kata.sim"),
        ("skills/kata/skills/execution.py", "import gymnasium"),
        ("skills/kata/skills/contract.py", "from kata.skills import library"),
        ("skills/kata/skills/library.py", "from . import planning"),
        ("skills/kata/skills/handover.py", "from .execution import x"),
        ("skills/kata/skills/a_room_without_a_floor.py", ""),
        ("hardware/kata/hardware/__init__.py", "import kata.launch"),
    ],
)
def test_wrong_arrow_is_caught(house: Path, where: str, line: str) -> None:
    (house / where).write_text(line + "\n")
    done = lint(house)
    assert done.returncode == 1
    assert re.search(r"[1-9] broken", done.stdout), done.stdout + done.stderr
