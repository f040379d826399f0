"""Build the page: what is the same for every reader as plain HTML, the replies as data that a script unfolds."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from stream_aligner_lc.report.packing import packed
from stream_aligner_lc.report.reading import Reported, read
from stream_aligner_lc.report.summary import summary_of
from stream_aligner_lc.rows.writing import whole_file
from stream_aligner_lc.showing import pages

_PACKAGE = "stream_aligner_lc.report"
_SURROGATE = re.compile("[\ud800-\udfff]")


def report(source: str | os.PathLike[str], *, out: str | os.PathLike[str]) -> Path:
    """Write one HTML file that shows an evaluation's folder or a recorder's log, and return its path.

    The file needs no network and no server. Whatever stands in a reply is shown as text: it is put there by
    `textContent`, and the page's content security policy runs no script but the page's own.
    Raises `ConfigurationError` for a source that is neither, and where the file cannot be written.
    """
    reported = read(source)
    place = Path(out)
    with whole_file(place) as file:
        file.write(page_of(reported))
    return place


def page_of(reported: Reported) -> str:
    """Return the page as a text."""
    script, style = pages.script(_PACKAGE), pages.style(_PACKAGE)
    # Bars are placed by inline styles, which the script sets through the DOM; only elements need to be allowed.
    policy = f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; base-uri 'none'"
    page = pages.page(_PACKAGE).format(
        policy=escape(policy, quote=True),
        style=style,
        script=script,
        title=escape(reported.title),
        summary=summary_of(reported),
        count=f"{len(reported.replies):,}",
        data=_as_data([packed(each) for each in reported.replies]),
    )
    # In the data half a pair stands escaped; in a title or a figure's name it could not be written.
    return _SURROGATE.sub("\ufffd", page)


def _as_data(replies: Sequence[Mapping[str, Any]]) -> str:
    """Return JSON that cannot end the element it stands in, whatever the replies hold."""
    data = json.dumps(replies, ensure_ascii=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        data = data.replace(character, f"\\u{ord(character):04x}")
    # Half of a surrogate pair is valid JSON as an escape only.
    return _SURROGATE.sub(lambda found: f"\\u{ord(found[0]):04x}", data)


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
