"""The extras of this package, as its own metadata states them: what belongs to each, and which one a module needs."""

from __future__ import annotations

from importlib import metadata

from packaging.requirements import Requirement

PACKAGE = "stream-aligner-lc"


def version() -> str:
    """Return the version of this package, or `unknown` where it runs without being installed."""
    try:
        return metadata.version(PACKAGE)
    except metadata.PackageNotFoundError:
        return "unknown"


def extras() -> dict[str, list[str]]:
    """Return the packages that each extra but `all` asks for; those of the core are under the empty name."""
    try:
        stated = [Requirement(each) for each in metadata.requires(PACKAGE) or []]
        names = metadata.metadata(PACKAGE).get_all("Provides-Extra") or []
    except metadata.PackageNotFoundError:
        return {}
    own = [each for each in stated if each.name != PACKAGE]
    core = {each.name for each in own if _is_asked_for(each, "")}
    found = {name: [each.name for each in own if each.name not in core and _is_asked_for(each, name)] for name in names}
    return {"": sorted(core)} | {name: packages for name, packages in found.items() if packages and name != "all"}


def extra_of(module: str) -> str | None:
    """Return the smallest extra that brings a module, or None if none does."""
    package = module.partition(".")[0].replace("_", "-")
    bringing = {name: len(packages) for name, packages in extras().items() if name and package in packages}
    return min(bringing, key=bringing.__getitem__, default=None)


def _is_asked_for(requirement: Requirement, extra: str) -> bool:
    return requirement.marker is None or requirement.marker.evaluate({"extra": extra})
