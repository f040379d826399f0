"""What an installation of the core brings along. `make test-wheel` runs this file in a fresh environment, too."""

import sys
import sysconfig
from collections.abc import Iterator
from importlib.metadata import Distribution, distribution, distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

MAX_PACKAGES = 45
MAX_MEGABYTES = 100
NOT_OURS = {"pip", "setuptools"}
"""What `python -m venv` itself may put there."""


def needed(name: str) -> dict[str, Distribution]:
    """Return the distributions that `pip install name` brings, by their names, without `name` itself."""
    found: dict[str, Distribution] = {}
    seen: set[tuple[str, str]] = set()
    waiting = [(Requirement(name), extra) for extra in ("", *Requirement(name).extras)]
    while waiting:
        requirement, extra = waiting.pop()
        own = canonicalize_name(requirement.name)
        if (own, extra) in seen:
            continue
        seen.add((own, extra))
        found[own] = distribution(own)
        for each in map(Requirement, found[own].requires or ()):
            if each.marker is None or each.marker.evaluate({"extra": extra}):
                waiting += [(each, more) for more in ("", *each.extras)]
    del found[canonicalize_name(Requirement(name).name)]
    return found


def packages() -> list[str]:
    """Return the names of what is installed in this environment."""
    return sorted({canonicalize_name(each.name) for each in distributions()} - NOT_OURS)


def megabytes() -> float:
    """Return the size of this environment's files, byte-code included; blocks of a disk add what they add."""
    return sum(each.stat().st_size for each in _files()) / 1e6


def _files() -> Iterator[Path]:
    site = Path(sysconfig.get_path("purelib"))
    for folder in site.iterdir():
        if folder.name.split("-")[0] not in NOT_OURS:
            yield from (each for each in (folder, *folder.rglob("*")) if each.is_file())


def main() -> None:
    """Print what is installed, and fail where it is too much."""
    names, size = packages(), megabytes()
    print(f"{len(names)} packages, {size:.1f} MB: {' '.join(names)}")
    if len(names) > MAX_PACKAGES or size >= MAX_MEGABYTES:
        sys.exit(f"The core may bring {MAX_PACKAGES} packages and {MAX_MEGABYTES} MB.")


if __name__ == "__main__":
    main()
