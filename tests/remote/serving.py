"""Model servers as tests start them: offline, with an empty cache."""

import os
import sys

from tests.processes import Serving

_QUIET = {"HF_HUB_OFFLINE": "1", "DO_NOT_TRACK": "1"}


def model_server(folder, command, *, environment, **options):
    """Return a server of OpenAI's API, which reads only what is on this machine."""
    return Serving(folder, command, environment={**os.environ, **_QUIET, **environment}, **options)


def transformers_serve(folder):
    """Return `transformers serve`, which loads a model with the first request that names its folder."""
    (folder / "home" / "hub").mkdir(parents=True)
    command = [sys.executable, "-m", "transformers.cli.transformers", "serve", "--host", "127.0.0.1"]
    options = ["--port", "{port}", "--device", "cpu", "--dtype", "float32"]
    return model_server(
        folder, [*command, *options], environment={"HF_HOME": str(folder / "home")}, seconds_to_start=240
    )
