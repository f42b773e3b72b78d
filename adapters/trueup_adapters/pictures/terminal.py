"""What does a timeline look like in a terminal: two step lines for each leg, and numbers where something happened?

Drawn in characters that differ without colour: the book is a thin line, the broker a thick one, and where they lie on
each other the line is double. The same columns are stretches of the same time as in the SVG.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Final

from rich.console import Group, RenderableType
from rich.text import Text

from trueup.model import plain
from trueup.report import iso
from trueup.telling import Leg, Timeline
from trueup.telling.over_time import leg_name
from trueup_adapters.pictures.axis import Axis, span_said
from trueup_adapters.pictures.scene import SIGNS, WORDS, Scene, Stretch, axis_of, number, scene_of, title_of

ROWS: Final = 7
"""Lines of one leg's picture."""
WIDTH_MIN: Final = 30
LABEL: Final = 12
STYLES: Final = {"book": "blue", "broker": "yellow", "both": "green", "differ": "red", "unknown": "dim"}
BOOK, BROKER, BOTH, UNKNOWN = "─", "━", "═", "·"


def drawn(timeline: Timeline, width: int) -> RenderableType:
    """The timeline for a terminal of so many columns."""
    scene = scene_of(timeline)
    columns = max(WIDTH_MIN, width - LABEL - 2)
    parts: list[RenderableType] = [Text(title_of(timeline), style="bold")]
    if not scene.legs:
        parts.append(Text("nothing of this symbol on either side", style="dim"))
    else:
        axis = axis_of(scene)
        parts.append(_legend())
        for leg, stretches in scene.legs:
            parts.append(Text(leg_name(timeline.symbol, leg.key)))
            parts += _lane(axis, stretches, columns)
        parts += _foot(scene, axis, columns)
    parts += [_listed(scene)]
    return Group(*parts)


def _legend() -> Text:
    return Text.assemble(
        (BOOK * 2, STYLES["book"]), " book   ",
        (BROKER * 2, STYLES["broker"]), " broker   ",
        (BOTH * 2, STYLES["both"]), " both   ",
        (UNKNOWN * 2, STYLES["unknown"]), " broker not known",
    )  # fmt: skip


def _lane(axis: Axis, stretches: Sequence[Stretch], columns: int) -> Iterator[Text]:
    """One leg: a line of text for each level, the largest quantity on top."""
    levels = _levels(stretches)
    cells = _cells(axis, stretches, columns)
    for row, level in enumerate(levels):
        label = plain(level) if level is not None else ""
        line = Text.assemble((f"{label[:LABEL]:>{LABEL}} ", "dim"))
        for one in cells:
            line.append(*_cell(one, row, levels))
        yield line


def _levels(stretches: Sequence[Stretch]) -> list[Decimal | None]:
    """What each line of the picture stands for: every quantity that occurs, as long as there are lines for it."""
    known = {value for one in stretches for value in (one.book, one.broker) if value is not None} | {Decimal(0)}
    ordered = sorted(known, reverse=True)
    if len(ordered) <= ROWS:
        return list(ordered)
    return [ordered[index * (len(ordered) - 1) // (ROWS - 1)] for index in range(ROWS)]


def _row_of(value: Decimal, levels: Sequence[Decimal | None]) -> int:
    """The line on which a quantity is drawn: its own, else the nearest."""
    return min(range(len(levels)), key=lambda row: (abs((levels[row] or Decimal(0)) - value), row))


def _cells(axis: Axis, stretches: Sequence[Stretch], columns: int) -> list[Stretch]:
    """For each column the stretch that it shows: one that differs is never hidden by one that does not."""
    chosen: list[Stretch | None] = [None] * columns
    for one in stretches:
        begin = int(axis.share(one.begin_ns) * (columns - 1))
        end = int(axis.share(one.end_ns) * (columns - 1))
        for column in range(begin, end + 1):
            known = chosen[column]
            if known is None or known.relation != "differ":
                chosen[column] = one
    last = stretches[-1]
    return [one or last for one in chosen]


def _cell(one: Stretch, row: int, levels: Sequence[Decimal | None]) -> tuple[str, str]:
    """(character, style) of one place in the picture."""
    ours = None if one.book is None else _row_of(one.book, levels)
    theirs = None if one.broker is None else _row_of(one.broker, levels)
    if one.relation == "agree" and row == ours:
        return BOTH, STYLES["both"]
    if row == ours:
        return BOOK, STYLES["book"]
    if row == theirs:
        return BROKER, STYLES["broker"]
    if (
        one.relation == "differ"
        and ours is not None
        and theirs is not None
        and min(ours, theirs) < row < max(ours, theirs)
    ):
        return "░", STYLES["differ"]
    if one.broker is None and row == len(levels) - 1:
        return UNKNOWN, STYLES["unknown"]
    return " ", ""


def _foot(scene: Scene, axis: Axis, columns: int) -> Iterator[Text]:
    """The signs of what happened beneath the picture, then times, then what the shortened gaps really were."""
    signs: list[tuple[str, str]] = [(" ", "")] * columns
    for _, mark in scene.marks:
        signs[int(axis.share(mark.at_ns) * (columns - 1))] = (
            SIGNS[mark.kind],
            "red" if mark.kind == "failed" else "bold",
        )
    line = Text(" " * (LABEL + 1))
    for sign in signs:
        line.append(*sign)
    yield line
    times = [" "] * columns
    for at_ns in axis.ticks(max(2, columns // 14)):
        begin = min(int(axis.share(at_ns) * (columns - 1)), columns - 8)
        if not "".join(times[max(0, begin - 1) : begin + 9]).strip():
            times[begin : begin + 8] = iso(at_ns)[11:19]
    yield Text(" " * (LABEL + 1) + "".join(times), style="dim")
    if axis.cuts:
        spans = ", ".join(span_said(cut.really_ns) for cut in axis.cuts[:5])
        more = f" and {len(axis.cuts) - 5} more" if len(axis.cuts) > 5 else ""
        yield Text(f"{' ' * (LABEL + 1)}quiet gaps are drawn shorter than they were: {spans}{more}", style="dim")


def _listed(scene: Scene) -> RenderableType:
    """Every mark with its sentence; and how the two sides stand at the end."""
    timeline = scene.timeline
    parts: list[RenderableType] = []
    for _, mark in scene.marks:
        identity = f" {mark.id}" if mark.id else ""
        head = f"{SIGNS[mark.kind]} {mark.position:>6}  {iso(mark.at_ns)}  {WORDS[mark.kind]}{identity}  "
        parts.append(Text.assemble((head, "dim"), mark.text))
    if scene.marks_more:
        parts.append(Text(f"{scene.marks_more} more events are not listed: choose a shorter time", style="dim"))
    if scene.legs_more or timeline.cut_short:
        parts.append(Text(f"{scene.legs_more} more legs are not drawn", style="dim"))
    for leg, stretches in scene.legs:
        parts.append(_end(timeline, leg, stretches))
    return Group(*parts)


def _end(timeline: Timeline, leg: Leg, stretches: Sequence[Stretch]) -> Text:
    last = stretches[-1]
    style = {"agree": "green", "differ": "yellow", "unknown": "dim"}[last.relation]
    name = leg_name(timeline.symbol, leg.key)
    return Text(f"{name} at {timeline.last}: book {number(last.book)}, broker {number(last.broker)}", style=style)
