"""The program: `stream-aligner ...`, or `python -m stream_aligner_lc ...`; each command is loaded when it is asked for.

Loading the program and showing help imports no model library.
"""

from __future__ import annotations

import io
import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module

import click

from stream_aligner_lc.errors import ConfigurationError, StreamAlignerError
from stream_aligner_lc.terminals import tell

_NAME = "stream-aligner"

# The whole table of commands: a line here, and a module of that name in commands/ with its `command`.
_COMMANDS = {
    "See it": {
        "demo": "show the bundled pair at work, bare and aligned",
        "chat": "talk with a model behind an aligner",
        "serve": "serve aligned replies through OpenAI's API",
    },
    "Make an aligner": {
        "annotate": "make correction data with a teacher",
        "convert": "make rows of public data sets",
        "train": "train an aligner on corrected sentences",
        "export-preferences": "make preference pairs, to tune an upstream with",
    },
    "Know that it helps": {
        "evaluate": "measure whether an aligner makes replies better",
        "report": "show an evaluation, or a log, as one HTML page",
        "bench": "measure what the loop costs on this machine",
        "doctor": "say what is here, and how an upstream goes on",
    },
}
_SHORT_HELP = {name: text for commands in _COMMANDS.values() for name, text in commands.items()}

_COMPLETION = """\
\b
Completion in your shell, in its start-up file:
  bash  eval "$(_STREAM_ALIGNER_COMPLETE=bash_source stream-aligner)"
  zsh   eval "$(_STREAM_ALIGNER_COMPLETE=zsh_source stream-aligner)"
  fish  _STREAM_ALIGNER_COMPLETE=fish_source stream-aligner | source
"""


class Program(click.Group):
    """Commands that are loaded when they are asked for, and listed without that, in the order of the table."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_SHORT_HELP)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _SHORT_HELP:
            return None
        found: click.Command = import_module(f"stream_aligner_lc.commands.{cmd_name.replace('-', '_')}").command
        found.short_help = _SHORT_HELP[cmd_name]  # what a shell shows beside the name
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        width = max(map(len, _SHORT_HELP))
        for heading, commands in _COMMANDS.items():
            with formatter.section(heading):
                formatter.write_dl([(name.ljust(width), text) for name, text in commands.items()])


def _show_version(context: click.Context, _parameter: click.Parameter, value: bool) -> None:  # noqa: FBT001  # click's
    if not value:
        return
    from stream_aligner_lc.extras import version  # noqa: PLC0415  # takes as long as the rest

    click.echo(f"{_NAME} {version()}")
    context.exit()


@click.group(
    cls=Program,
    name=_NAME,
    epilog=_COMPLETION,
    context_settings={"help_option_names": ["-h", "--help"], "show_default": True, "max_content_width": 100},
)
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_show_version, help="Show the version."
)
def program() -> None:
    """Correct what a language model says while it is saying it."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command, and return its exit status: 0, 1 if it failed, 130 if it was interrupted.

    Raises `SystemExit` with 2 where it was asked wrongly.
    """
    _mend_streams()
    try:
        with _warnings_in_a_line():
            status = program.main(arguments, prog_name=_NAME, standalone_mode=False)
    except click.UsageError as error:
        error.show()
        sys.exit(error.exit_code)
    except click.Abort:
        return 130
    except BrokenPipeError:
        # Whoever read this has gone, such as `head`; Python would complain once more when it closes the output.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (StreamAlignerError, OSError) as error:
        return _failed(_words(error))
    except ModuleNotFoundError as error:
        return _failed(str(_missing(error)))
    return status if isinstance(status, int) else 0


def _mend_streams() -> None:
    """Let an input that is closed be empty, and spell out what an output has no letters for."""
    if sys.stdin is None:
        sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: SIM115  # as long as the program runs
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # as the error output is from the start


@contextmanager
def _warnings_in_a_line() -> Iterator[None]:
    def show(message: Warning | str, _category: type[Warning], *_: object) -> None:
        tell(f"{_NAME}: {message}", err=True)

    with warnings.catch_warnings():
        warnings.showwarning = show  # type: ignore[assignment]  # the place in a file is of no use here
        yield


def _failed(message: str) -> int:
    tell(f"{_NAME}: {' '.join(message.split())}", err=True)
    return 1


def _words(error: Exception) -> str:
    """Return what an error says, and its cause, which an error of ours does not quote: here nobody else reads it."""
    cause = error.__cause__
    # Of a package that is missing all is said.
    if cause is None or isinstance(cause, ImportError) or str(cause) in str(error):
        return str(error)
    return f"{error} The cause: {cause!r}"


def _missing(error: ModuleNotFoundError) -> ConfigurationError:
    from stream_aligner_lc.extras import extra_of  # noqa: PLC0415

    extra = extra_of(error.name or "")
    if extra is None:
        raise error
    return ConfigurationError(
        f"This needs {error.name}, which is not installed: pip install 'stream-aligner-lc[{extra}]'."
    )
