"""Writes the frozen surface and the pinned messages anew; read the difference, then commit."""

import contextlib
import io
import json
import os
import tempfile
from pathlib import Path

from test_errors import CASES
from test_surface import surface

from kata.launch.cli import main

HERE = Path(__file__).parent

if __name__ == "__main__":
    (HERE / "surface.json").write_text(json.dumps(surface(), indent=1) + "\n")
    (HERE / "messages").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for name, line in CASES.items():
            shown = io.StringIO()
            with contextlib.redirect_stderr(shown):
                main(line)
            (HERE / "messages" / f"{name}.txt").write_text(shown.getvalue())
