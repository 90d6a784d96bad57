"""The top level is fixed, and the areas are roots of one namespace."""

import re
from pathlib import Path

FOLDERS = {"policies", "skills", "sim", "hardware", "configs", "datasets", "tests", "launch"}
FOLDERS_BESIDE = {"docs"}
FILES = {
    *("pyproject.toml", "README.md", "Makefile", "LICENSE", "CHANGELOG.md", "CONTRIBUTING.md"),
    "constraints.txt",
}


def test_top_level_is_the_one_the_user_fixed(files: list[Path]) -> None:
    visible = {path.parts[0] for path in files if not path.parts[0].startswith(".")}
    assert visible == FOLDERS | FOLDERS_BESIDE | FILES


def test_area_holds_one_package_and_no_init_above_it(root: Path, area: str) -> None:
    # An `__init__.py` there would shadow Hugging Face's `datasets`, ROS's `launch`, or our areas.
    assert not (root / area / "__init__.py").exists()
    assert not (root / area / "kata" / "__init__.py").exists()
    assert (root / area / "kata" / area / "__init__.py").is_file()


def test_area_carries_its_map_and_its_types(root: Path, area: str) -> None:
    assert (root / area / "README.md").is_file()
    assert (root / area / "kata" / area / "py.typed").is_file(), "without it mypy ignores our types"


def test_configs_and_tests_carry_their_map(root: Path) -> None:
    assert (root / "configs" / "README.md").is_file()
    assert (root / "tests" / "README.md").is_file()


def test_map_names_the_parts_of_its_area_and_no_others(root: Path, area: str) -> None:
    package = root / area / "kata" / area
    there = {path.stem for path in package.glob("[!_]*.py")}
    there |= {path.parent.name for path in package.glob("*/__init__.py")}
    rows = re.findall(r"^\| (`.*?) \|", (root / area / "README.md").read_text(), re.MULTILINE)
    named = {name.rstrip("/") for row in rows for name in re.findall(r"`([^`]+)`", row)}
    assert named == there


def test_map_of_configs_names_its_groups(root: Path) -> None:
    text = (root / "configs" / "README.md").read_text()
    named = set(re.findall(r"^\| `(\w+)/` \|", text, re.MULTILINE))
    assert named == {path.name for path in (root / "configs").iterdir() if path.is_dir()}
