"""Writes the frozen surface, the schema of contracts and the pinned messages anew.

Read the difference, then commit.
"""

import contextlib
import io
import json
import os
import tempfile
from pathlib import Path

from test_errors import CASES
from test_surface import surface

from kata.launch.cli import main
from kata.skills.contract.schema import contract_schema

HERE = Path(__file__).parent
SCHEMA = HERE.parents[1] / "docs" / "skill.schema.json"

if __name__ == "__main__":
    (HERE / "surface.json").write_text(json.dumps(surface(), indent=1) + "\n")
    SCHEMA.write_text(json.dumps(contract_schema(), indent=1) + "\n")
    (HERE / "messages").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        os.environ["KATA_HOME"] = str(Path(folder) / "kata-home")
        for name, line in CASES.items():
            shown = io.StringIO()
            with contextlib.redirect_stderr(shown):
                main(line)
            (HERE / "messages" / f"{name}.txt").write_text(shown.getvalue())
