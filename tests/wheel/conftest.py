"""The wheel and the sdist, built once as `make dist` builds them, and an environment that has the core alone."""

import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from tests.wheel.installed import needed

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    """The folder with the wheel and the sdist."""
    if not (ROOT / "stream_aligner_lc").exists():
        pytest.skip("There is nothing to build here: these are the tests alone, beside an installed wheel.")
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="session")
def wheel(built):
    """The wheel."""
    (path,) = built.glob("*.whl")
    return path


@pytest.fixture(scope="session")
def sdist(built):
    """The source distribution."""
    (path,) = built.glob("*.tar.gz")
    return path


class Bare:
    """An environment with the built wheel and what its metadata asks for; nothing else can be imported there."""

    def __init__(self, folder, wheel):
        self.folder = folder
        venv.create(folder, with_pip=False, symlinks=True)
        (site,) = folder.glob("lib/python*/site-packages")
        for dist in needed("stream-aligner-lc").values():
            _link(dist, site)
        own_pip = [sys.executable, "-m", "pip", "--python", folder, "--disable-pip-version-check"]
        options = ["install", "--quiet", "--no-deps", "--no-index", "--no-cache-dir", wheel]
        subprocess.run([*own_pip, *options], check=True)

    def run(self, *command):
        """Run a command of the environment, away from the checkout; it has to succeed."""
        program, *arguments = command
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "LANG"))}
        done = subprocess.run(
            [self.folder / "bin" / program, *arguments],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture(scope="session")
def bare(wheel, tmp_path_factory):
    """The core alone, as `pip install stream-aligner-lc` would make it."""
    return Bare(tmp_path_factory.mktemp("bare"), wheel)


def _link(dist, site):
    # File by file: several distributions share the folder `langgraph`, and not all of them are needed.
    for file in dist.files:
        if ".." in file.parts:
            continue
        there = site / file
        there.parent.mkdir(parents=True, exist_ok=True)
        there.symlink_to(file.locate())
