"""Where a training keeps what it has while it runs, and how its result gets its name: as a whole, or not at all."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stream_aligner_lc.errors import ConfigurationError
from stream_aligner_lc.local.folders import read_json
from stream_aligner_lc.rows.writing import whole_file, writing

_RUN = "run.json"


@dataclass(frozen=True)
class WorkingFolder:
    """The folder `OUT.part` beside the result, with the checkpoints of every stage.

    It goes when the result is there. A run that was cut off finds its own again, and is refused that of another run.
    """

    out: Path

    @classmethod
    def of(cls, out: str) -> WorkingFolder:
        """Return the one of a result; raises `ConfigurationError` if that cannot be the name of a folder."""
        path = Path(out).expanduser()
        if not out.strip() or path.name in ("", ".."):
            raise ConfigurationError(f"`out` must be the name of a folder to write, got {out!r}. Choose another one.")
        return cls(path)

    @property
    def folder(self) -> Path:
        """The folder itself."""
        return self.out.with_name(f"{self.out.name}.part")

    @property
    def result(self) -> Path:
        """Where the result is written before it gets its name."""
        return self.folder / "result"

    def stage(self, name: str) -> Path:
        """Return the folder of a stage."""
        return self.folder / name

    def prepare(self, run: Mapping[str, Any], *, overwrites: bool, restarts: bool) -> bool:
        """Make ready for a run, and return whether one like it is to go on.

        Raises `ConfigurationError` if the result is there, or if what is there belongs to another run; it says what
        differs.
        """
        if self.out.exists() and not overwrites:
            raise ConfigurationError(
                f"{str(self.out)!r} is there already. Choose another `--out`, or `--overwrite` it."
            )
        if restarts and self.folder.exists():
            shutil.rmtree(self.folder)
        file = self.folder / _RUN
        # As it will be read.
        run = json.loads(json.dumps(run))
        before = read_json(file) if file.exists() else None
        if before is not None and (before == run or self._holds_something()):
            self._check_same(run, before)
            # Of a run that could not write it to its end.
            shutil.rmtree(self.result, ignore_errors=True)
            return True
        kept = "Nothing was trained yet."
        with writing(self.folder, kept=kept):
            self.folder.mkdir(parents=True, exist_ok=True)
        with whole_file(file, kept=kept) as opened:
            json.dump(run, opened, indent=1)
        return False

    def _holds_something(self) -> bool:
        """Say whether a run has come as far as a checkpoint; what failed before that, by its model's name, does not."""
        return self.result.exists() or any(self.folder.glob("*/checkpoint-*"))

    def _check_same(self, run: Mapping[str, Any], before: Mapping[str, Any]) -> None:
        differing = [name for name in sorted({*run, *before}) if run.get(name) != before.get(name)]
        if not differing:
            return
        name = differing[0]
        told = "the rows are others" if name == "data" else f"{name} was {before.get(name)!r} and is {run.get(name)!r}"
        raise ConfigurationError(
            f"{str(self.folder)!r} holds a run with other options: {told} now. Go on with the same options, or start "
            "anew with `--restart`."
        )

    def finish(self) -> None:
        """Give the result its name, and remove what is no longer needed."""
        with writing(self.out, kept=f"The trained model is whole in {str(self.result)!r}."):
            if self.out.exists():
                # Removed only with the rest: no half of it may ever stand in place of the new one.
                before = self.folder / "before"
                shutil.rmtree(before, ignore_errors=True)
                self.out.replace(before)
            self.result.replace(self.out)
        shutil.rmtree(self.folder, ignore_errors=True)
