"""A skip is listed with its reason, and fails in CI unless it is agreed on."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

BODY = "import pytest\ndef test_one():\n    pytest.skip({reason!r})\n"


def session(folder: Path, root: Path, reason: str, *, ci: bool) -> subprocess.CompletedProcess[str]:
    """Runs one skipping test under the house's conftest.py, in two workers as `make test` does."""
    (folder / "conftest.py").write_text((root / "tests" / "conftest.py").read_text())
    (folder / "test_one.py").write_text(BODY.format(reason=reason))
    env = {name: value for name, value in os.environ.items() if name != "CI"}
    env |= {"CI": "true"} if ci else {}
    command = [sys.executable, "-m", "pytest", "-n", "2", "-p", "no:cacheprovider", "--rootdir=."]
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("reason", "ci", "code", "mark"),
    [
        ("too lazy", True, 1, "NOT ALLOWED: test_one.py::test_one: too lazy"),
        ("too lazy", False, 0, "NOT ALLOWED: test_one.py::test_one: too lazy"),
        ("needs a CUDA device", True, 0, "allowed: test_one.py::test_one: needs a CUDA device"),
    ],
)
def test_skip(root: Path, tmp_path: Path, reason: str, ci: bool, code: int, mark: str) -> None:
    done = session(tmp_path, root, reason, ci=ci)
    assert done.returncode == code, done.stdout + done.stderr
    assert mark in done.stdout


def test_module_that_skips_itself_is_caught_too(root: Path, tmp_path: Path) -> None:
    (tmp_path / "test_two.py").write_text("import pytest\npytest.importorskip('no_such_package')\n")
    done = session(tmp_path, root, "needs a CUDA device", ci=True)
    assert done.returncode == 1
    assert "NOT ALLOWED: test_two.py" in done.stdout
