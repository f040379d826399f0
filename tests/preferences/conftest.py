"""A folder with prompts, and the function under test with the arguments that every test gives it."""

import pytest

from stream_aligner_lc.preferences import export_preferences
from stream_aligner_lc.testing import ReplaceAligner
from tests.annotation.doubles import QUESTIONS, REPLIES, Upstream, rows_in, write_prompts


class Place:
    """Where the prompts stand, and where the pairs go."""

    def __init__(self, folder):
        self.folder = folder
        self.prompts = folder / "prompts.jsonl"
        self.out = folder / "pairs.jsonl"
        self.journal = folder / "pairs.jsonl.part"

    def ask(self, *questions, **fields):
        """Write the prompts."""
        return write_prompts(self.prompts, questions, **fields)

    def export(self, upstream=None, aligner=None, **options):
        """Run the work, with each call made once unless the test says more."""
        upstream = Upstream({}) if upstream is None else upstream
        aligner = ReplaceAligner(bad="good") if aligner is None else aligner
        given = {"tries": 1, "upstream_retries": 0, **options}
        return export_preferences(self.prompts, upstream, aligner, out=self.out, **given)

    @property
    def rows(self):
        """What was written."""
        return rows_in(self.out)

    @property
    def sides(self):
        """The chosen and the rejected text of each row."""
        return [(row["chosen"][0]["content"], row["rejected"][0]["content"]) for row in self.rows]


@pytest.fixture
def place(tmp_path):
    """A folder for the work."""
    return Place(tmp_path)


@pytest.fixture
def undisturbed(place):
    """What a run writes that nothing disturbs, for the prompts that are left behind."""
    place.ask(*QUESTIONS)
    place.export(Upstream(REPLIES))
    written = place.out.read_bytes()
    place.out.unlink()
    assert written.count(b"\n") == len(QUESTIONS)
    return written
