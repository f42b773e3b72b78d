"""What does a timeline look like as one SVG file that needs nothing else?

Light by default and dark where the reader's system is; every colour also differs in shape or width, because colour is
not seen by everybody. Title and description say in words what is drawn. All text is escaped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from fractions import Fraction
from html import escape
from typing import Final

from trueup.model import plain
from trueup.report import iso
from trueup.telling import Leg, Mark, Timeline
from trueup.telling.over_time import leg_name
from trueup_adapters.pictures.axis import Axis, span_said
from trueup_adapters.pictures.scene import WORDS, Scene, Stretch, axis_of, said_of, scene_of, title_of

WIDTH: Final = 1000
LEFT: Final = 96
RIGHT: Final = 24
TOP: Final = 104
LANE: Final = 150
LANE_GAP: Final = 46
MARKS: Final = 44
"""The band above the lanes in which marks stand."""
TICKS_MAX: Final = 6
VALUES_MAX: Final = 5
SIGN: Final = 17
"""The room that a numbered sign takes."""
LINE: Final = 19
LISTED_MAX: Final = 14
"""Numbered events that are told beneath the picture; the page around it has them all."""
TOLD_MAX: Final = 126
"""Characters of one of them."""

STYLE: Final = """
.paper{fill:#ffffff}.lane{fill:#f6f7f9}.ink{fill:#1a1d21}.dim{fill:#5b6470}.rule{stroke:#d5dae1;stroke-width:1}
.zero{stroke:#9aa4b1;stroke-width:1}.broker{stroke:#f2a33a;stroke-width:8;fill:none;stroke-linecap:butt}
.book{stroke:#1f5fbf;stroke-width:2.5;fill:none}.differ{fill:#d6336c;fill-opacity:.22}.cut{fill:#eceff3}
.unknown{stroke:#9aa4b1;stroke-width:1.5;stroke-dasharray:2 5;fill:none}
.opened{fill:#b25a00}.cleared{fill:#5b6470}.escalated{fill:#8f1fb5}
.correction{fill:#0f7b46}.failed{fill:#c22525}.held{fill:#8f1fb5}.markline{stroke:#9aa4b1;stroke-dasharray:3 4}
.failedline{stroke:#c22525;stroke-width:2.5}
text{font-family:system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif;font-size:13px}
.num{font-size:11.5px;font-weight:700}
.head{font-size:20px;font-weight:650}.small{font-size:11.5px}.value{font-variant-numeric:tabular-nums}
"""
DARK: Final = """
.paper{fill:#14171a}.lane{fill:#1c2126}.ink{fill:#e8ebee}.dim{fill:#9ba6b2}.rule{stroke:#333b44}.zero{stroke:#66717e}
.broker{stroke:#c07a1c}.book{stroke:#78aeff}.differ{fill:#ff6b9a;fill-opacity:.28}.cut{fill:#242a31}
.unknown{stroke:#66717e}.failedline{stroke:#ff7b7b}.opened{fill:#ffb35c}.cleared{fill:#9ba6b2}.escalated{fill:#dd8bf5}
.correction{fill:#4cc98a}.failed{fill:#ff7b7b}.held{fill:#dd8bf5}
"""


def svg(timeline: Timeline, *, dark: bool | None = None) -> str:
    """The timeline as one SVG document.

    dark  None: as the reader's system is; else always one of the two, for a page that is printed
    """
    scene = scene_of(timeline)
    return "\n".join(_document(scene, dark)) + "\n"


def height_of(scene: Scene) -> int:
    """The picture's height in its own units."""
    lines = min(len(scene.marks), LISTED_MAX) + (len(scene.marks) > LISTED_MAX)
    return _foot_of(scene) + 68 + lines * LINE


def _foot_of(scene: Scene) -> int:
    """Where the times stand, beneath the last lane."""
    return TOP + MARKS + max(1, len(scene.legs)) * (LANE + LANE_GAP) - 8


def _document(scene: Scene, dark: bool | None) -> Iterator[str]:
    timeline, height = scene.timeline, height_of(scene)
    style = STYLE + (DARK if dark else "" if dark is False else f"@media (prefers-color-scheme:dark){{{DARK}}}")
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        'role="img" aria-labelledby="title desc">'
    )
    yield f'<title id="title">{_text(title_of(timeline))}</title>'
    yield f'<desc id="desc">{_text(_described(scene))}</desc>'
    yield f"<style>{style}</style>"
    yield f'<rect class="paper" width="{WIDTH}" height="{height}"/>'
    yield from _heading(scene)
    if not scene.legs:
        yield f'<text class="dim" x="{LEFT}" y="{TOP + MARKS + 40}">nothing of this symbol on either side</text>'
    else:
        axis = axis_of(scene)
        for index, (leg, stretches) in enumerate(scene.legs):
            yield from _lane(scene, axis, leg, stretches, _top_of(index))
        yield from _marks(scene, axis)
        yield from _times(axis, _foot_of(scene))
    yield from _listed(scene, _foot_of(scene) + 44)
    yield from _footer(scene, height)
    yield "</svg>"


def _described(scene: Scene) -> str:
    legs = ". ".join(said_of(scene, leg, stretches) for leg, stretches in scene.legs)
    return f"{legs or 'nothing is held on either side'}. {len(scene.timeline.marks)} events are marked."


def _text(text: str) -> str:
    """Text from outside, harmless in markup; what no terminal or page can show is shown as its number."""
    return escape("".join(one if one.isprintable() else f"\\x{ord(one):02x}" for one in text), quote=True)


def _x(share: Fraction) -> str:
    return plain(round(Decimal(LEFT) + Decimal((WIDTH - LEFT - RIGHT) * share.numerator) / share.denominator, 2))


def _heading(scene: Scene) -> Iterator[str]:
    timeline = scene.timeline
    yield f'<text class="ink head" x="{LEFT}" y="34">{_text(title_of(timeline))}</text>'
    span = span_said(timeline.to_ns - timeline.from_ns)
    when = f"{iso(timeline.from_ns)} to {iso(timeline.to_ns)} ({span})" if timeline.to_ns else "nothing happened"
    apart = f"apart for {span_said(scene.differs_ns)} in all" if scene.differs_ns else "never apart for any time"
    yield f'<text class="dim" x="{LEFT}" y="56">{_text(when)}; {apart}</text>'
    x = LEFT
    for kind, words, room in (("broker", "broker", 84), ("book", "book", 72), ("differ", "they differ", 104)):
        if kind == "differ":
            yield f'<rect class="differ" x="{x}" y="70" width="26" height="12"/>'
        else:
            yield f'<path class="{kind}" d="M{x} 76H{x + 26}"/>'
        yield f'<text class="dim small" x="{x + 32}" y="80">{words}</text>'
        x += room
    yield f'<path class="unknown" d="M{x} 76H{x + 26}"/><text class="dim small" x="{x + 32}" y="80">not known</text>'


# -- one leg -----------------------------------------------------------------------------------------------


def _lane(scene: Scene, axis: Axis, leg: Leg, stretches: Sequence[Stretch], top: int) -> Iterator[str]:
    known = [value for one in stretches for value in (one.book, one.broker) if value is not None]
    low, high = min([*known, Decimal(0)]), max([*known, Decimal(0)])
    room = (high - low) or Decimal(1)

    def y(value: Decimal) -> str:
        return plain(round(Decimal(top + LANE - 14) - (value - low) / room * (LANE - 28), 2))

    name = leg_name(scene.timeline.symbol, leg.key)
    yield f'<rect class="lane" x="{LEFT}" y="{top}" width="{WIDTH - LEFT - RIGHT}" height="{LANE}" rx="3"/>'
    for cut in axis.cuts:
        x = _x(cut.begin)
        width = plain(Decimal(_x(cut.end)) - Decimal(x))
        yield f'<rect class="cut" x="{x}" y="{top}" width="{width}" height="{LANE}"/>'
    yield f'<text class="ink" x="{LEFT}" y="{top - 7}">{_text(name)}</text>'
    for value in _labelled(known):
        kind = "zero" if not value else "rule"
        yield f'<path class="{kind}" d="M{LEFT} {y(value)}H{WIDTH - RIGHT}"/>'
        where = f'x="{LEFT - 8}" y="{y(value)}" dy="4" text-anchor="end"'
        yield f'<text class="dim small value" {where}>{_text(plain(value))}</text>'
    for one in stretches:
        if one.relation == "differ" and one.book is not None and one.broker is not None:
            yield _between(axis, one, y(max(one.book, one.broker)), y(min(one.book, one.broker)))
    yield from _line("broker", [(one, one.broker) for one in stretches], axis, y, top)
    yield from _line("book", [(one, one.book) for one in stretches], axis, y, top)


def _labelled(known: Sequence[Decimal]) -> list[Decimal]:
    """The quantities that are written at the side: zero, the extremes, and some between that have room."""
    values = sorted({*known, Decimal(0)})
    if len(values) <= VALUES_MAX:
        room = (values[-1] - values[0]) / 9
        kept: list[Decimal] = []
        for value in sorted(values, key=lambda one: (one != 0, one not in (values[0], values[-1]), one)):
            if all(abs(value - other) >= room for other in kept):
                kept.append(value)
        return sorted(kept)
    return sorted({values[0], Decimal(0), values[-1]})


def _between(axis: Axis, one: Stretch, top: str, bottom: str) -> str:
    x = _x(axis.share(one.begin_ns))
    width = max(Decimal(_x(axis.share(one.end_ns))) - Decimal(x), Decimal(2))
    height = plain(Decimal(bottom) - Decimal(top))
    return f'<rect class="differ" x="{x}" y="{top}" width="{plain(width)}" height="{height}"/>'


def _line(
    kind: str, values: Sequence[tuple[Stretch, Decimal | None]], axis: Axis, y: Callable[[Decimal], str], top: int
) -> Iterator[str]:
    """A step line; where the quantity is not known, a dotted one along the lane's foot."""
    path = ""
    for one, value in values:
        begin, end = _x(axis.share(one.begin_ns)), _x(axis.share(one.end_ns))
        if value is None:
            yield f'<path class="unknown" d="M{begin} {top + LANE - 4}H{end}"/>'
            path += " "
        elif path and not path.endswith(" "):
            path += f"V{y(value)}H{end}"
        else:
            path += f"M{begin} {y(value)}H{end}"
    if path.strip():
        yield f'<path class="{kind}" d="{path.strip()}"/>'


# -- marks, times, footer ----------------------------------------------------------------------------------


def _marks(scene: Scene, axis: Axis) -> Iterator[str]:
    """Numbered signs above the lanes, with a line through the leg they belong to, or through all; crowded ones stand
    side by side."""
    lanes = {leg.key: _top_of(index) for index, (leg, _) in enumerate(scene.legs)}
    bottom = _top_of(len(scene.legs) - 1) + LANE
    for (number, mark), x in zip(scene.marks, _places(scene, axis), strict=True):
        at = Decimal(_x(axis.share(mark.at_ns)))
        said = _text(f"{number}. {WORDS[mark.kind]} at {mark.position}, {iso(mark.at_ns)}: {mark.text}")
        top = lanes.get(mark.key or "", TOP + 18)
        end = top + LANE if mark.key in lanes else bottom
        yield f'<g><title>{said}</title><path class="markline" d="M{plain(at)} {top}V{end}"/>'
        yield f'<text class="{mark.kind} num" x="{plain(x)}" y="{TOP + 2}" text-anchor="middle">{number}</text>'
        yield f"{_sign(mark, x, TOP + 11)}</g>"


def _places(scene: Scene, axis: Axis) -> list[Decimal]:
    """Where the signs stand: at their moment, else as near to it as the crowd and the picture's edge allow."""
    places: list[Decimal] = []
    for number, mark in scene.marks:
        room = 13 if number < 10 else SIGN
        least = places[-1] + room if places else Decimal(0)
        places.append(max(Decimal(_x(axis.share(mark.at_ns))), least))
    edge = Decimal(WIDTH - RIGHT)
    for index in range(len(places) - 1, -1, -1):
        places[index] = min(places[index], edge)
        edge = places[index] - SIGN
    return places


def _sign(mark: Mark, x: Decimal, y: int) -> str:
    """A shape for each kind, because colour is not seen by everybody."""
    if mark.kind == "correction":
        return f'<circle class="{mark.kind}" cx="{plain(x)}" cy="{y}" r="5"/>'
    if mark.kind == "failed":
        cross = f"M{plain(x - 5)} {y - 5}l10 10m0 -10l-10 10"
        return f'<path class="{mark.kind}line" d="{cross}"/>'
    if mark.kind == "held":
        return f'<rect class="{mark.kind}" x="{plain(x - 5)}" y="{y - 5}" width="10" height="10"/>'
    down = mark.kind == "cleared"
    first, second = (y - 5, y + 5) if down else (y + 5, y - 5)
    shape = f"M{plain(x - 6)} {first}H{plain(x + 6)}L{plain(x)} {second}Z"
    return f'<path class="{mark.kind}" d="{shape}"/>'


def _top_of(index: int) -> int:
    """Where the lane of a leg begins."""
    return TOP + MARKS + index * (LANE + LANE_GAP)


def _times(axis: Axis, y: int) -> Iterator[str]:
    for at_ns in axis.ticks(TICKS_MAX):
        x = _x(axis.share(at_ns))
        yield f'<path class="rule" d="M{x} {y - 22}V{y - 16}"/>'
        time = iso(at_ns)[11:23].rstrip("Z")
        anchor = "end" if Decimal(x) > WIDTH - RIGHT - 30 else "middle"  # the last one stays inside the picture
        yield f'<text class="dim small value" x="{x}" y="{y - 2}" text-anchor="{anchor}">{time}</text>'
    for cut in axis.cuts:
        x = _x((cut.begin + cut.end) / 2)
        yield f'<text class="dim small" x="{x}" y="{y + 15}" text-anchor="middle">⟷ {span_said(cut.really_ns)}</text>'


def _listed(scene: Scene, top: int) -> Iterator[str]:
    """What the numbers stand for, so that the picture can be read alone."""
    for index, (number, mark) in enumerate(scene.marks[:LISTED_MAX]):
        y = top + index * LINE
        at = iso(mark.at_ns)[11:23].rstrip("Z")
        text = f"{at}  {WORDS[mark.kind]}: {mark.text}"
        short = text if len(text) <= TOLD_MAX else text[: TOLD_MAX - 1] + "…"
        yield f'<text class="{mark.kind} small" x="{LEFT - 8}" y="{y}" text-anchor="end">{number}</text>'
        yield f'<text class="dim small" x="{LEFT}" y="{y}">{_text(short)}</text>'
    if len(scene.marks) > LISTED_MAX:
        y = top + LISTED_MAX * LINE
        yield f'<text class="dim small" x="{LEFT}" y="{y}">and {len(scene.marks) - LISTED_MAX} more</text>'


def _footer(scene: Scene, height: int) -> Iterator[str]:
    timeline = scene.timeline
    parts = [f"journal of {timeline.account}, events {timeline.first} to {timeline.last}", "times in UTC"]
    if scene.legs_more:
        parts.append(f"{scene.legs_more} more legs are not drawn")
    if scene.marks_more:
        parts.append(f"{scene.marks_more} more events are not numbered")
    if timeline.cut_short:
        parts.append("there was more than one picture keeps: choose a shorter time")
    yield f'<text class="dim small" x="{LEFT}" y="{height - 16}">{_text("; ".join(parts))}</text>'
