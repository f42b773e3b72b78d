"""Does the table of positions follow every kind of event that moves the book, one page an event?"""

from __future__ import annotations

import threading
from pathlib import Path

from lessons.world import World, deal, fill, held, row
from projections.tables import ask  # noqa: TID251 - our own folder
from trueup.decisions import BaselineTaken, BreakMoved, FillAdopted, PositionBound
from trueup.facts import FillRecorded, PositionRecorded
from trueup.model import plain
from trueup.reconciliation.fold import fold
from trueup.reconciliation.state import State
from trueup_projections import Views
from trueup_projections.sides import LEAVES_THE_BOOK


class OnePage(threading.Event):
    """Lets one page by, then says stop."""

    def __init__(self) -> None:
        super().__init__()
        self._asked = 0

    def is_set(self) -> bool:
        self._asked += 1
        return self._asked > 1


def story(url: str) -> World:
    """Every way in which a book moves, in a hedging account."""
    w = World(mode="hedging", url=url)
    w.sees(row("EURUSD", "1", ticket="1"))  # the baseline
    w.record(fill("e1", "GBPUSD", "2", order_id="2"))
    w.sees(row("EURUSD", "1", ticket="1"), row("GBPUSD", "2", ticket="2"))  # recognised by its order
    w.record(held("USDJPY", "3", ticket="3"))
    w.deals()
    w.deals(deal("e2", "GBPUSD", "1", ticket="2"))  # missed
    w.sees(row("EURUSD", "5", ticket="1"), row("GBPUSD", "3", ticket="2"), times=3)  # a drift and a ghost
    return w


def test_law_11_every_page_leaves_the_positions_of_the_fold(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/store.db"
    w = story(url)
    journal = w.journal()
    moved = {type(one.event) for one in journal} - LEAVES_THE_BOOK
    assert moved >= {BaselineTaken, BreakMoved, FillAdopted, FillRecorded, PositionBound, PositionRecorded}
    state = State(account=w.account)
    with Views.open(url, page_events=1) as views:
        for recorded in journal:
            assert views.catch_up(stop=OnePage()) == 1
            state = fold(state, [(recorded.position, recorded.event)])
            told = ask(views.path, "SELECT key, symbol, side, quantity FROM positions ORDER BY key")
            assert told == [
                (key, one.symbol, "long", plain(one.signed_quantity))
                for key in sorted(state.book)
                if (one := state.book[key].holding) is not None
            ], f"after {recorded.position}: {type(recorded.event).__name__}"
    w.close()


def test_a_hold_is_known_after_the_views_themselves_were_closed(tmp_path: Path) -> None:
    """What is held stands in the account's row as long as it is held, though no event speaks of it any more."""
    w = World(mode="hedging", url=f"sqlite:///{tmp_path}/store.db")
    w.sees(*(row("EURUSD", "1", ticket=str(ticket)) for ticket in range(1, 5)))
    w.sees()
    for _ in range(2):
        w.fails()
        with Views.open(w.url) as views:
            views.catch_up()
            assert ask(views.path, "SELECT held, open_breaks FROM accounts") == [(4, 4)]
    w.close()
