"""What models and servers say, on a terminal: their control characters are seen there, and not obeyed."""

from __future__ import annotations

import sys

import click

# Their pictures stand in the same order; those of C1 have none. A line break and a tab steer nothing.
_SEEN = {
    **{code: chr(0x2400 + code) for code in range(0x20) if code not in (0x09, 0x0A)},
    0x7F: "\u2421",
    **{code: f"\\x{code:02x}" for code in range(0x80, 0xA0)},
}


def harmless(text: str) -> str:
    """Return a text that leaves a terminal as it is: no colour, title, cursor or clipboard is set by it.

    A carriage return before a line break is part of the break, and goes.
    """
    return text.replace("\r\n", "\n").translate(_SEEN)


def tell(text: str = "", *, nl: bool = True, err: bool = False) -> None:
    """Print a text: on a terminal a harmless one, in a file or a pipe exactly this one."""
    is_terminal = (sys.stderr if err else sys.stdout).isatty()
    # Told that there are colours, click leaves a text alone.
    click.echo(harmless(text) if is_terminal else text, nl=nl, err=err, color=True)
