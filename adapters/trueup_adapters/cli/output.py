"""How is an answer given: one JSON value to a program, or tables and plain sentences to a person?

Colour means something (what is missing, what is extra, what differs, what is well) and is left out where nobody could
see it: in a pipe, and where NO_COLOR is set. Whatever came from outside is printed as text, never as markup, and what
is known to be a secret is not printed at all.
"""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from typing import Final

import msgspec
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from trueup_adapters.logs.secrets import hidden

PIPED_WIDTH: Final = 200
"""Columns where there is no terminal to ask: wide enough that no table wraps a sentence."""

STYLES: Final = {
    "recovery": "cyan",
    "ghost": "magenta",
    "drift": "yellow",
    "SUCCESS": "green",
    "PARTIAL": "yellow",
    "DEGRADED": "red",
    "FAILED": "bold red",
    "open": "green",
    "reduce_only": "yellow",
    "closed": "red",
}
"""What a word's colour says; every other word has none."""


def out() -> Console:
    """The console of results."""
    return _console(sys.stdout.isatty(), stderr=False)


def err() -> Console:
    """The console of everything that is no result: errors, notes, progress."""
    return _console(sys.stderr.isatty(), stderr=True)


def _console(terminal: bool, *, stderr: bool) -> Console:
    return Console(stderr=stderr, width=None if terminal else PIPED_WIDTH, highlight=False, markup=False, emoji=False)


def admit_every_character() -> None:
    """Where the terminal's encoding lacks a character of a symbol, show its number instead of a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and "utf" not in stream.encoding.lower():
            stream.reconfigure(errors="backslashreplace")


def give(value: object) -> None:
    """One JSON value, on one line of its own."""
    if "utf" in (sys.stdout.encoding or "").lower():
        text = msgspec.json.encode(value).decode()
    else:
        text = json.dumps(msgspec.to_builtins(value), ensure_ascii=True)
    sys.stdout.write(hidden(text) + "\n")
    sys.stdout.flush()


def say(text: str, style: str = "") -> None:
    """One line for a person."""
    out().print(Text(hidden(text), style=style), soft_wrap=True)


def note(text: str) -> None:
    """One line beside the result."""
    err().print(Text(hidden(text), style="dim"), soft_wrap=True)


def complain(text: str) -> None:
    """Why it did not work: one sentence a line."""
    console = err()
    for line in hidden(text).splitlines():
        console.print(Text.assemble(("trueup: ", "bold red"), line), soft_wrap=True)


@contextmanager
def busy(what: str) -> Generator[None]:
    """A sign of life for whatever may take longer than a second; nothing where nobody watches."""
    console = err()
    if not console.is_terminal:
        yield
        return
    with console.status(Text(hidden(what))):
        yield


def table(columns: Sequence[str], rows: Iterable[Sequence[str | None]], *, right: Sequence[str] = ()) -> None:
    """A table; `right` names the columns of numbers. A cell that is None shows as a dash."""
    console = out()
    shape = Table(box=box.SIMPLE_HEAD if console.is_terminal else None, pad_edge=False, header_style="bold")
    for column in columns:
        shape.add_column(column, justify="right" if column in right else "left", overflow="fold")
    for row in rows:
        shape.add_row(*(_cell(value) for value in row))
    console.print(shape)


def facts(rows: Iterable[tuple[str, str]]) -> None:
    """Names and what they are, one a line."""
    shape = Table.grid(padding=(0, 2))
    shape.add_column(no_wrap=True)
    shape.add_column(overflow="fold")  # a time of which the end is missing is none
    for name, value in rows:
        shape.add_row(Text(name, style="dim"), _cell(value))
    out().print(shape)


def _cell(value: str | None) -> Text:
    if value is None:
        return Text("-", style="dim")
    return Text(hidden(value), style=STYLES.get(value, ""))
