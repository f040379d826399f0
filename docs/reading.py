"""How the API reference reads the package: doctests become Python in fences, types are those that a user passes."""

import re
from typing import Any

import griffe

# Left as it is, Markdown takes `>>>` for a quotation in a quotation.
_DOCTEST = re.compile(r"^>>> .*?(?=\n\n|\Z)", re.MULTILINE | re.DOTALL)
# Says that pydantic leaves a field alone, which is nothing to a user.
_UNCHECKED = re.compile(r"SkipValidation\[(.*)\]")


class Reading(griffe.Extension):
    """Change what was read of the source before it is shown."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Put fences around doctests."""
        if obj.docstring is not None:
            obj.docstring.value = _DOCTEST.sub("```pycon\n\\g<0>\n```", obj.docstring.value)

    def on_attribute(self, *, attr: griffe.Attribute, **_: Any) -> None:
        """Show a field's own type, and a value only if it is one: a call says how the value is made."""
        if found := _UNCHECKED.fullmatch(str(attr.annotation)):
            attr.annotation = found[1]
        if isinstance(attr.value, griffe.ExprCall):
            attr.value = None
