"""What mkdocs does here beyond its own: documents of the repository become pages, links to its code become its path."""

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parent.parent
PAGES = ("ARCHITECTURE.md", "CHANGELOG.md", "benchmarks/LOG.md")
"""Documents that stand beside the code, and are pages of the site under the same path."""
_LINK = re.compile(r"(?<!!)\[([^\]]+)\]\(([^)\s#:]+)(#[^)\s]*)?\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the documents from outside the folder."""
    for path in PAGES:
        files.append(File.generated(config, path, abs_src_path=str(ROOT / path)))
    return files


def on_page_markdown(markdown: str, *, page: Page, **_: Any) -> str:
    """Send links that leave the folder to the page that stands for the file, or say where it is in the repository."""
    path = page.file.src_uri
    folder = posixpath.dirname(path if path in PAGES else f"docs/{path}")
    return _LINK.sub(lambda link: _shown(link, folder, path), markdown)


def _shown(link: re.Match[str], folder: str, path: str) -> str:
    text, target, anchor = link[1], link[2], link[3] or ""
    place = posixpath.normpath(posixpath.join(folder, target))
    if place.startswith("docs/") and (ROOT / place).is_file() and place.endswith((".md", ".svg", ".png")):
        inside = place.removeprefix("docs/")
    elif place in PAGES:
        inside = place
    elif (ROOT / place).exists() and (ROOT / place / "README.md").is_file() and place.startswith("docs/"):
        inside = f"{place.removeprefix('docs/')}/README.md"
    elif (ROOT / place).exists():
        return f"{text} (`{place}`)" if text.strip("`") != place else f"`{place}`"
    else:
        return link[0]  # which mkdocs complains of
    return f"[{text}]({posixpath.relpath(inside, posixpath.dirname(path) or '.')}{anchor})"
