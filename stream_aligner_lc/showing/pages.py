"""Read a page's files: each package that shows one has `page.html`, `page.css` and `page.js` under `assets`.

Style and script of a page begin with what all pages share, so that a page needs one of each.
"""

from __future__ import annotations

from importlib.resources import files

_SHARED = "stream_aligner_lc.showing"


def page(package: str) -> str:
    """Return the page of a package, with places to fill in by `str.format`."""
    return _read(package, "page.html")


def style(package: str) -> str:
    """Return the style of a package's page."""
    return _read(_SHARED, "shared.css") + _read(package, "page.css")


def script(package: str) -> str:
    """Return the script of a package's page."""
    return _read(_SHARED, "shared.js") + _read(package, "page.js")


def _read(package: str, name: str) -> str:
    return (files(package) / "assets" / name).read_text(encoding="utf-8")
