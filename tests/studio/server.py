"""The real server in a process and a folder of its own: nobody's key, no network, no state left in the checkout."""

import json
import os
import sys
from pathlib import Path

from tests.processes import Serving

ROOT = Path(__file__).parents[2]
CONFIG = json.loads((ROOT / "langgraph.json").read_text())
_OURS = ("LANGCHAIN", "LANGGRAPH", "LANGSMITH", "STREAM_ALIGNER")
_QUIET = {
    "LANGGRAPH_CLI_NO_ANALYTICS": "1",
    "LANGGRAPH_NO_VERSION_CHECK": "1",
    "LANGSMITH_TRACING": "false",
    "HF_HUB_OFFLINE": "1",
}


def graphs():
    """Return the graphs of `langgraph.json`, with paths that hold in any folder."""
    return {name: {**graph, "path": str(ROOT / graph["path"])} for name, graph in CONFIG["graphs"].items()}


def langgraph_dev(folder, more, **environment):
    """Return `langgraph dev` with the graphs of `langgraph.json`; `more` are the places of further ones."""
    http = {"app": str(ROOT / CONFIG["http"]["app"])}
    config = {"dependencies": [str(ROOT)], "graphs": {**graphs(), **more}, "http": http}
    (folder / "langgraph.json").write_text(json.dumps(config))
    command = [sys.executable, "-m", "langgraph_cli", "dev", "--no-browser", "--no-reload"]
    # Jobs: the runs of a test need not wait for each other.
    options = ["--host", "127.0.0.1", "--port", "{port}", "--n-jobs-per-worker", "32"]
    clean = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
    return Serving(folder, [*command, *options], health="/ok", environment={**clean, **_QUIET, **environment})
