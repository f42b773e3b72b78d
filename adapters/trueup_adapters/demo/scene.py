"""What is a scene of the demo, and how is it made sure that it tells the truth?

Whatever a scene says is handed over together with whether it is so. What is not so ends the demo, by name: a
sentence that nobody checked cannot get into it.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from trueup_adapters.demo.lines import Positions

Who: TypeAlias = Literal["happened", "naive", "trueup"]
"""Of what a sentence speaks: the world, a bot without trueup, trueup."""


FOUND_MAX = 600
"""Characters of what was found instead that are shown."""


class NotSo(Exception):
    """A scene did not come out as it has to."""

    def __init__(self, scene: str, sentence: str, found: str) -> None:
        super().__init__(
            f"scene {scene}: it is not so that {sentence!r}" + (f"; found: {found[:FOUND_MAX]}" if found else "")
        )
        self.scene = scene
        self.sentence = sentence


class Sentence(msgspec.Struct, frozen=True):
    """One thing that a scene says, and that was so."""

    of: Who
    text: str


class Row(msgspec.Struct, frozen=True):
    """One position, as each side has it; None where it has not."""

    position: str
    broker: str | None
    book: str | None
    naive: str | None

    @property
    def agrees(self) -> bool:
        """Whether all sides have it, and have it alike."""
        return self.broker is not None and self.broker == self.book == self.naive


class Scene:
    """One scene: sentences, each checked, and the sides beside each other."""

    def __init__(self, name: str, title: str) -> None:
        self.name = name
        self.title = title
        self.sentences: list[Sentence] = []
        self.rows: tuple[Row, ...] = ()
        self.naive_name: str | None = None

    def happened(self, text: str, so: bool, found: object = "") -> None:
        """What took place."""
        self._say("happened", text, so, found)

    def naive(self, text: str, so: bool, found: object = "") -> None:
        """What became of a bot without trueup."""
        self._say("naive", text, so, found)

    def trueup(self, text: str, so: bool, found: object = "") -> None:
        """What trueup saw, decided, or refused."""
        self._say("trueup", text, so, found)

    def _say(self, of: Who, text: str, so: bool, found: object) -> None:
        if not so:
            raise NotSo(self.name, text, str(found))
        self.sentences.append(Sentence(of, text))

    def beside(self, broker: Positions, book: Positions, naive: Positions, *, naive_name: str) -> None:
        """Show the sides beside each other, position by position."""
        self.naive_name = naive_name
        names = sorted({*broker, *book, *naive}, key=lambda name: name.rpartition("#")[2])
        self.rows = tuple(Row(name, broker.get(name), book.get(name), naive.get(name)) for name in names)

    def as_json(self) -> dict[str, object]:
        """The scene for a program."""
        told: dict[str, object] = {"scene": self.name, "title": self.title, "ok": True}
        for of in ("happened", "naive", "trueup"):
            told[of] = [one.text for one in self.sentences if one.of == of]
        return {**told, "naive_bot": self.naive_name, "positions": msgspec.to_builtins(self.rows)}
