"""Do the pictures show what the timeline says, to everybody, and nothing that somebody smuggled into a symbol?"""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from lessons.world import World, held, row
from telling.stories import past_of
from trueup.telling import Leg, Mark, Point, Timeline, timeline
from trueup_adapters.pictures import drawn, page, svg
from trueup_adapters.pictures.axis import GAP_FACTOR, Axis, span_said
from trueup_adapters.pictures.scene import LEGS_DRAWN_MAX, MARKS_DRAWN_MAX, axis_of, scene_of
from trueup_adapters.pictures.svg import LEFT, LISTED_MAX, RIGHT, WIDTH

Worlds = Callable[..., World]
SVG = "{http://www.w3.org/2000/svg}"
SECOND = 1_000_000_000
START = 1_767_225_600 * SECOND


def point(second: int, quantity: str | None) -> Point:
    return Point(second, START + second * SECOND, None if quantity is None else Decimal(quantity))


def leg(key: str, book: list[tuple[int, str]], broker: list[tuple[int, str | None]]) -> Leg:
    return Leg(key, tuple(point(*one) for one in book), tuple(point(*one) for one in broker))


def made(
    *legs: Leg, marks: tuple[Mark, ...] = (), until: int = 100, symbol: str = "EURUSD", cut: bool = False
) -> Timeline:
    return Timeline("mt5:5001", symbol, 1, until, START, START + until * SECOND, legs, marks, cut)


def mark(second: int, kind: str = "opened", key: str | None = "EURUSD", text: str = "why") -> Mark:
    return Mark(second, START + second * SECOND, kind, key, "b1", text)  # type: ignore[arg-type]


def terminal(found: Timeline, width: int = 100) -> str:
    console = Console(width=width, file=io.StringIO(), highlight=False, record=True)
    console.print(drawn(found, width), soft_wrap=True)
    return console.export_text()


APART = made(
    leg("EURUSD", [(0, "1"), (60, "3")], [(0, None), (10, "1"), (50, "3")]),
    marks=(mark(50), mark(60, "correction"), mark(70, "failed", None), mark(80, "held", None), mark(81, "cleared")),
)


# -- the axis ----------------------------------------------------------------------------------------------


@given(st.lists(st.integers(0, 10**15), min_size=1, max_size=40), st.lists(st.integers(-10, 10**15), max_size=10))
def test_time_never_runs_back(moments: list[int], asked: list[int]) -> None:
    axis = Axis(moments)
    shares = [axis.share(one) for one in sorted({*moments, *asked})]
    assert shares == sorted(shares)
    assert all(0 <= one <= 1 for one in shares)
    assert axis.share(min(moments)) == 0
    if len(set(moments)) > 1:
        assert axis.share(max(moments)) == 1


def test_inside_a_busy_stretch_time_is_to_scale_and_quiet_gaps_are_cut() -> None:
    axis = Axis([0, 10, 20, 30, 1_000_000])
    step = axis.share(10)
    assert axis.share(20) == 2 * step
    assert axis.share(15) == Fraction(3, 2) * step
    (cut,) = axis.cuts
    assert (cut.begin, cut.end, cut.really_ns) == (3 * step, Fraction(1), 999_970)
    assert cut.end - cut.begin == GAP_FACTOR * step
    assert Axis([0, 10, 20]).cuts == []
    assert Axis([5]).share(5) == 0


@given(st.lists(st.integers(0, 10**12), min_size=1, max_size=60), st.integers(1, 9))
def test_ticks_have_room(moments: list[int], count: int) -> None:
    axis = Axis(moments)
    ticks = axis.ticks(count)
    assert 1 <= len(ticks) <= count
    places = [axis.share(one) for one in ticks]
    assert all(later - earlier >= Fraction(1, count) for earlier, later in pairwise(places))


@pytest.mark.parametrize(
    ("ns", "said"),
    [(5_000_000, "5 ms"), (SECOND, "1 s"), (119 * SECOND, "1 min"), (7_200 * SECOND, "2 h"), (172_800 * SECOND, "2 d")],
)
def test_spans_are_said_in_the_largest_unit_that_they_fill(ns: int, said: str) -> None:
    assert span_said(ns) == said


# -- the scene ---------------------------------------------------------------------------------------------


def test_where_the_two_sides_differ() -> None:
    scene = scene_of(APART)
    ((_, stretches),) = scene.legs
    assert [(one.relation, (one.end_ns - one.begin_ns) // SECOND) for one in stretches] == [
        ("unknown", 10), ("agree", 40), ("differ", 10), ("agree", 40),
    ]  # fmt: skip
    assert scene.differs_ns == 10 * SECOND


# -- SVG ---------------------------------------------------------------------------------------------------


def steps_of(path: str) -> list[tuple[Decimal, Decimal]]:
    """The corners of a path made of M, H and V."""
    corners: list[tuple[Decimal, Decimal]] = []
    for name, numbers in re.findall(r"([MHV])([\d. ]+)", path):
        values = [Decimal(one) for one in numbers.split()]
        if name == "M":
            corners.append((values[0], values[1]))
        else:
            x, y = corners[-1]
            corners.append((values[0], y) if name == "H" else (x, values[0]))
    return corners


def test_the_svg_is_well_formed_and_its_lines_are_the_two_sides() -> None:
    root = ET.fromstring(svg(APART))
    axis = axis_of(scene_of(APART))

    def x(second: int) -> Decimal:
        share = axis.share(START + second * SECOND)
        return round(Decimal(LEFT) + Decimal((WIDTH - LEFT - RIGHT) * share.numerator) / share.denominator, 2)

    paths = {one.get("class"): one.get("d") or "" for one in root.iter(f"{SVG}path")}
    for kind, first, turn, end in (("book", 0, 60, 100), ("broker", 10, 50, 100)):
        steps = steps_of(paths[kind])
        levels = [y for _, y in steps]
        assert (steps[0][0], steps[-1][0]) == (x(first), x(end))
        assert len(set(levels)) == 2
        assert levels[0] > levels[-1], "3 stands above 1"
        assert next(at for at, y in steps if y == levels[-1]) == x(turn)
    differ = [one for one in root.iter(f"{SVG}rect") if one.get("class") == "differ"]
    assert len(differ) == 2, "one in the legend, one in the picture"
    assert Decimal(differ[1].get("x") or 0) == x(50)


def test_whoever_cannot_see_it_is_told_in_words() -> None:
    root = ET.fromstring(svg(APART))
    assert root.get("role") == "img"
    assert root.get("aria-labelledby") == "title desc"
    assert root.findtext(f"{SVG}title") == "EURUSD on mt5:5001: book against broker"
    assert root.findtext(f"{SVG}desc") == (
        "EURUSD: the two sides differ once; at the end the book has 3 and the broker 3. 5 events are marked."
    )
    said = [one.findtext(f"{SVG}title") or "" for one in root.iter(f"{SVG}g")]
    assert said[0] == "1. break opened at 50, 2026-01-01T00:00:50Z: why"


HOSTILE = "<script>alert('x')</script>&\"]]>"


@pytest.mark.parametrize("make", [svg, page])
def test_what_comes_from_outside_stays_text(make: Callable[[Timeline], str]) -> None:
    found = made(leg("#" + HOSTILE, [(0, "1")], [(0, "2")]), marks=(mark(5, text=HOSTILE),), symbol=HOSTILE)
    text = make(found)
    assert "<script" not in text
    assert "&lt;script&gt;" in text
    control = made(leg("#7", [(0, "1")], [(0, "2")]), marks=(mark(5, text="a\x1b[31m\x00b"),))
    assert "a\\x1b[31m\\x00b" in make(control)
    assert not re.search(r"[\x00-\x08\x0b-\x1f]", make(control))


@pytest.mark.parametrize("make", [svg, page])
def test_nothing_is_loaded_from_elsewhere(make: Callable[[Timeline], str]) -> None:
    text = make(APART)
    assert not re.search(r"\b(?:href|src)=|url\(|@import|<(?:script|link|image|img|iframe|object|use)", text)
    assert re.findall(r"https?://[^\"'<\s]*", text) == ["http://www.w3.org/2000/svg"]


def test_dark_and_light() -> None:
    assert "prefers-color-scheme:dark" in svg(APART)
    assert "#14171a" in svg(APART, dark=True)
    assert "prefers-color-scheme" not in svg(APART, dark=True)
    assert "#14171a" not in svg(APART, dark=False)


def test_signs_differ_in_shape_and_stay_inside_the_picture() -> None:
    crowd = made(*APART.legs, marks=tuple(mark(99, "escalated", "EURUSD") for _ in range(80)))
    root = ET.fromstring(svg(crowd))
    numbers = [one for one in root.iter(f"{SVG}text") if "num" in (one.get("class") or "")]
    places = [Decimal(one.get("x") or 0) for one in numbers]
    assert len(places) == MARKS_DRAWN_MAX
    assert places == sorted(places)
    assert all(later - earlier >= 13 for earlier, later in pairwise(places))
    assert places[0] > 0
    assert places[-1] <= WIDTH - RIGHT
    text = svg(crowd)
    assert "35 more events are not numbered" in text
    assert f"and {MARKS_DRAWN_MAX - LISTED_MAX} more" in text


def test_every_kind_of_mark_has_a_shape_of_its_own() -> None:
    shapes = set[tuple[str, str]]()
    for kind in ("opened", "correction", "failed", "held", "cleared"):
        root = ET.fromstring(svg(made(*APART.legs, marks=(mark(5, kind),))))
        drawn_as = [one for one in root.iter() if one.get("class") in (kind, f"{kind}line")]
        (sign,) = [one for one in drawn_as if not one.tag.endswith("text")]
        shapes.add((sign.tag, re.sub(r"[\d.]+", "n", sign.get("d") or "") + ("down" if kind == "cleared" else "")))
        if kind in ("opened", "cleared"):
            ys = [Decimal(one) for one in re.findall(r" ([\d.]+)", sign.get("d") or "")]
            assert (ys[0] > ys[1]) == (kind == "opened"), "up and down are told apart by where they point"
    assert len(shapes) == 5


def test_long_sentences_are_shortened_in_the_picture_and_whole_on_the_page() -> None:
    long = made(*APART.legs, marks=(mark(5, text="word " * 60 + "end"),))
    assert "…" in svg(long)
    assert page(long).count("word " * 60 + "end") == 2, "in the tooltip and in the table"


def test_no_time_hangs_over_the_edge() -> None:
    busy = leg("EURUSD", [(n, str(n)) for n in range(0, 100, 10)], [(0, "0")])
    texts = [
        one for one in ET.fromstring(svg(made(busy, until=90))).iter(f"{SVG}text") if re.match(r"\d\d:", one.text or "")
    ]
    assert len(texts) > 2
    for one in texts:
        reaches = Decimal(one.get("x") or 0) + (0 if one.get("text-anchor") == "end" else 30)
        assert reaches <= WIDTH


def test_many_legs_are_counted_and_those_that_move_come_first() -> None:
    still = [leg(f"#{n:03}", [(0, "1")], [(0, "1")]) for n in range(20)]
    moving = leg("#999", [(0, "1"), (5, "2")], [(0, "1")])
    text = svg(made(*still, moving))
    assert "#999" in text
    assert f"{21 - LEGS_DRAWN_MAX} more legs are not drawn" in text
    assert "choose a shorter time" in svg(made(moving, cut=True))


def test_many_quantities_are_not_all_written_at_the_side() -> None:
    many = leg("EURUSD", [(n, str(n)) for n in range(30)], [(0, "0")])
    labels = [
        one.text
        for one in ET.fromstring(svg(made(many))).iter(f"{SVG}text")
        if one.get("x") == str(LEFT - 8) and one.get("text-anchor") == "end"
    ]
    assert labels == ["0", "29"]
    near = leg("EURUSD", [(0, "1"), (5, "1.01")], [(0, "1")])
    labels = [
        one.text
        for one in ET.fromstring(svg(made(near))).iter(f"{SVG}text")
        if one.get("x") == str(LEFT - 8) and one.get("text-anchor") == "end"
    ]
    assert labels == ["0", "1.01"]


def test_nothing_to_draw_is_said() -> None:
    empty = Timeline("mt5:5001", "EURUSD", 1, 1, 0, 0, (), ())
    assert "nothing of this symbol on either side" in svg(empty)
    ET.fromstring(svg(empty))
    assert "No break, no correction" in page(empty)
    assert "nothing of this symbol on either side" in terminal(empty)


def test_the_page_has_every_event_in_a_table() -> None:
    text = page(APART)
    assert text.startswith("<!doctype html>")
    assert text.count("<tr>") == 6
    assert '<html lang="en">' in text
    assert "Content-Security-Policy" in text
    crowd = page(made(*APART.legs, marks=tuple(mark(9) for _ in range(80))))
    assert "35 more events are not listed" in crowd


# -- the terminal ------------------------------------------------------------------------------------------


def test_the_terminal_shows_both_sides_where_they_are() -> None:
    text = terminal(APART)
    three, one, zero = (next(line for line in text.splitlines() if re.match(rf"\s+{n} ", line)) for n in (3, 1, 0))
    assert re.search(r"━+═+", three), "the broker is there first, the book follows"
    assert re.search(r"═+─+\s*$", one.rstrip()), "the book stays behind alone"
    assert "·" in zero
    assert three.index("━") == one.index("─", one.index("═")), "in the same column"
    assert "△" in text
    assert "●" in text
    assert "EURUSD at 100: book 3, broker 3" in text
    assert "quiet gaps" in text or "00:00" in text


def test_a_short_difference_is_never_hidden() -> None:
    """A second apart in a day that agrees still takes a column."""
    blink = made(
        leg("EURUSD", [(0, "1"), (43_201, "2")], [(0, "1"), (43_200, "2")]),
        marks=(mark(43_200),),
        until=86_400,
    )
    text = terminal(blink, 60)
    assert "━" in text.split("broker not known")[1]


@given(st.integers(1, 300))
def test_any_width_will_do(width: int) -> None:
    assert "book" in terminal(APART, width)


def test_more_levels_than_lines_go_to_the_nearest() -> None:
    many = leg("EURUSD", [(n, str(n)) for n in range(30)], [(0, "0")])
    crowd = made(many, *(leg(f"#{n:03}", [(0, "1")], [(0, None)]) for n in range(20)), cut=True,
                 marks=tuple(mark(9) for _ in range(80)))  # fmt: skip
    text = terminal(crowd)
    rows = [line for line in text.splitlines() if re.match(r"\s+\d+ ", line)][:7]
    assert [line.split()[0] for line in rows] == ["29", "25", "20", "15", "10", "5", "0"]
    assert "35 more events are not listed" in text
    assert "9 more legs are not drawn" in text


def test_a_story_is_drawn_as_it_was(world: Worlds) -> None:
    w = world(held("EURUSD", "2"))
    w.sees(row("EURUSD", "2"))
    w.sees(row("EURUSD", "3"), times=2)
    past = past_of(w)
    found = timeline(past.state(0), past.events(), "EURUSD")
    assert "the two sides differ once" in svg(found)
    assert "drift of quantity opened" in terminal(found)
