"""Are all executions told, whichever way an exchange pages them, and is it said where they may not be?"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ccxt_adapter.fakes import Fake, features, trade
from trueup.ports import Answer, Question
from trueup_adapters.ccxt import CcxtBroker
from trueup_adapters.ccxt.exchange import offers
from trueup_adapters.ccxt.history import DAY_MS, PAGES_MAX, History

NOW = 1_000 * DAY_MS


class Paging(Fake):
    """An exchange that tells its trades by pages: the oldest first, or the newest."""

    def __init__(
        self, times: list[int], *, limit: int, newest: bool, days: int | None = None, until: bool = True
    ) -> None:
        super().__init__()
        self.trades = [trade(f"t{n}", timestamp=at) for n, at in enumerate(sorted(times))]
        self.limit, self.newest, self.days = limit, newest, days
        self.open_ended = False
        said = {"limit": limit, "untilDays": (days or 10_000) if until else None}
        self.features = features(fetchMyTrades=said)

    async def fetch_my_trades(self, *arguments: Any) -> Any:
        self.calls.append(("fetch_my_trades", arguments))
        _, since, limit, params = arguments
        end = params.get("until", NOW)
        begin = since if since is not None else 0
        if self.days is not None and since is not None:
            end = min(end, since + self.days * DAY_MS)
        if self.open_ended:  # as some exchanges mean their end: not included
            end -= "until" in params
        there = [one for one in self.trades if begin <= one["timestamp"] <= end]
        page = there[-limit:] if self.newest else there[:limit]
        return list(page)


def told(fake: Fake, since: int | None) -> tuple[list[str], bool]:
    history = History(fake, offers(fake, "contracts"), None, {}, NOW)  # type: ignore[arg-type]
    rows: list[Any] = asyncio.run(history.rows(since))
    return [row["id"] for row in rows], history.more


@pytest.mark.parametrize("newest", [True, False])
def test_l05_every_page_is_turned_in_either_direction(newest: bool) -> None:
    times = [NOW - DAY_MS + n for n in range(17)]
    names, more = told(Paging(times, limit=5, newest=newest), NOW - 2 * DAY_MS)
    assert sorted(names, key=lambda name: int(name[1:])) == [f"t{n}" for n in range(17)]
    assert not more


@settings(deadline=None)
@given(
    gaps=st.lists(st.integers(1, DAY_MS), max_size=60),
    limit=st.integers(2, 7),
    newest=st.booleans(),
    days=st.sampled_from([None, 1, 7]),
    back=st.integers(1, 30),
)
def test_l08_all_executions_since_a_moment_are_told_whatever_the_exchange_pages_by(
    gaps: list[int], limit: int, newest: bool, days: int | None, back: int
) -> None:
    times, at = [], NOW - 30 * DAY_MS
    for gap in gaps:
        at += gap
        times.append(min(at, NOW))
    fake = Paging(times, limit=limit, newest=newest, days=days)
    since = NOW - back * DAY_MS
    names, more = told(fake, since)
    wanted = {one["id"] for one in fake.trades if one["timestamp"] >= since}
    assert more or set(names) == wanted
    assert len(names) == len(set(names))
    if len(set(times)) == len(times):
        assert not more  # only a page full of one and the same moment leaves a doubt


@pytest.mark.parametrize("open_ended", [True, False])
@pytest.mark.parametrize("newest", [True, False])
@pytest.mark.parametrize("times", [(10, 15, 20, 20, 30, 40), (10, 20, 20, 30, 40), (10, 20, 30, 30)])
def test_l20_executions_of_one_moment_are_told_across_the_edge_of_a_page(
    times: tuple[int, ...], newest: bool, open_ended: bool
) -> None:
    fake = Paging([NOW - 100 + at for at in times], limit=3, newest=newest)
    fake.open_ended = open_ended
    names, more = told(fake, NOW - 200)
    assert (len(names), more) == (len(times), False)


def test_l08_the_edges_of_the_spans_of_a_long_question_are_told() -> None:
    since = NOW - 3 * DAY_MS
    edges = [since + n * DAY_MS + off for n in range(3) for off in (-1, 0, 1)]
    names, more = told(Paging(edges, limit=50, newest=True, days=1), since)
    assert (len(names), more) == (len(edges) - 1, False)  # the first lies before the question


def test_a_page_full_of_one_moment_leaves_a_doubt() -> None:
    names, more = told(Paging([NOW - 5] * 9, limit=3, newest=False), NOW - DAY_MS)
    assert (len(names), more) == (3, True)


def test_without_until_what_came_before_a_full_page_is_not_known() -> None:
    names, more = told(Paging([NOW - n for n in range(9)], limit=3, newest=True, until=False), NOW - DAY_MS)
    assert (len(names), more) == (3, True)


def test_law_12_the_pages_of_one_question_are_bounded() -> None:
    fake = Paging([NOW - 10 * n for n in range(2 * PAGES_MAX)], limit=2, newest=True)
    names, more = told(fake, NOW - DAY_MS)
    assert more
    assert len(fake.sent("fetch_my_trades")) == PAGES_MAX
    long_ago, more = told(Paging([NOW - 900 * DAY_MS], limit=9, newest=True, days=1), NOW - 950 * DAY_MS)
    assert (long_ago, more) == ([], True)
    assert len(names) < 2 * PAGES_MAX


def test_a_history_that_may_go_on_makes_the_answer_partial() -> None:
    answers: list[Answer] = []

    async def asked() -> None:
        broker = CcxtBroker(Paging([5] * 9, limit=3, newest=False), market="contracts")
        answers.append(await broker.ask(Question(surface="fills")))
        await broker.close()

    asyncio.run(asked())
    assert answers[0].completeness == "partial"
    assert "L05" in answers[0].why
    assert len(answers[0].executions) == 3
