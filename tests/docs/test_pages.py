"""The pages are true: links lead somewhere, commands exist, what is marked `run` runs."""

from __future__ import annotations

import importlib.util
import runpy
import shlex
import shutil
import sys
from pathlib import Path
from types import ModuleType

import pytest

from kata.launch.arguments import override_key, split
from kata.launch.cli import main
from kata.launch.keys import verb_keys
from kata.launch.sweeping import SPREAD


def _pages() -> ModuleType:
    # With importlib mode a test folder is no package; its helper is loaded by its path.
    path = Path(__file__).with_name("pages.py")
    spec = importlib.util.spec_from_file_location("docs_pages", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["docs_pages"] = module
    spec.loader.exec_module(module)
    return module


pages = _pages()
DOCS = pages.ROOT / "docs"
CHEAP = (
    ["kata", "plan", "put every cube except the red one in the bin"],
    ["kata", "library", "list"],
    ["kata", "library", "show", "pick"],
    ["kata", "robot", "list"],
    ["kata", "doctor"],
)

each_page = pytest.mark.parametrize("page", pages.PAGES, ids=pages.name_of)


@each_page
def test_links_lead_somewhere(page: Path) -> None:
    missing = [target for target in pages.links(page) if not (page.parent / target).exists()]
    assert not missing


@each_page
def test_every_command_has_its_verb_and_keys(page: Path) -> None:
    for command in pages.commands(page):
        _, verb, *rest = shlex.split(command.split(" | ")[0], comments=True)
        keys = verb_keys(verb)
        arguments = split(rest, keys)
        given = [override_key(override).split(".")[0] for override in arguments.overrides]
        assert all(keys.key(key) for key in given if not (arguments.multirun and key in SPREAD))
        if keys.words == "names" and keys.actions and arguments.words:
            assert arguments.words[0] in [action.name for action in keys.actions], command
        elif keys.words == "names" and arguments.words:
            usage = keys.usage.split()
            assert arguments.words[0] in usage or usage[0].isupper(), command


def test_readme_is_short_and_its_picture_small() -> None:
    assert len((pages.ROOT / "README.md").read_text().splitlines()) <= 90
    assert (DOCS / "pictures" / "run.png").stat().st_size < 400_000


@pytest.mark.parametrize("command", CHEAP, ids=" ".join)
def test_command_of_the_readme_runs(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(command[1:]) == 0


def follow(page: str, how: tuple[str, ...], folder: Path, patch: pytest.MonkeyPatch) -> int:
    """Do what a page says, in its order, in a folder of its own; how many blocks were run."""
    patch.chdir(folder)
    patch.syspath_prepend(str(folder))
    for named in (block for each in DOCS.glob("*.md") for block in pages.blocks(each)):
        if named.file:
            (folder / named.file).write_text(named.text, encoding="utf-8")
    done = 0
    for block in pages.blocks(DOCS / page):
        if block.how not in how:
            continue
        done += 1
        if block.language == "python":
            runpy.run_path(block.file, run_name="__main__")
            continue
        for words in block.commands:
            assert main(words[1:]) == 0, shlex.join(words)
    sys.modules.pop("unstack_task", None)
    return done


def with_blocks(how: str) -> list[str]:
    """Names of the pages that have a block marked so."""
    marked = {page.name for page in DOCS.glob("*.md") for b in pages.blocks(page) if b.how == how}
    return sorted(marked)


@pytest.mark.parametrize("page", with_blocks("run"))
def test_page_can_be_followed(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert follow(page, ("run",), tmp_path, monkeypatch)


@pytest.mark.slow
@pytest.mark.parametrize("page", with_blocks("slow"))
def test_long_page_can_be_followed(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert follow(page, ("run", "slow"), tmp_path, monkeypatch)


def test_added_robot_of_the_page_runs_the_tasks(
    menagerie: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(menagerie / "franka_emika_panda", tmp_path / "arm")
    (tmp_path / "arm" / "panda.xml").rename(tmp_path / "arm" / "my_arm.xml")
    assert main(["robot", "add", "arm/my_arm.xml"]) == 0
    assert main(["evaluate", "skill=pick", "policy=expert", "robot=my_arm", "trials=2"]) == 0
