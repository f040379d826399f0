"""The notebook of the examples, run as a user would, offline: what comes out is what it is shown with."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).parent.parent / "examples" / "tour.ipynb"


@pytest.fixture(scope="module")
def shown():
    return nbformat.read(NOTEBOOK, as_version=4)


@pytest.fixture(scope="module")
def run(shown, tmp_path_factory):
    again = nbformat.from_dict({**shown, "cells": [{**cell, **cleared(cell)} for cell in shown.cells]})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_HUB_OFFLINE", "1")
        # Nothing listens there, so whatever asks for a page or a model fails.
        for proxy in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            patch.setenv(proxy, "http://127.0.0.1:9")
        folder = str(tmp_path_factory.mktemp("tour"))
        client = NotebookClient(again, timeout=240, coalesce_streams=True, resources={"metadata": {"path": folder}})
        return client.execute()


def cleared(cell):
    return {"outputs": [], "execution_count": None} if cell.cell_type == "code" else {}


def said(cell):
    """Return what a cell prints and answers, without pictures, markup and warnings."""
    texts = [output.text for output in cell.outputs if output.get("name") == "stdout"]
    return [*texts, *(output.data["text/plain"] for output in cell.outputs if "data" in output)]


def code(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def test_what_comes_out_is_what_is_shown(shown, run):
    assert [said(cell) for cell in code(run)] == [said(cell) for cell in code(shown)]


def test_a_correction_is_seen_and_the_timeline_is_drawn(run):
    assert "replaced  72 - 68 = 4.   instead of 72 - 68 = 14." in said(code(run)[1])[0]
    assert any("image/png" in output.get("data", {}) for cell in code(run) for output in cell.outputs)


def test_it_is_small_and_was_run_from_top_to_bottom(shown):
    assert NOTEBOOK.stat().st_size < 60_000
    assert [cell.execution_count for cell in code(shown)] == list(range(1, len(code(shown)) + 1))
    assert not any(output.get("name") == "stderr" for cell in code(shown) for output in cell.outputs)
