"""Pictures end quietly: no renderer outlives EGL."""

import subprocess
import sys

SCRIPT = """
from kata.sim.world import TableWorld
world = TableWorld()
assert world.render("front", 64, 48).std() > 10
assert world.render("wrist", 48, 64).shape == (64, 48, 3)
"""


def test_an_open_renderer_does_not_complain_at_the_end() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
