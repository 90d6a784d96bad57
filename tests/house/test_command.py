"""The command starts quickly, and the tests run the plain way."""

import resource
import subprocess
import sys
from pathlib import Path

import pytest

HELP_CPU_S = 0.5
HEAVY = ("diffusers", "gymnasium", "hydra", "lerobot", "matplotlib", "mujoco", "pyarrow", "torch")


def cpu_s(command: list[str | Path]) -> float:
    """Processor time of one child in s: unlike the clock's, it does not grow with the load."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, capture_output=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@pytest.fixture(scope="module")
def kata() -> Path:
    return Path(sys.executable).with_name("kata")


def test_help_comes_at_once(kata: Path) -> None:
    assert min(cpu_s([kata, "--help"]) for _ in range(3)) <= HELP_CPU_S


def test_command_line_loads_nothing_heavy() -> None:
    code = "import sys, kata.launch.cli; sys.stdout.write(' '.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.split(".")[0] for name in done.stdout.split()}
    assert not loaded & set(HEAVY)


def test_pytest_runs_as_a_module_from_the_root(root: Path) -> None:
    # There the areas lie on the path as folders; `datasets` must still be Hugging Face's.
    command = [sys.executable, "-m", "pytest", "--collect-only", "-p", "no:cacheprovider"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    code = "import datasets, sys; sys.stdout.write(datasets.__file__)"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    assert "site-packages" in done.stdout
