"""What is in the wheel and the sdist, and what they say of themselves."""

import subprocess
import sys
import tarfile
import tomllib
import zipfile
from email.parser import HeaderParser

import pytest

from tests.wheel.conftest import ROOT

PACKAGE = ROOT / "stream_aligner_lc"
MAX_BYTES = 15_000_000
WANTED = (
    "py.typed",
    "evaluation/suites/safety.jsonl",
    "report/assets/page.html",
    "report/assets/page.css",
    "report/assets/page.js",
    "showing/assets/shared.css",
    "showing/assets/shared.js",
    "playground/assets/page.html",
    "playground/assets/page.css",
    "playground/assets/page.js",
    "sums/checkpoints/sums-upstream/model.safetensors",
    "sums/checkpoints/sums-aligner/model.safetensors",
)


@pytest.fixture(scope="session")
def project():
    """What `pyproject.toml` declares."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


@pytest.fixture(scope="session")
def names(wheel):
    """The wheel's files."""
    with zipfile.ZipFile(wheel) as file:
        return set(file.namelist())


@pytest.fixture(scope="session")
def info(project):
    """The wheel's folder of metadata."""
    return f"stream_aligner_lc-{project['version']}.dist-info"


@pytest.fixture(scope="session")
def metadata(wheel, info):
    """The headers of the wheel's metadata."""
    with zipfile.ZipFile(wheel) as file:
        return HeaderParser().parsestr(file.read(f"{info}/METADATA").decode())


def test_the_wheel_is_below_fifteen_megabytes(wheel):
    assert wheel.stat().st_size < MAX_BYTES


def test_the_wheel_holds_the_package_whole_and_nothing_else(names, info):
    sources = {f"stream_aligner_lc/{path.relative_to(PACKAGE).as_posix()}" for path in PACKAGE.rglob("*.*")}
    sources = {name for name in sources if "__pycache__" not in name}
    assert {name for name in names if not name.startswith(info)} == sources
    assert {name.removeprefix(f"{info}/") for name in names if name.startswith(info)} == {
        "METADATA",
        "RECORD",
        "WHEEL",
        "entry_points.txt",
        "licenses/LICENSE",
    }


@pytest.mark.parametrize("name", WANTED)
def test_what_is_read_at_run_time_is_in_the_wheel(name, names):
    assert f"stream_aligner_lc/{name}" in names


def test_the_metadata_is_that_of_the_project(metadata, project):
    assert (metadata["Name"], metadata["Version"]) == (project["name"], project["version"])
    assert metadata["Requires-Python"] == project["requires-python"]
    assert metadata["License-Expression"] == project["license"]
    assert set(metadata.get_all("Provides-Extra")) == set(project["optional-dependencies"])
    core = [each for each in metadata.get_all("Requires-Dist") if "extra ==" not in each]
    assert len(core) == len(project["dependencies"])


def test_the_index_would_take_both_and_show_the_readme(wheel, sdist):
    command = [sys.executable, "-m", "twine", "check", "--strict", wheel, sdist]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("PASSED") == 2


def test_the_sdist_has_all_that_the_tests_need_and_no_output_of_a_build(sdist, project):
    with tarfile.open(sdist) as file:
        names = {name.partition("/")[2] for name in file.getnames()}
    tops = {name.partition("/")[0] for name in names}
    assert {"stream_aligner_lc", "tests", "graphs", "examples", "benchmarks", "docs", "langgraph.json", ".ci"} <= tops
    assert {"pyproject.toml", "constraints.txt", "Makefile", "README.md", "LICENSE"} <= tops
    assert not tops & {".venv", ".venv-vllm", "build", "dist", ".git"}
    assert not [name for name in names if "__pycache__" in name or name.endswith((".pyc", ".egg-info"))]
