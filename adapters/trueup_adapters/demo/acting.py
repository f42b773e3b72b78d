"""Which scenes show what is asked of the broker: at most once, and never more than is needed?"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from trueup_adapters.demo.lines import Ask, Asked, Sync, Synced, Trade
from trueup_adapters.demo.scene import Scene
from trueup_adapters.demo.stage import Stage
from trueup_adapters.demo.story import KEEPER

UNHEARD: Final = Trade(symbol="ETHUSD", side="buy", volume=Decimal("0.5"), price=Decimal("2750.5"), unheard=True)
STOP_DISTANCE: Final = "2 %"


def lost_acknowledgement(stage: Stage, scene: Scene) -> None:
    """The order is recorded, sent, filled; nobody hears of it, and the process is killed."""
    before, deals = stage.look(), stage.control.state()["deals"]
    sent = stage.trade(UNHEARD)
    signal = stage.trader.kill()
    real = stage.truth()
    scene.happened(
        f"It records an order for {UNHEARD.symbol} as pending, and sends it. The acknowledgement is lost, and the "
        f"process is killed with kill -9. The order fills: {sent.name}.",
        signal == -9 and not sent.recorded and sent.name in real and sent.name not in before.book,
        (signal, sent),
    )
    scene.naive(
        "Its file says: not acknowledged. It would send the order again, and hold twice as much.",
        sent.name not in stage.keeper.book,
        stage.keeper.book,
    )
    started = stage.start_bot()
    report, held = started.report, stage.look()
    fills = stage.control.state()["deals"] - deals
    scene.trueup(
        "It is started again, and asks before it does anything: the broker's deals name the id that the order was "
        f"given before it was sent. It is filled: {fills} fill, not two.",
        fills == 1 and any(row.kind == "missed-fill" and row.symbol == "ETHUSD" for row in report.corrections),
        (fills, report),
    )
    scene.trueup(
        f"Nothing was sent again: {sent.name} is {held.book[sent.name]}, owned by {held.owners[sent.name]}.",
        held.book == real == stage.truth() and held.owners[sent.name] == "trend",
        (held, real),
    )
    scene.beside(real, held.book, stage.keeper.book, naive_name=KEEPER)


def unprotected(stage: Stage, scene: Scene) -> None:
    """The policy asks for a stop behind every position, and there is none."""
    real = stage.truth()
    stage.trader.kill()
    scene.happened(
        f"The policy is changed: every position must have a working stop, {STOP_DISTANCE} from its entry. "
        f"There are {len(real)} positions, and not one stop.",
        not _stops(stage) and bool(real),
        real,
    )
    scene.naive("It never asked.", True, None)
    stage.start_bot("--protect")
    reports = stage.trader.tell(Sync(), Synced).reports
    stops, held = _stops(stage), stage.look()
    asked = stage.trader.tell(Ask(symbol="EURUSD"), Asked)
    scene.trueup(
        f"Every position gets its stop, and only one: {len(stops)} stops work, each of the size of its position.",
        sorted(stops) == sorted(name.rpartition("#")[2] for name in real),
        (stops, reports),
    )
    scene.trueup(
        f"The book holds them too, the two sides agree: {reports[-1].status}, gate {held.gate}.",
        reports[-1].status == "SUCCESS" and held.gate == "open" and held.book == real and not asked.refused,
        (reports[-1], held),
    )


def _stops(stage: Stage) -> list[str]:
    """Whose stops work at the broker: the ticket of each one's position."""
    return [str(order["position"]) for order in stage.control.state()["orders"] if order["type"].endswith("stop")]
