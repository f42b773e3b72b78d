"""What do all drawings of a timeline show: which stretches agree, which differ, and what is numbered where?"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Final, Literal, TypeAlias

import msgspec

from trueup.model import plain
from trueup.telling import Leg, Mark, Point, Timeline
from trueup.telling.over_time import leg_name
from trueup_adapters.pictures.axis import Axis

Relation: TypeAlias = Literal["agree", "differ", "unknown"]
LEGS_DRAWN_MAX: Final = 12
"""Legs that one picture draws; it says how many more there are."""
MARKS_DRAWN_MAX: Final = 45
"""Marks that are numbered; those beyond are counted (L60)."""

SIGNS: Final = {"opened": "△", "cleared": "▽", "escalated": "!", "correction": "●", "failed": "×", "held": "■"}
WORDS: Final = {
    "opened": "break opened",
    "cleared": "break cleared",
    "escalated": "left to a human",
    "correction": "corrected",
    "failed": "no answer",
    "held": "mass absence held",
}


class Stretch(msgspec.Struct, frozen=True):
    """A stretch of time in which neither side of a leg changes."""

    begin_ns: int
    end_ns: int
    book: Decimal | None
    broker: Decimal | None

    @property
    def relation(self) -> Relation:
        """Whether the two sides agree then; quantities only."""
        if self.book is None or self.broker is None:
            return "unknown"
        return "agree" if self.book == self.broker else "differ"


class Scene(msgspec.Struct, frozen=True):
    """A timeline, ready to be drawn."""

    timeline: Timeline
    legs: tuple[tuple[Leg, tuple[Stretch, ...]], ...]
    """Those that are drawn, with their stretches."""
    legs_more: int
    marks: tuple[tuple[int, Mark], ...]
    """(number, mark), numbered from 1 in the order of the journal."""
    marks_more: int
    moments_ns: tuple[int, ...]
    differs_ns: int
    """For how long any drawn leg differed, summed over legs."""


def scene_of(timeline: Timeline) -> Scene:
    """What there is to draw; legs in which something happens come first."""
    ranked = sorted(timeline.legs, key=lambda leg: (len(leg.book) + len(leg.broker) <= 2, leg.key))
    legs = tuple((leg, tuple(_stretches(leg, timeline.to_ns))) for leg in ranked[:LEGS_DRAWN_MAX])
    marks = tuple(enumerate(timeline.marks[:MARKS_DRAWN_MAX], start=1))
    moments = {timeline.from_ns, timeline.to_ns, *(mark.at_ns for _, mark in marks)}
    moments |= {point.at_ns for leg, _ in legs for point in (*leg.book, *leg.broker)}
    return Scene(
        timeline=timeline,
        legs=legs,
        legs_more=len(timeline.legs) - len(legs),
        marks=marks,
        marks_more=len(timeline.marks) - len(marks),
        moments_ns=tuple(sorted(moments)),
        differs_ns=sum(
            one.end_ns - one.begin_ns for _, stretches in legs for one in stretches if one.relation == "differ"
        ),
    )


def axis_of(scene: Scene) -> Axis:
    """The axis on which everything in the scene has its place."""
    return Axis(scene.moments_ns)


def _stretches(leg: Leg, end_ns: int) -> Iterator[Stretch]:
    """The stretches of one leg, in order, without gaps; those of no length are left out."""
    begins = sorted({point.at_ns for point in (*leg.book, *leg.broker)})
    for begin, end in zip(begins, [*begins[1:], end_ns], strict=True):
        if end > begin or begin == end_ns:
            yield Stretch(begin, end, _as_of(leg.book, begin), _as_of(leg.broker, begin))


def _as_of(points: tuple[Point, ...], at_ns: int) -> Decimal | None:
    """The quantity after everything that happened up to a moment."""
    value: Decimal | None = None
    for point in points:
        if point.at_ns <= at_ns:
            value = point.signed_quantity
    return value


def title_of(timeline: Timeline) -> str:
    """The picture's headline."""
    return f"{timeline.symbol} on {timeline.account}: book against broker"


def said_of(scene: Scene, leg: Leg, stretches: tuple[Stretch, ...]) -> str:
    """One leg in a sentence, for whoever cannot see the picture."""
    name = leg_name(scene.timeline.symbol, leg.key)
    differing = sum(one.relation == "differ" for one in stretches)
    last = stretches[-1] if stretches else None
    times = "never" if not differing else "once" if differing == 1 else f"{differing} times"
    end = "" if last is None else f"; at the end the book has {number(last.book)} and the broker {number(last.broker)}"
    return f"{name}: the two sides differ {times}{end}"


def number(quantity: Decimal | None) -> str:
    """A quantity for a person; `unknown` where it is not known."""
    return "unknown" if quantity is None else plain(quantity)
