"""Builds the wheel, puts it alone into an environment and uses it outside the tree.

The environment borrows every dependency from the one that runs this file, so nothing is downloaded,
but `kata` itself can only come from the wheel. Run by `.ci/check`; exits 0 when all holds, else
says what does not.
"""

import os
import subprocess
import sys
import sysconfig
import tempfile
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
AREAS = ("datasets", "sim", "policies", "skills", "hardware", "launch")

# What a user does first with an installation; each must exit 0.
SMOKE = (
    ("kata", "--help"),
    ("kata", "plan", "put the red cube in the drawer, then close it", "out=plan"),
)

# Every module must import from the wheel, and from nowhere else.
IMPORT_ALL = """
import importlib, pathlib, sys
import kata
home = pathlib.Path(sys.prefix).resolve()
strangers = [place for place in kata.__path__ if home not in pathlib.Path(place).resolve().parents]
assert not strangers, f"kata is also found outside the wheel: {strangers}"
for name in sys.argv[1:]:
    importlib.import_module(name)
"""


class WheelError(Exception):
    """The wheel is not what the tree says it is."""


def tree_files() -> set[str]:
    """The files that the wheel must hold, as paths inside it."""
    inside = {
        path.relative_to(ROOT / area).as_posix()
        for area in AREAS
        for path in (ROOT / area / "kata").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    configs = {
        f"kata/configs/{path.relative_to(ROOT / 'configs').as_posix()}"
        for path in (ROOT / "configs").rglob("*.yaml")
    }
    return inside | configs


def wheel_files(wheel: Path) -> set[str]:
    """The files of the wheel, its own metadata aside."""
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if ".dist-info/" not in name}


def build_wheel(folder: Path) -> Path:
    """Builds with the installed hatchling and returns the one wheel."""
    build = (sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder))
    run(*build, cwd=ROOT)
    (wheel,) = folder.glob("*.whl")
    return wheel


def compare(wheel: Path) -> list[str]:
    """Checks that wheel and tree hold the same files; returns the wheel's module names."""
    expected, got = tree_files(), wheel_files(wheel)
    if expected != got:
        raise WheelError(
            f"missing in the wheel: {sorted(expected - got) or 'nothing'}; "
            f"only in the wheel: {sorted(got - expected) or 'nothing'}"
        )
    return sorted(
        name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        for name in got
        if name.endswith(".py")
    )


def make_environment(folder: Path, wheel: Path) -> Path:
    """Makes an environment that holds the wheel and borrows the rest; returns its commands."""
    venv.create(folder, with_pip=False)
    python = folder / "bin" / "python"
    pip = (sys.executable, "-m", "pip", "--python", str(python))
    run(*pip, "install", "-q", "--no-deps", "--no-index", str(wheel))
    # A path line only adds the folder: the .pth files in it, the editable kata's too, stay asleep.
    own = sysconfig.get_path("purelib", vars={"base": str(folder)})
    Path(own, "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder / "bin"


def run(*command: str, cwd: Path | None = None, env: dict[str, str] | None = None) -> None:
    """Runs one command and shows its output only when it fails."""
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        output = done.stdout + done.stderr
        raise WheelError(f"{' '.join(command)}\nexited {done.returncode}:\n{output}")


def main() -> int:
    """Builds, compares, installs, imports, uses."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        outside = folder / "outside"
        outside.mkdir()
        env = {**os.environ, "KATA_HOME": str(folder / "home")}
        env.pop("PYTHONPATH", None)
        try:
            wheel = build_wheel(folder / "dist")
            modules = compare(wheel)
            commands = make_environment(folder / "env", wheel)
            run(str(commands / "python"), "-c", IMPORT_ALL, *modules, cwd=outside, env=env)
            sys.stdout.write(f"{wheel.name}: {len(modules)} modules, as in the tree; all import\n")
            for name, *arguments in SMOKE:
                run(str(commands / name), *arguments, cwd=outside, env=env)
                sys.stdout.write(f"outside the tree: {name} {' '.join(arguments)}\n")
        except WheelError as error:
            sys.stderr.write(f"{error}\n")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
