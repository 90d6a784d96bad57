"""What holds for every test: quiet cores, an own home, reproducible examples, no silent skip."""

import os
import sys
import tempfile
from pathlib import Path

import hypothesis
import pytest

ROOT = Path(__file__).resolve().parent.parent

# A test may skip for these reasons only; with CI set, any other skip fails the run. Ask for the
# fixture of the same name instead of writing the reason again.
NO_CUDA = "needs a CUDA device"
NO_MENAGERIE = "needs the robots of the MuJoCo Menagerie (MENAGERIE_ROOT)"
NO_LLM = "needs a language model server (KATA_TEST_LLM_BASE_URL, KATA_TEST_LLM_MODEL)"
NO_NODE = "needs node to run the page's rules"
ALLOWED_SKIPS = frozenset({NO_CUDA, NO_LLM, NO_MENAGERIE, NO_NODE})

# Fixtures wider than a test run before `kata_home`: they must not reach the user's library either.
_OUTER_HOME = tempfile.TemporaryDirectory(prefix="kata-tests-")


def _set_default_environment() -> None:
    """Sets what must stand before torch and mujoco are imported; what the caller set wins."""
    # Small networks run ten times slower on two torch threads than on one under load.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("LP_NUM_THREADS", "1")
    if sys.platform == "linux":
        os.environ.setdefault("MUJOCO_GL", "egl")
    robots = ROOT.parent / "shared" / "menagerie"
    if robots.is_dir():
        os.environ.setdefault("MENAGERIE_ROOT", str(robots))
    os.environ["KATA_HOME"] = _OUTER_HOME.name


_set_default_environment()

# Deadlines measure the load of the machine, not the code. In CI each run has the same examples.
hypothesis.settings.register_profile("local", deadline=None)
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "local")


@pytest.fixture(autouse=True)
def kata_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The place of this test's library: empty, and gone with the test."""
    home = tmp_path / "kata-home"
    monkeypatch.setenv("KATA_HOME", str(home))
    return home


@pytest.fixture
def menagerie() -> Path:
    """The folder that holds the robots of the MuJoCo Menagerie."""
    root = os.environ.get("MENAGERIE_ROOT", "")
    if not root or not Path(root).is_dir():
        pytest.skip(NO_MENAGERIE)
    return Path(root)


@pytest.fixture
def cuda() -> str:
    """The name of a CUDA device."""
    import torch

    if not torch.cuda.is_available():
        pytest.skip(NO_CUDA)
    return "cuda"


@pytest.fixture
def language_model() -> tuple[str, str]:
    """Address and name of a real language model, such as one of llama.cpp, vLLM or Ollama."""
    found = tuple(os.environ.get(f"KATA_TEST_LLM_{name}", "") for name in ("BASE_URL", "MODEL"))
    if not all(found):
        pytest.skip(NO_LLM)
    return found


class SkipLedger:
    """Lists every skip with its reason, and fails a run in CI for one that is not allowed."""

    def __init__(self) -> None:
        self.skips: dict[str, str] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.skipped and not hasattr(report, "wasxfail"):
            self._add(report.nodeid, report.longrepr)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.skipped:
            self._add(report.nodeid, report.longrepr)

    def _add(self, nodeid: str, place: object) -> None:
        reason = place[2] if isinstance(place, tuple) else str(place)
        self.skips[nodeid] = str(reason).removeprefix("Skipped: ")

    def refused(self) -> dict[str, str]:
        """The skips that are no part of the agreement."""
        return {test: why for test, why in self.skips.items() if why not in ALLOWED_SKIPS}

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if os.environ.get("CI") and self.refused() and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if not self.skips:
            return
        terminalreporter.section("skipped")
        refused = self.refused()
        for test, why in sorted(self.skips.items()):
            mark = "NOT ALLOWED" if test in refused else "allowed"
            terminalreporter.line(f"{mark}: {test}: {why}")
        if refused and os.environ.get("CI"):
            terminalreporter.line(
                "In CI a skip fails the run unless tests/conftest.py allows its reason."
            )


def pytest_configure(config: pytest.Config) -> None:
    """Keeps the ledger in the process that reports, not in the workers of xdist."""
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(SkipLedger(), "skip-ledger")
