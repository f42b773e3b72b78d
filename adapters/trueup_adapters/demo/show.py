"""How is a scene shown: to a person in a terminal or a file, or to a program?

No live widgets and no colour that carries meaning: what is printed reads the same when it is piped.
"""

from __future__ import annotations

import json
from typing import Final, NamedTuple

from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from trueup_adapters.demo.scene import Scene, Who

WIDTH_MAX: Final = 100
_HEADS: Final[dict[Who, tuple[str, str]]] = {
    "happened": ("what happens", "bold"),
    "naive": ("a naive bot", "yellow"),
    "trueup": ("trueup", "green"),
}


class Failure(NamedTuple):
    """Why the demo ended early: the exit status, the scene, and the sentence."""

    status: int
    scene: str
    title: str
    why: str


class Shown:
    """Prints scenes as they are done."""

    def __init__(self, console: Console, *, as_json: bool, total: int) -> None:
        self._console = console
        self._as_json = as_json
        self._total = total
        self._width = min(console.width, WIDTH_MAX)

    def begin(self, number: int, scene: Scene) -> None:
        """A scene begins: its title, at once."""
        if not self._as_json:
            title = Text(f"{number}/{self._total}  {scene.title}", style="bold cyan")
            self._console.print()
            self._console.print(Rule(title, align="left", style="cyan"), width=self._width)

    def done(self, scene: Scene) -> None:
        """A scene is over, and all that it says was so."""
        if self._as_json:
            self._line(scene.as_json())
            return
        told = Table.grid(padding=(0, 2))
        told.add_column(width=12)
        told.add_column(ratio=1)
        for of, (head, style) in _HEADS.items():
            texts = [one.text for one in scene.sentences if one.of == of]
            for number, text in enumerate(texts):
                told.add_row(Text("" if number else head, style=style), Text(text))
        self._console.print(told, width=self._width)
        if scene.rows:
            self._console.print(Padding(self._beside(scene), (1, 0, 0, 14)), width=self._width)

    def _beside(self, scene: Scene) -> Table:
        """The sides beside each other: where they differ, and how many more there are; all where none differs."""
        table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
        for head in ("position", "the broker", "trueup's book", "the naive bot's"):
            table.add_column(head, no_wrap=True)
        differing = [row for row in scene.rows if not row.agrees]
        for row in differing or scene.rows:
            table.add_row(
                Text(row.position), Text(row.broker or "-"), _cell(row.book, row.broker), _cell(row.naive, row.broker)
            )
        if differing and len(differing) < len(scene.rows):
            more = f"{len(scene.rows) - len(differing)} more"
            table.add_row(*(Text(cell, style="dim") for cell in (more, "the same", "the same", "the same")))
        return table

    def failed(self, failure: Failure) -> None:
        """A scene did not come out as it has to, or could not be played."""
        if self._as_json:
            self._line({"scene": failure.scene, "title": failure.title, "ok": False, "why": failure.why})
        else:
            self._console.print(Text(failure.why, style="bold red"))

    def end(self, *, sentences: int, kept: str | None) -> None:
        """What it came to, and where the journal is."""
        if self._as_json:
            return
        self._console.print()
        self._console.print(Text(f"{self._total} scenes, {sentences} statements, each of them checked as it was made."))
        if kept is not None:
            self._console.print(Text(f"The journal is kept: {kept}", overflow="fold"), soft_wrap=True)
        else:
            self._console.print(
                Text("Nothing is kept and nothing is left running. `--directory DIR` keeps the journal.")
            )

    def _line(self, told: dict[str, object]) -> None:
        self._console.out(json.dumps(told), highlight=False)


def _cell(ours: str | None, broker: str | None) -> Text:
    return Text(ours or "-") if ours == broker else Text(f"{ours or '-'}  <- wrong", style="bold red")
