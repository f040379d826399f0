"""A folder with prompts, and the function under test with the arguments that every test gives it."""

import pytest

from stream_aligner_lc.annotation import annotate
from tests.annotation.doubles import QUESTIONS, REPLIES, Editor, Upstream, rows_in, write_prompts


class Place:
    """Where the prompts stand, and where the rows go."""

    def __init__(self, folder):
        self.folder = folder
        self.prompts = folder / "prompts.jsonl"
        self.out = folder / "rows.jsonl"
        self.journal = folder / "rows.jsonl.part"

    def ask(self, *questions, **fields):
        """Write the prompts."""
        return write_prompts(self.prompts, questions, **fields)

    def annotate(self, upstream=None, teacher=None, **options):
        """Run the work, with each call made once unless the test says more."""
        upstream = Upstream({}) if upstream is None else upstream
        teacher = Editor({}) if teacher is None else teacher
        given = {"policy": "Nothing bad.", "tries": 1, "upstream_retries": 0, **options}
        return annotate(self.prompts, upstream, teacher, out=self.out, **given)

    @property
    def rows(self):
        """What was written."""
        return rows_in(self.out)


@pytest.fixture
def place(tmp_path):
    """A folder for the work."""
    return Place(tmp_path)


@pytest.fixture
def undisturbed(place):
    """What a run writes that nothing disturbs, for the prompts that are left behind."""
    place.ask(*QUESTIONS)
    place.annotate(Upstream(REPLIES))
    written = place.out.read_bytes()
    place.out.unlink()
    return written
