"""What does `trueup run` show to somebody who watches it in a terminal?

The book beside the broker, the open breaks with their age, the last passes, the gate, how fast the broker answers and
how large the journal is: redrawn in place. In a pipe and in logs there is no such picture, but a line for each pass.
Pure: what is drawn is a function of the status, the two sides, the passes and the time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from datetime import datetime

from rich import box
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from trueup.compare import said
from trueup.model import BrokerPosition, Holding, Key, plain
from trueup.report import PassReport
from trueup.shell import Status
from trueup_adapters.cli.output import STYLES

ROWS_MAX = 20
"""Positions that are drawn; the differing ones first, and a line says how many more there are."""
BREAKS_MAX = 10
LIMITED_MAX = 5
PASSES_MAX = 6
"""Passes that are remembered for the picture."""
_NS = 1_000_000_000


class Picture:
    """Remembers the last passes and draws everything anew whenever it is asked."""

    def __init__(self) -> None:
        self._passes: deque[PassReport] = deque(maxlen=PASSES_MAX)

    def note(self, report: PassReport) -> None:
        """One more pass is done."""
        self._passes.append(report)

    def draw(
        self,
        status: Status,
        book: Sequence[Holding],
        broker: Sequence[BrokerPosition],
        now_ns: int,
    ) -> RenderableType:
        """The whole picture for one moment; `now_ns` is wall time, UTC."""
        parts: list[RenderableType] = [_header(status, now_ns), _sides(status, book, broker)]
        if status.breaks:
            parts.append(_breaks(status, now_ns))
        parts.append(_passes(self._passes))
        return Group(*parts)


def age(seconds: int) -> str:
    """`8 s`, `12 min`, `3 h`, `2 d`: how long something has been."""
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{max(0, seconds)} s"


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 1_000_000 else f"{count // 1000} kB"


def _since(moment: str, now_ns: int) -> str:
    at = datetime.fromisoformat(moment.replace("Z", "+00:00"))
    return age(int(now_ns // _NS - at.timestamp()))


def _header(status: Status, now_ns: int) -> RenderableType:
    verified = "never" if status.verified_at is None else f"{_since(status.verified_at, now_ns)} ago"
    latency = "-" if status.latency_ms is None else f"{status.latency_ms} ms"
    text = Text.assemble(
        ("gate ", "dim"),
        (status.gate.replace("_", "-"), f"bold {STYLES[status.gate]}"),
        (f"  {status.gate_why}\n", "dim"),
        ("verified ", "dim"),
        verified,
        ("   broker answers in ", "dim"),
        latency,
        ("   journal ", "dim"),
        f"{status.position:,} events, {_size(status.size_bytes)}",
        ("   policy ", "dim"),
        status.policy,
        ("   epoch ", "dim"),
        str(status.epoch),
    )
    for symbol, why in list(status.limited.items())[:LIMITED_MAX]:
        text.append(f"\nreduce-only {symbol}: {why}", style="yellow")
    if len(status.limited) > LIMITED_MAX:
        text.append(f"\nreduce-only: {len(status.limited) - LIMITED_MAX:,} more symbols", style="yellow")
    for one in status.overrides:
        text.append(f"\noverride {one.scope} until {one.until}, by {one.who}: {one.why}", style="bold red")
    for scope, why in status.quarantine.items():
        text.append(f"\nquarantine {scope}: {why}", style="yellow")
    if status.held:
        text.append(f"\n{status.held} positions are missing at once and held: trueup ack mass-absence", style="red")
    if status.failure is not None:
        text.append(f"\n{status.failure}", style="bold red")
    return Panel(text, title=Text(status.account), title_align="left", box=box.ROUNDED, border_style="dim")


def _sides(status: Status, book: Sequence[Holding], broker: Sequence[BrokerPosition]) -> RenderableType:
    """The book beside the broker, what differs first."""
    pairs = _paired(status, book, broker)
    ordered = sorted(pairs, key=lambda pair: (_agrees(*pair), _name(*pair)))
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    table.add_column("symbol")
    table.add_column("ticket", justify="right")
    table.add_column("book", justify="right")
    table.add_column("broker", justify="right")
    table.add_column("price", justify="right")
    table.add_column("owner")
    for ours, theirs in ordered[:ROWS_MAX]:
        style = "" if _agrees(ours, theirs) else "yellow"
        symbol, ticket = _name(ours, theirs)
        price = next((one.price for one in (theirs, ours) if one is not None and one.price is not None), None)
        table.add_row(
            Text(symbol, style=style),
            Text(ticket, style="dim"),
            Text("-" if ours is None else said(ours), style=style),
            Text("-" if theirs is None else said(theirs), style=style),
            Text("-" if price is None else plain(price), style="dim"),
            Text("-" if ours is None else ours.strategy, style="dim"),
        )
    if not pairs:
        return Text("  no positions on either side\n", style="dim")
    if len(ordered) > ROWS_MAX:
        return Group(table, Text(f"  and {len(ordered) - ROWS_MAX:,} more\n", style="dim"))
    return table


def _paired(
    status: Status, book: Sequence[Holding], broker: Sequence[BrokerPosition]
) -> list[tuple[Holding | None, BrokerPosition | None]]:
    """Both sides by what names a position on this account: its ticket when hedging, else its symbol."""

    def key(one: Holding | BrokerPosition) -> Key:
        return one.symbol if status.position_mode == "netting" or one.ticket is None else f"#{one.ticket}"

    ours = {key(one): one for one in book}
    theirs = {key(one): one for one in broker}
    return [(ours.get(name), theirs.get(name)) for name in sorted({*ours, *theirs})]


def _agrees(ours: Holding | None, theirs: BrokerPosition | None) -> bool:
    return ours is not None and theirs is not None and ours.signed_quantity == theirs.signed_quantity


def _name(ours: Holding | None, theirs: BrokerPosition | None) -> tuple[str, str]:
    one = ours or theirs
    assert one is not None
    return one.symbol, one.ticket or ""


def _breaks(status: Status, now_ns: int) -> RenderableType:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold", title_justify="left")
    for column in ("break", "symbol", "field", "book", "broker", "state"):
        table.add_column(column)
    table.add_column("age", justify="right")
    table.add_column("why", overflow="fold")
    for row in status.breaks[:BREAKS_MAX]:
        table.add_row(
            Text(row.kind, style=STYLES[row.kind]),
            f"{row.symbol} {row.ticket or ''}".strip(),
            row.field or "-",
            row.book or "-",
            row.broker or "-",
            row.state,
            _since(status.open_since[row.id], now_ns) if row.id in status.open_since else "-",
            Text(row.why, style="dim"),
        )
    if len(status.breaks) > BREAKS_MAX:
        return Group(table, Text(f"  and {len(status.breaks) - BREAKS_MAX:,} more breaks\n", style="dim"))
    return table


def _passes(reports: Iterable[PassReport]) -> RenderableType:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    table.add_column("pass", justify="right")
    table.add_column("at")
    table.add_column("kind")
    table.add_column("status")
    table.add_column("corrected", justify="right")
    table.add_column("open", justify="right")
    table.add_column("took", justify="right")
    table.add_column("", overflow="fold")
    for one in reports:
        waiting = sum(row.state not in ("corrected", "cleared") for row in one.breaks)
        said_first = next(iter((*one.critical, *one.errors)), "")
        table.add_row(
            str(one.pass_number),
            one.at[11:19],
            one.kind,
            Text(one.status, style=STYLES[one.status]),
            str(len({row.id for row in one.corrections})),
            str(waiting),
            f"{one.duration_ms} ms",
            Text(said_first, style="red"),
        )
    return table
