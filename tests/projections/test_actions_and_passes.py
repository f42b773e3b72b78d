"""Do the tables say what was asked of the broker, who guards positions, and how each pass ended?"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lessons.world import World, order_row, row
from projections.histories import SECOND, Clock, scratch  # noqa: TID251 - our own folder
from projections.tables import ask, dicts, faults  # noqa: TID251
from projections.telling import only, told  # noqa: TID251
from trueup import Policy
from trueup.asking import send_once
from trueup.journal import open_writer
from trueup.ledger import Claim, Ledger
from trueup.model import Surface
from trueup.passes import Passes
from trueup.policy import Protect
from trueup.ports import Answer, failed
from trueup.report import PassReport
from trueup.testing.broker import ALL_ACTIONS, ALL_SURFACES, SimulatedBroker
from trueup_projections import Views


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/store.db"


# -- actions, stops, overrides, permits --------------------------------------------------------------------


def test_an_action_is_told_from_its_request_to_its_end(url: str) -> None:
    w = World(url=url, orders=True, policy=Policy.adopt(on_orphan_order="cancel"))
    w.sees()
    w.lists(order_row("OIL", order_id="b9", limit="70"), times=2)
    (asked,) = w.actions()
    question = "SELECT * FROM unsettled_actions"
    assert only(told(w, question), "client_id", "kind", "purpose", "state", "age_ms") == [
        (asked.client_id, "cancel", "cancel-orphan", "requested", 0)
    ]
    w.passes(s=2)
    w.sends(asked.client_id, "unknown", why="no answer within 10 s")
    w.looks_up(None, order_row("OIL", order_id="b9", limit="70"), order_id="b9", failure="no answer")
    (row_,) = told(w, question)
    assert (row_["state"], row_["answer"], row_["look_ups"], row_["age_ms"]) == ("unknown", "unknown", 1, 5_020)
    w.looks_up(None, order_row("OIL", "canceled", order_id="b9", limit="70"), order_id="b9")
    assert told(w, question) == []
    (over,) = told(w, "SELECT * FROM actions")
    assert (over["state"], over["is_open"], over["order_id"], over["answer_why"], over["look_ups"]) == (
        "done", 0, "b9", "no answer within 10 s", 2
    )  # fmt: skip
    assert over["why"] == "looked up: the order has ended, canceled"
    positions = [over[f"{name}_position"] for name in ("requested", "sent", "answered", "looked_up", "settled")]
    names = dict(ask(Path(url.removeprefix("sqlite:///") + ".views.db"), "SELECT position, name FROM audit"))
    assert [names[one] for one in positions] == [
        "action-requested/1", "action-sent/1", "action-answered/1", "observed/1", "action-moved/1"
    ]  # fmt: skip
    assert positions == sorted(positions)
    w.close()


def test_l21_a_crash_after_sending_leaves_the_action_unknown(url: str) -> None:
    w = World(url=url, orders=True, policy=Policy.adopt(on_orphan_order="cancel"))
    w.sees()
    w.lists(order_row("OIL", order_id="b9", limit="70"), times=2)
    w.sends(w.actions()[0].client_id, "crash")
    (one,) = told(w, "SELECT * FROM unsettled_actions")
    assert (one["state"], one["answer"]) == ("unknown", None)
    assert one["why"] == "the process that sent it ended before it heard what became of it"
    w.close()


def test_positions_without_a_stop_since_when_and_what_was_done(url: str) -> None:
    w = World(url=url, orders=True, policy=Policy.adopt(protect=Protect()))
    w.lists()
    w.sees(row("DAX", "1", price="100", stop=None))
    w.passes(s=10)
    w.lists()
    w.sees(row("DAX", "1", price="100", stop=None))
    (one,) = told(w, "SELECT * FROM unprotected_now")
    assert (one["symbol"], one["state"], one["attempts"]) == ("DAX", "placing", 1)
    since = told(w, "SELECT at, at_ns FROM protection ORDER BY position LIMIT 1")[0]
    now = told(w, "SELECT at_ns FROM accounts")[0]
    assert (one["since"], one["age_ms"]) == (since["at"], (now["at_ns"] - since["at_ns"]) // 1_000_000)
    assert one["age_ms"] > 10_000
    assert only(told(w, "SELECT * FROM unsettled_actions"), "kind", "stop", "purpose") == [
        ("place_stop", "98", "protect")
    ]
    client_id = w.actions()[0].client_id
    w.sends(client_id)
    w.lists(order_row("DAX", name=client_id, order_id="b1", type="stop", side="sell", stop="98"))
    assert only(told(w, "SELECT * FROM orders"), "client_order_id", "stop") == [(client_id, "98")]
    assert told(w, "SELECT * FROM orphans_over_time") == [], "what trueup asked for was never an orphan"
    w.passes(s=10)
    w.sees(row("DAX", "1", price="100", stop="98"))
    assert told(w, "SELECT * FROM unprotected_now") == []
    assert only(told(w, "SELECT * FROM protection ORDER BY position"), "state")[-1] == ("protected",)
    w.passes(s=10)
    w.lists()
    for _ in range(3):
        w.lists()
        w.sees(row("DAX", "1", price="100", stop=None))
    (again,) = told(w, "SELECT * FROM unprotected_now")
    assert again["age_ms"] < one["age_ms"], "an earlier time without a stop is over and does not count"
    w.close()


def test_overrides_and_permits_are_told_with_who_and_for_how_long(url: str) -> None:
    w = World(url=url)
    w.sees(row("DAX", "1"))
    w.says("override", scope="DAX", seconds="60", who="kim", why="I know")
    w.passes(s=20)
    w.says("override", scope="DAX", end="yes", who="ada", why="done")
    w.says("override", scope="OIL", seconds="5", who="kim", why="once more")
    w.permit("DAX", "0.5", client_order_id="c7")
    w.passes(s=60)
    w.sees(row("DAX", "1"))
    rows = told(w, "SELECT * FROM overridden")
    assert only(rows, "scope", "who", "why", "lasted_ms")[-1] == ("DAX", "kim", "I know", 20_000)
    assert only(rows, "scope", "lasted_ms")[0] == ("OIL", 5_000)
    assert only(told(w, "SELECT * FROM permits"), "symbol", "side", "quantity", "client_order_id") == [
        ("DAX", "sell", "0.5", "c7")
    ]
    w.close()


# -- passes ------------------------------------------------------------------------------------------------


class Quick(Clock):
    """A clock on which waiting is at once over."""

    async def sleep(self, seconds: float) -> None:
        self.ns += int(seconds * SECOND)


def unlucky(broker: SimulatedBroker, dice: random.Random) -> None:
    """Something happens at the broker."""
    working = [ref for ref, one in broker.orders.items() if one.status.value in ("accepted", "partially_filled")]
    match dice.randrange(9):
        case 0 if not broker.truth:
            broker.open("EURUSD", "long", "0.02", price="1.05")
        case 1 if broker.truth:
            broker.close_position(next(iter(broker.truth)))
        case 2 | 3:
            broker.place("EURUSD", "buy", "limit", "0.01", "1.01")
        case 4 if working:
            broker.cancel(dice.choice(working))
        case 5:
            broker.trouble(dice.choice(["failure", "stale", "empty", "bad_row", "garbage"]))
        case 6 | 7 if dice.random() < 0.6:
            broker.trouble_actions(dice.choice(["silence", "lost_ack", "refusal"]))
        case 7 if broker.truth:
            broker.set_stop(next(iter(broker.truth)), dice.choice([None, "1.01"]))
        case _:
            pass


def passes(url: str, seed: int) -> Iterator[PassReport]:
    """Passes of one account under a broker to which things happen; the reports."""
    dice, clock = random.Random(seed), Quick()
    broker = SimulatedBroker(position_mode="netting", surfaces=ALL_SURFACES, actions=ALL_ACTIONS)
    policy = Policy.adopt(
        confirm_interval_ms=0, retries_max=0, backoff_s=(), on_orphan_order="cancel",
        protect=Protect() if seed % 2 else None,
    )  # fmt: skip
    offered = broker.capabilities
    claim = Claim(
        policy=policy, position_mode="netting", source="simulated", lag_ms_max=offered.lag_ms_max,
        surfaces=offered.surfaces, actions=offered.actions, can_reduce_only=True,
    )  # fmt: skip
    ledger = Ledger(open_writer(url, "sim:1", durability="normal"), clock, claim)
    running = Passes(ledger, broker, clock)
    for n in range(20):
        for _ in range(2):
            unlucky(broker, dice)
        clock.ns += 20 * SECOND
        yield asyncio.run(running.run("periodic" if n else "startup"))
    ledger.close()


def test_the_status_of_a_pass_with_orders_and_actions_is_the_one_that_was_reported(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("trueup.passes.send_once", lambda broker, action, _: send_once(broker, action, 0.001))
    statuses: set[str] = set()
    waited = 0
    for seed in range(3):
        with scratch() as folder:
            url = f"sqlite:///{folder}/store.db"
            reports: list[PassReport] = []
            for one in passes(url, seed):
                reports.append(one)
                if len(reports) % 3 == 0:
                    with Views.open(url, page_events=3) as views:  # begun anew: what it needs is read back
                        views.catch_up()
            with Views.open(url) as views:
                views.catch_up()
            rows = dicts(views.path, "SELECT * FROM passes ORDER BY pass")
            assert only(rows, "pass", "status", "kind") == [(one.pass_number, one.status, one.kind) for one in reports]
            assert only(rows, "corrections") == [(len({c.id for c in one.corrections}),) for one in reports]
            settled = ("done", "failed", "abandoned")
            unsettled = [sum(row.state not in settled for row in one.actions) for one in reports]
            assert only(rows, "unsettled") == [(count,) for count in unsettled]
            assert faults(views.path) == []
            statuses |= {one.status for one in reports}
            waited += sum(unsettled)
    assert statuses == {"SUCCESS", "PARTIAL", "DEGRADED"}
    assert waited > 0, "no pass ended with an action that was not settled"


def test_a_pass_that_leaves_nothing_but_an_action_unsettled_is_partial(url: str) -> None:
    w = World(url=url, orders=True)
    w.sees(row("DAX", "1"))
    w.says("close", target="DAX", at_broker="yes")
    w.sees(row("DAX", "1"))
    question = "SELECT status, unsettled, unprotected, open_breaks FROM passes ORDER BY pass DESC LIMIT 1"
    assert told(w, question) == [{"status": "PARTIAL", "unsettled": 1, "unprotected": 0, "open_breaks": 0}]
    w.sends(w.actions()[0].client_id)
    assert told(w, question) == [{"status": "SUCCESS", "unsettled": 0, "unprotected": 0, "open_breaks": 0}]
    w.close()


def test_a_surface_that_never_answered_is_missed_by_nobody(url: str) -> None:
    """As in the report: a gateway that only knows positions fails to list orders, and that degrades nothing."""
    w = World(url=url, orders=True)
    question = "SELECT status, surfaces FROM passes ORDER BY pass DESC LIMIT 1"

    def passed(*answers: tuple[Surface, Answer]) -> list[tuple[Any, ...]]:
        number = w.state.pass_number + 1
        for surface, answer in answers:
            w.ledger.observe(surface, answer, w.ledger.asking(), pass_number=number, pass_kind="periodic")
        return only(told(w, question), "status", "surfaces")

    fine, silent = Answer(completeness="complete"), failed("no answer within 3 s")
    assert passed(("positions", fine), ("open_orders", silent)) == [("SUCCESS", '{"positions":"complete"}')]
    assert passed(("positions", fine), ("open_orders", fine))[0][0] == "SUCCESS"
    degraded = passed(("positions", fine), ("open_orders", silent))
    assert degraded == [("DEGRADED", '{"open_orders":"failed","positions":"complete"}')]
    assert passed(("positions", silent), ("open_orders", fine))[0][0] == "DEGRADED"
    w.close()
