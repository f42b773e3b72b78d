"""What happens in the demo, up to the last correction? One function a scene, in the order in which they are played.

Every sentence goes to the scene with whether it is so; numbers and names in it come from what was just seen.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from trueup import PassReport
from trueup_adapters.demo.bot import SECOND_COPY
from trueup_adapters.demo.desk import STRATEGY
from trueup_adapters.demo.lines import Ask, Asked, Sync, Synced, Trade
from trueup_adapters.demo.naive import Keeper, Mirror, differences
from trueup_adapters.demo.scene import Scene
from trueup_adapters.demo.stage import Stage

KEEPER: Final = "believes its memory"
MIRROR: Final = "believes every answer"

ORDERS: Final = tuple(
    Trade(symbol=symbol, side="buy" if side == "buy" else "sell", volume=Decimal(volume), price=Decimal(price))
    for symbol, side, volume, price in (
        ("EURUSD", "buy", "0.10", "1.0543"),
        ("GBPUSD", "sell", "0.20", "1.2710"),
        ("USDJPY", "buy", "0.30", "147.25"),
        ("XAUUSD", "buy", "0.05", "2034.10"),
        ("AUDUSD", "sell", "0.40", "0.6612"),
        ("USDCHF", "buy", "0.25", "0.8705"),
    )
)
RECKLESS: Final = Trade(symbol="BTCUSD", side="buy", volume=Decimal("0.02"), price=Decimal("43120.5"), reckless=True)


def opening(stage: Stage, scene: Scene) -> None:
    """The trading process starts, opens positions, and records them."""
    started = stage.start_bot().report
    traded = [stage.trade(order) for order in ORDERS]
    recorded = [one.name for one in traded if one.recorded]
    scene.happened(
        f"A trading process starts, asks its gate before each order, opens {len(recorded)} positions at a gateway, "
        "and records every fill before it goes on.",
        sorted(recorded) == sorted(stage.truth()) and len(recorded) == len(ORDERS),
        traded,
    )
    reports = stage.trader.tell(Sync(), Synced).reports
    held, real = stage.look(), stage.truth()
    scene.naive("As long as nothing goes wrong, every bot's book is right: this one's too.", stage.keeper.book == real)
    scene.trueup(
        f"The start-up pass ends {started.status}; until then the gate was closed.",
        started.status == "SUCCESS" and started.gate == "open",
        started,
    )
    scene.trueup(
        f"A pass compares {len(held.book)} positions with the broker's: {reports[-1].status}, nothing to correct.",
        held.book == real and reports[-1].status == "SUCCESS" and not _corrected(reports),
        reports,
    )
    scene.beside(real, held.book, stage.keeper.book, naive_name=KEEPER)


def killed(stage: Stage, scene: Scene) -> None:
    """The process dies between sending an order and recording it, and comes back."""
    before = stage.look()
    sent = stage.trade(RECKLESS)
    signal = stage.trader.kill()
    scene.happened(
        f"It sends an order for {RECKLESS.symbol} and is killed with kill -9 before it has recorded any of it. "
        f"The order fills: {sent.name}.",
        signal == -9 and not sent.recorded and sent.name in stage.truth(),
        (signal, sent),
    )
    started = stage.start_bot()
    report, held, real = started.report, stage.look(), stage.truth()
    scene.happened(
        f"It is started again: epoch {started.epoch} of this account.", started.epoch == before.epoch + 1, started
    )
    stage.keeper = Keeper(stage.keeper_file)
    wrong = differences(stage.keeper.book, real)
    scene.naive(f"It reads its file and {_listed(wrong)}.", len(wrong) == 1 and sent.name in wrong[0], wrong)
    scene.trueup(
        f"All {len(before.book)} positions that were recorded are there: what `record` acknowledged survives kill -9.",
        all(held.book.get(name) == what for name, what in before.book.items()) and bool(before.book),
        held,
    )
    made = _corrected([report])
    scene.trueup(
        f"Missed fill: {_why(report)}.",
        made == [("missed-fill", RECKLESS.symbol)] and held.owners[sent.name] == STRATEGY,
        report,
    )
    scene.trueup(
        f"The start-up pass compares again, ends {report.status}, and only then the gate is {report.gate}.",
        report.status == "SUCCESS" and report.gate == "open" and held.book == real,
        report,
    )
    scene.beside(real, held.book, stage.keeper.book, naive_name=KEEPER)


def closed_by_hand(stage: Stage, scene: Scene) -> None:
    """Somebody closes a position at the broker: a ghost."""
    name = stage.names["GBPUSD"]
    stage.control.close_position(name.rpartition("#")[2])
    real = stage.truth()
    scene.happened(f"Somebody closes {name} by hand, in the broker's terminal.", name not in real, real)
    wrong = differences(stage.keeper.book, real)
    scene.naive(f"It {_listed(wrong)}.", any(name in one and "still counts on" in one for one in wrong), wrong)
    first = stage.trader.tell(Sync(until="once"), Synced).reports
    asked = stage.trader.tell(Ask(symbol="GBPUSD"), Asked)
    held = stage.look()
    scene.trueup(
        f"One answer without it is no proof: the break is {first[0].breaks[0].state}, nothing is closed, and the gate "
        f"refuses new orders in GBPUSD ({asked.code}: {asked.reason}).",
        first[0].breaks[0].kind == "ghost" and not _corrected(first) and name in held.book and asked.refused,
        (first, asked),
    )
    _one_correction(stage, scene, "ghost", "GBPUSD")


def changed_at_broker(stage: Stage, scene: Scene) -> None:
    """Somebody changes a volume at the broker: a drift."""
    name = stage.names["USDJPY"]
    was = stage.truth()[name]
    stage.control.resize(name.rpartition("#")[2], "0.10")
    real = stage.truth()
    scene.happened(
        f"At the broker {name} goes from {was} to {real[name]}; no message tells of it.", real[name] == "long 0.1", real
    )
    wrong = [one for one in differences(stage.keeper.book, real) if name in one]
    scene.naive(f"It {_listed(wrong)}.", len(wrong) == 1 and wrong[0].startswith("takes"), wrong)
    _one_correction(stage, scene, "drift", "USDJPY")


def empty_answer(stage: Stage, scene: Scene) -> None:
    """The gateway says, once to each, that there is nothing. Nothing is closed."""
    held, real = stage.look().book, stage.truth()
    stage.mirror.sync()
    scene.naive(f"It knows all {len(real)} positions, until it asks.", stage.mirror.book == real, stage.mirror.book)
    stage.control.misbehave("empty", action="GET_POSITIONS")
    gone = stage.mirror.sync()
    stage.control.misbehave("empty", action="GET_POSITIONS")
    report = stage.trader.tell(Sync(until="once"), Synced).reports[0]
    after, asked = stage.look(), stage.trader.tell(Ask(symbol="EURUSD"), Asked)
    both_heard = not stage.control.state()["faults"]
    scene.happened(
        "The gateway glitches: once to each bot it answers, with status SUCCESS, that there are no positions.",
        both_heard and stage.truth() == real,
        stage.control.state(),
    )
    scene.naive(
        f"It takes all {len(gone)} positions for closed, on one answer.",
        len(gone) == len(real) and not stage.mirror.book,
    )
    scene.trueup(
        f"Nothing is closed: its book still holds {len(after.book)} positions.", after.book == held == real, after
    )
    critical = report.critical[0] if report.critical else ""
    scene.trueup(f"It says why: {critical}.", "missing at once" in critical and report.status == "PARTIAL", report)
    scene.trueup(
        f"Until that is explained the gate is {after.gate}: a new order is refused ({asked.code}).",
        after.gate == "reduce_only" and asked.refused,
        (after, asked),
    )
    scene.beside(real, after.book, stage.mirror.book, naive_name=MIRROR)
    reports = stage.trader.tell(Sync(), Synced).reports
    then = stage.look()
    scene.trueup(
        f"The next answer lists them all again: {reports[-1].status}, no correction was made, gate {then.gate}.",
        reports[-1].status == "SUCCESS" and not _corrected(reports) and then.gate == "open" and then.book == real,
        reports,
    )


def gateway_lost(stage: Stage, scene: Scene) -> None:
    """The gateway dies. Unknown is not empty, and the gate closes."""
    held, real = stage.look().book, stage.truth()
    stage.mirror = Mirror(stage.ports.url)
    stage.mirror.sync()
    signal = stage.lose_gateway()
    scene.happened(f"The gateway dies (kill -9). The broker behind it holds its {len(real)} positions.", signal == -9)
    gone = stage.mirror.sync()
    scene.naive(
        f"It takes the time-out for an empty list, and all {len(gone)} positions for closed.",
        len(gone) == len(real) and not stage.mirror.book,
        gone,
    )
    reports = stage.trader.tell(Sync(until="closed"), Synced).reports
    after = stage.look()
    scene.trueup(
        f"No answer is no evidence: each pass ends {reports[-1].status}, and the book keeps its {len(after.book)} "
        "positions.",
        all(one.status == "DEGRADED" for one in reports) and not _corrected(reports) and after.book == held == real,
        reports,
    )
    order = stage.trader.tell(Ask(symbol="EURUSD"), Asked)
    cancel = stage.trader.tell(Ask(symbol="EURUSD", kind="cancel"), Asked)
    scene.trueup(
        f"What is not verified must not grow: the gate is {after.gate} ({order.reason}). Orders are refused, cancels "
        "pass.",
        after.gate == "closed" and order.refused and not cancel.refused,
        (after, order, cancel),
    )
    scene.beside(real, after.book, stage.mirror.book, naive_name=MIRROR)


def gateway_back(stage: Stage, scene: Scene) -> None:
    """The gateway comes back: compared and agreeing, hence open."""
    stage.restore_gateway()
    real = stage.truth()
    reports = stage.trader.tell(Sync(), Synced).reports
    held, asked = stage.look(), stage.trader.tell(Ask(symbol="EURUSD"), Asked)
    scene.happened(
        f"Another gateway is started at the same place; the broker still holds {len(real)} positions.", bool(real)
    )
    adopted = [name for name in real if name not in stage.mirror.book]
    scene.naive(
        f"It had written all of them off, and now meets {len(adopted)} positions that it takes for new.",
        len(adopted) == len(real),
        adopted,
    )
    stage.mirror.sync()
    scene.trueup(
        f"It asks, compares, and finds the two sides agreeing: {reports[-1].status}, no correction, gate {held.gate}.",
        reports[-1].status == "SUCCESS" and not _corrected(reports) and not asked.refused and held.book == real,
        reports,
    )
    scene.beside(real, held.book, stage.mirror.book, naive_name=MIRROR)


def second_process(stage: Stage, scene: Scene) -> None:
    """A second copy is started by mistake."""
    before = stage.look()
    said, status = stage.start_rival()
    scene.happened("By mistake a second copy of the process is started on the same account.", status >= 0, status)
    copies = (Keeper(stage.keeper_file), Keeper(stage.keeper_file))
    scene.naive(
        f"Both copies read the same file, each takes the {len(copies[0].book)} positions in it for its own, and "
        "neither knows of the other.",
        copies[0].book == copies[1].book == stage.keeper.book,
    )
    scene.trueup(
        f"The second copy ends: {said}",
        said is not None and "another writer holds its lock" in said and status == SECOND_COPY,
        (said, status),
    )
    reports = stage.trader.tell(Sync(), Synced).reports
    after = stage.look()
    scene.trueup(
        f"The first one notices nothing: still epoch {after.epoch}, {reports[-1].status}, gate {after.gate}.",
        after.epoch == before.epoch and reports[-1].status == "SUCCESS" and after.gate == "open",
        (after, reports),
    )
    scene.beside(stage.truth(), after.book, stage.keeper.book, naive_name=KEEPER)


# -- common to several -------------------------------------------------------------------------------------


def _one_correction(stage: Stage, scene: Scene, kind: str, symbol: str) -> None:
    """Passes until the sides agree: exactly one correction, of this kind and symbol."""
    reports = stage.trader.tell(Sync(), Synced).reports
    held, real = stage.look(), stage.truth()
    scene.trueup(
        f"{kind.capitalize()}: {_why(*reports)}.",
        _corrected(reports) == [(kind, symbol)],
        [_corrected(reports), reports],
    )
    scene.trueup(
        f"The two sides agree again: {reports[-1].status}, gate {held.gate}.",
        reports[-1].status == "SUCCESS" and held.book == real and held.gate == "open",
        (reports, held),
    )
    scene.beside(real, held.book, stage.keeper.book, naive_name=KEEPER)


def _corrected(reports: list[PassReport] | tuple[PassReport, ...]) -> list[tuple[str, str]]:
    """(kind, symbol) of every correction in some reports, in order, each once."""
    rows = {row.id: (row.kind, row.symbol) for report in reports for row in report.corrections}
    return list(rows.values())


def _why(*reports: PassReport) -> str:
    """The sentence of the first correction in some reports."""
    return next((row.why for report in reports for row in report.corrections), "none was made")


def _listed(parts: list[str]) -> str:
    """`a`, `a, and b`, in one sentence."""
    return ", ".join(parts[:-1]) + (", and " if len(parts) > 1 else "") + (parts[-1] if parts else "is right")
