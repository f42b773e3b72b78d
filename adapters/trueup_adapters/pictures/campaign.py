"""What does a simulation campaign look like as one SVG file: how soon the two sides agreed again, and what was tried?

Light by default and dark where the reader's system is. Every figure that a bar stands for is written beside it; a fault
that never had an effect is told by word and sign as well as by colour. Nothing in it comes from elsewhere.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from html import escape
from typing import Final

from trueup.simulation.results import Counted, Kept
from trueup_adapters.pictures.axis import span_said

WIDTH: Final = 1000
LEFT: Final = 40
LABEL: Final = 266
"""Where the histograms begin."""
RIGHT: Final = 24
ROW: Final = 58
BAR_ROW: Final = 19
COLUMN: Final = (WIDTH - LEFT - RIGHT) // 2
NAME: Final = 205
"""Room for a counted thing's name."""
NAME_MAX: Final = 34
BAR: Final = 150
"""The longest bar of a count."""
BINS: Final = 6
"""Of a histogram, for each power of ten."""
LOW: Final = 1
HIGH: Final = 7
"""Powers of ten of milliseconds that the axis of time shows at most: 10 ms to 10,000 s."""
FONT: Final = 'system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif'
STYLE: Final = f"""
.paper{{fill:#ffffff}}.lane{{fill:#f6f7f9}}.ink{{fill:#1a1d21}}.dim{{fill:#5b6470}}.rule{{stroke:#d5dae1;stroke-width:1}}
.bar{{fill:#1f5fbf}}.own{{fill:#9aa4b1}}.done{{fill:#0f7b46}}.never{{fill:#c22525}}.middle{{stroke:#d97706;stroke-width:2.5}}
text{{font-family:{FONT};font-size:13px}}.head{{font-size:22px;font-weight:650}}.part{{font-size:16px;font-weight:650}}
.small{{font-size:11.5px}}.value{{font-variant-numeric:tabular-nums}}
"""
DARK: Final = """
.paper{fill:#14171a}.lane{fill:#1c2126}.ink{fill:#e8ebee}.dim{fill:#9ba6b2}.rule{stroke:#333b44}.bar{fill:#78aeff}
.own{fill:#66717e}.done{fill:#4cc98a}.never{fill:#ff7b7b}.middle{stroke:#ffb35c}
"""
ENDED: Final = {
    "message": "our process was told",
    "missed-fill": "a missed fill was adopted",
    "recovery": "a recovery",
    "drift": "a drift was corrected",
    "ghost": "a ghost was closed",
    "broker": "the broker came back",
}
"""What brought the two sides together, in the order in which it is drawn; the baseline is of the first start."""
OWN: Final = ("message", "broker")
"""Ways in which trueup had no part."""


def campaign_svg(kept: Kept, *, dark: bool | None = None) -> str:
    """A campaign's results as one SVG document.

    dark  None: as the reader's system is; else always one of the two
    """
    return "\n".join(_document(kept, dark)) + "\n"


def said(kept: Kept) -> str:
    """The campaign in one sentence."""
    hours = kept.virtual_ms // 3_600_000
    broken = "no law was broken" if not kept.violations else f"laws were broken {kept.violations:,} times"
    untried = sum(not one.count for one in kept.faults)
    tried = f"all {len(kept.faults)} kinds of fault" if not untried else f"{len(kept.faults) - untried} kinds of fault"
    never = f", {untried} never" if untried else ""
    return f"{kept.runs:,} histories, {kept.steps:,} steps, {hours:,} virtual hours, {tried}{never}; {broken}"


def _document(kept: Kept, dark: bool | None) -> Iterator[str]:
    style = STYLE + (DARK if dark else "" if dark is False else f"@media (prefers-color-scheme:dark){{{DARK}}}")
    heals_top, rows = 116, len(ENDED) + 1
    faults_top = heals_top + 34 + rows * ROW + 78
    done_top = faults_top + 34 + _lines(kept.faults) * BAR_ROW + 46
    height = done_top + 34 + _lines(kept.coverage) * BAR_ROW + 44
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        'role="img" aria-labelledby="title desc">'
    )
    yield '<title id="title">A simulation campaign of trueup</title>'
    yield f'<desc id="desc">{escape(said(kept))}. {escape(after_said(kept))}.</desc>'
    yield f"<style>{style}</style>"
    yield f'<rect class="paper" width="{WIDTH}" height="{height}"/>'
    yield f'<text class="ink head" x="{LEFT}" y="44">{kept.runs:,} simulated histories</text>'
    yield f'<text class="dim" x="{LEFT}" y="68">{escape(said(kept))}; trueup {escape(kept.version)}</text>'
    yield from _heals(kept, heals_top)
    yield _part("What went wrong, how often, and in how many histories", faults_top)
    yield from _counts(kept.faults, faults_top + 34, "bar")
    yield _part("What trueup was brought to do", done_top)
    yield from _counts(kept.coverage, done_top + 34, "done")
    words = "bars of counts are on a logarithmic scale; each count says in how many histories it was seen"
    yield f'<text class="dim small" x="{LEFT}" y="{height - 16}">{words}</text>'
    yield "</svg>"


def _part(words: str, y: int) -> str:
    return f'<text class="ink part" x="{LEFT}" y="{y}">{words}</text>'


# -- time to heal ----------------------------------------------------------------------------------------------


def after_said(kept: Kept) -> str:
    """What became of the histories once faults had stopped, in one sentence."""
    if not kept.after:
        return "after faults stopped, none came to agree"
    at_once = sum(not ms for ms, _ in kept.after)
    share = max(100 * ms // max(1, allowed) for ms, allowed in kept.after)
    left = f"; {kept.apart:,} were left to people" if kept.apart else ""
    slowest = f"the slowest took {share} % of the time that law 2 allows"
    return f"when faults stopped, {at_once:,} of {len(kept.after):,} agreed already; {slowest}{left}"


def _heals(kept: Kept, top: int) -> Iterator[str]:
    """A histogram of how long the two sides were apart, for each way in which they came together."""
    rows = [(words, kept.heals.get(by, ()), by in OWN) for by, words in ENDED.items()]
    rows.append(("after faults stopped", tuple(ms for ms, _ in kept.after if ms), False))
    longest = max((ms for _, times, _ in rows for ms in times), default=10)
    high = min(HIGH, max(LOW + 1, math.ceil(math.log10(max(longest, 10)))))
    yield _part("For how long the two sides held different sizes, by what brought them together", top)
    foot = top + 34 + len(rows) * ROW
    for power in range(LOW, high + 1):
        x = _x(10**power, high)
        yield f'<path class="rule" d="M{x:.1f} {top + 22}V{foot - 6}"/>'
        anchor = "end" if power == high else "start" if power == LOW else "middle"
        said_of = f"{10 ** (power - 3):,} s" if power >= 3 else f"{10**power} ms"
        yield f'<text class="dim small" x="{x:.1f}" y="{foot + 10}" text-anchor="{anchor}">{said_of}</text>'
    for place, (words, times, own) in enumerate(rows):
        yield from _histogram(words, times, own, top + 34 + place * ROW, high)
    yield f'<text class="dim small" x="{LEFT}" y="{foot + 36}">{escape(after_said(kept))}.</text>'


def _x(ms: float, high: int) -> float:
    """Where on the axis of time a duration lies."""
    share = (math.log10(max(ms, 10**LOW)) - LOW) / (high - LOW)
    return LABEL + min(share, 1.0) * (WIDTH - RIGHT - LABEL)


def _histogram(words: str, times: Sequence[int], own: bool, top: int, high: int) -> Iterator[str]:
    count = (high - LOW) * BINS
    width = (WIDTH - RIGHT - LABEL) / count
    yield f'<text class="ink" x="{LEFT}" y="{top + 20}">{words}</text>'
    yield f'<text class="dim small value" x="{LEFT}" y="{top + 37}">{_summary(times)}</text>'
    if not times:
        return
    bins = [0] * count
    for ms in times:
        bins[min(count - 1, int((_x(ms, high) - LABEL) / width))] += 1
    tallest, foot = max(bins), top + ROW - 14
    for place, number in enumerate(bins):
        if number:
            size = max(1.0, number / tallest * (ROW - 18))
            x = LABEL + place * width
            shape = f'x="{x:.1f}" y="{foot - size:.1f}" width="{width - 1.5:.1f}" height="{size:.1f}" rx="1"'
            yield f'<rect class="{"own" if own else "bar"}" {shape}><title>{number:,}</title></rect>'
    x = _x(times[len(times) // 2], high)
    yield f'<path class="middle" d="M{x:.1f} {top + 2}V{foot + 3}"><title>the median</title></path>'
    yield f'<path class="rule" d="M{LABEL} {foot + 0.5}H{WIDTH - RIGHT}"/>'


def _summary(times: Sequence[int]) -> str:
    if not times:
        return "never"
    half, most = times[len(times) // 2], times[min(len(times) - 1, len(times) * 95 // 100)]
    return f"{len(times):,}: half in {_span(half)}, 95 % in {_span(most)}"


def _span(ms: int) -> str:
    """`350 ms`, `2.8 s`, `41 s`, `3 min`."""
    return f"{ms / 1_000:.1f} s" if 1_000 <= ms < 10_000 else span_said(ms * 1_000_000)


# -- what was counted ------------------------------------------------------------------------------------------


def _short(name: str) -> str:
    return name if len(name) <= NAME_MAX else name[: NAME_MAX - 1] + "…"


def _lines(counted: Sequence[Counted]) -> int:
    return (len(counted) + 1) // 2


def _counts(counted: Sequence[Counted], top: int, kind: str) -> Iterator[str]:
    """Bars in two columns, the most frequent first; what was never seen stands last and says so."""
    ordered = sorted(counted, key=lambda one: (-one.count, one.name))
    most = math.log10(max((one.count for one in ordered), default=1) + 1)
    lines = _lines(ordered)
    for place, one in enumerate(ordered):
        x, y = LEFT + place // lines * COLUMN, top + place % lines * BAR_ROW
        name = escape(_short(one.name.replace("_", " ")))
        if not one.count:
            yield f'<text class="never small" x="{x}" y="{y}">✕ {name}</text>'
            yield f'<text class="never small" x="{x + NAME}" y="{y}">never: nothing was learnt of it</text>'
            continue
        size = max(2.0, math.log10(one.count + 1) / most * BAR)
        yield f'<text class="ink small" x="{x}" y="{y}">{name}</text>'
        yield f'<rect class="{kind}" x="{x + NAME}" y="{y - 9}" width="{size:.1f}" height="10" rx="2"/>'
        words = f"{one.count:,} in {one.runs:,}"
        yield f'<text class="dim small value" x="{x + NAME + size + 7:.1f}" y="{y}">{words}</text>'
