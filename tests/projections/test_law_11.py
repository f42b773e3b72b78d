"""Law 11: views are disposable. Kept up in any way, killed anywhere, they are what a rebuild from nothing gives."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from projections.histories import ACCOUNTS, POLICIES, STEPS, Step, World, scratch  # noqa: TID251 - our own folder
from projections.orders_oracle import decided, lives_are_those_of, orders_are_those_of  # noqa: TID251
from projections.tables import ask, content, faults  # noqa: TID251
from trueup.decisions import BreakMoved, FillAdopted, OverrideMoved, ProtectionMoved
from trueup.journal import TrackedFile, open_reader
from trueup_projections import Views, project
from trueup_projections.writing import Rows

TRIED = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


class Killed(BaseException):
    """Stands for `kill -9`: nothing of ours catches it."""


class Keeping(NamedTuple):
    """What whoever keeps the views does after so many steps."""

    after: int
    how: str
    pages: int
    """How many pages go through before it is killed."""


KEEPING = st.lists(
    st.builds(
        Keeping,
        st.integers(0, 40),
        st.sampled_from(
            ["catch up", "catch up", "begin anew", "rebuild", "killed before writing", "killed after writing"]
        ),
        st.integers(0, 4),
    ),
    max_size=8,
)


@contextmanager
def dying(how: str, pages: int = 0) -> Iterator[None]:
    """After so many pages one dies: before its rows are written, or after that and before its tracking is."""
    with pytest.MonkeyPatch.context() as patch:
        flush = Rows.flush
        left = iter(range(pages))

        def die(rows: Rows) -> None:
            passes = next(left, None) is not None
            if passes or how == "killed after writing":
                flush(rows)
            if not passes:
                raise Killed

        patch.setattr(Rows, "flush", die)
        yield


def keep(views: Views, how: str, pages: int, url: str, path: Path, page_events: int) -> Views:
    event(how)
    if how == "rebuild":
        views.rebuild()
    elif how == "catch up":
        views.catch_up()
    else:
        if how != "begin anew":
            with dying(how, pages):
                try:
                    views.catch_up()
                except Killed:
                    event("killed")
        views.close()
        views = Views.open(url, path, page_events=page_events)
    return views


@TRIED
@given(steps=STEPS, keeping=KEEPING, page_events=st.integers(1, 9), policy=st.integers(0, len(POLICIES) - 1))
def test_law_11_views_kept_along_the_way_equal_those_rebuilt_from_nothing(
    steps: Sequence[Step], keeping: Sequence[Keeping], page_events: int, policy: int
) -> None:
    with scratch() as folder:
        url = f"sqlite:///{folder}/store.db"
        kept, anew = Path(folder, "kept.db"), Path(folder, "anew.db")
        world = World(url, policy=policy)
        views = Views.open(url, kept, page_events=page_events)
        for number, step in enumerate(steps):
            world.do(step)
            for one in keeping:
                if one.after == number:
                    views = keep(views, one.how, one.pages, url, kept, page_events)
        views.catch_up()
        assert views.rebuilt in ("", "it was asked for")
        views.close()
        with Views.open(url, anew) as fresh:
            fresh.catch_up()
        along, rebuilt = content(kept), content(anew)
        for table in rebuilt:
            assert along[table] == rebuilt[table], table
        assert faults(kept) == []
        says_the_same_as_the_journal(world, kept)
        world.close()


def says_the_same_as_the_journal(world: World, path: Path) -> None:
    """The tables against the ledgers and the journals themselves, reckoned here once more."""
    for account, ledger in world.ledgers.items():
        state = ledger.state
        own: dict[tuple[str, str], Decimal] = {}
        held: dict[object, Decimal] = {}
        for key, slot in state.book.items():
            assert slot.holding is not None
            held[key] = slot.holding.signed_quantity
            owner = (slot.holding.strategy, slot.holding.symbol)
            own[owner] = own.get(owner, Decimal(0)) + slot.holding.signed_quantity
        rows = ask(path, "SELECT key, signed_quantity FROM positions WHERE account = ?", account)
        assert {key: Decimal(str(quantity)) for key, quantity in rows} == held
        rows = ask(path, "SELECT strategy, symbol, net_quantity FROM exposure WHERE account = ?", account)
        assert {(who, what): Decimal(str(quantity)) for who, what, quantity in rows} == own
        rows = ask(path, "SELECT key, signed_quantity FROM broker_positions WHERE account = ?", account)
        listed = {key: row.signed_quantity for key, row in state.view().rows.items()}
        assert {key: Decimal(str(quantity)) for key, quantity in rows} == listed
        rows = ask(path, "SELECT id, state, book, broker FROM breaks WHERE account = ? AND is_open = 1", account)
        sides = (*state.breaks.values(), *state.order_breaks.values())
        breaks = {one.id: (one.state, one.book, one.broker) for some in sides for one in some}
        assert {identity: tuple(rest) for identity, *rest in rows} == breaks
        rows = ask(path, "SELECT scope FROM quarantined_now WHERE account = ?", account)
        assert {scope for (scope,) in rows} == set(state.quarantine)
        assert ask(path, "SELECT gate, held FROM accounts WHERE account = ?", account) == [
            (state.gate.status, 0 if state.hold is None else len(state.hold.missing))
        ]
        with open_reader(world.url, account) as reader:
            recorded = list(reader.read())
        assert ask(path, "SELECT count(*), max(position) FROM audit WHERE account = ?", account) == [
            (len(recorded), len(recorded))
        ]
        corrections = [
            one.position
            for one in recorded
            if isinstance(one.event, FillAdopted)
            or (isinstance(one.event, BreakMoved) and (one.event.correction or one.event.order_correction))
        ]
        rows = ask(path, "SELECT position FROM corrections WHERE account = ? ORDER BY position", account)
        assert [position for (position,) in rows] == corrections
        for table, kind in (("protection", ProtectionMoved), ("overrides", OverrideMoved)):
            rows = ask(path, f"SELECT position FROM {table} WHERE account = ? ORDER BY position", account)
            assert [position for (position,) in rows] == decided(recorded, kind)
        orders_are_those_of(state, path)
        lives_are_those_of(account, recorded, path)


@settings(TRIED, max_examples=12)
@given(steps=STEPS, data=st.data())
def test_law_11_a_moment_of_the_past_is_what_the_views_were_then(steps: Sequence[Step], data: Any) -> None:
    with scratch() as folder:
        url = f"sqlite:///{folder}/store.db"
        world = World(url)
        account = data.draw(st.sampled_from(sorted(ACCOUNTS)))
        then = data.draw(st.integers(0, len(steps)))
        world.play(steps[:then])
        with Views.open(url, Path(folder, "then.db")) as views:
            views.catch_up()
        position = world.ledgers[account].state.position
        world.play(steps[then:])
        world.close()
        assert project(url, account, position, Path(folder, "moment.db")) == position
        before, moment = content(Path(folder, "then.db")), content(Path(folder, "moment.db"))
        for table in moment:
            assert moment[table] == [row for row in before[table] if row[0] == account], table


@pytest.mark.parametrize("how", ["killed before writing", "killed after writing"])
def test_law_11_a_page_that_dies_leaves_nothing_of_itself(tmp_path: Path, how: str) -> None:
    url = f"sqlite:///{tmp_path}/store.db"
    world = World(url)
    world.play([Step("move", "sim:net", 1, 1), Step("complete", "sim:net", 0, 0)])
    with Views.open(url, page_events=3) as views:
        with dying(how), pytest.raises(Killed):
            views.catch_up()
        assert not any(content(views.path).values())
        assert views.catch_up() == sum(ledger.state.position for ledger in world.ledgers.values())
        whole = content(views.path)
        assert views.catch_up() == 0
        assert content(views.path) == whole
    world.close()


def test_law_11_two_processes_that_keep_one_file_count_nothing_twice(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/store.db"
    world = World(url)
    with Views.open(url, page_events=2) as one, Views.open(url, page_events=3) as other:
        for n in range(4):
            world.play([Step("move", "sim:net", n, 1), Step("complete", "sim:net", 0, 0)])
            (one if n % 2 else other).catch_up()
        world.do(Step("failed", "sim:net", 0, 0))
        assert one.catch_up() + other.catch_up() == 1
        along = content(one.path)
        other.rebuild()
        assert content(one.path) == along
        world.do(Step("failed", "sim:net", 0, 0))
        assert one.catch_up() + other.catch_up() == 1
    world.close()


def test_law_11_tracking_moves_with_the_rows_or_not_at_all(tmp_path: Path) -> None:
    with TrackedFile(tmp_path / "some.db", name="trueup") as file:
        file.prepare()
        with file.page(after=0, end=3) as connection:
            connection.execute("CREATE TABLE t (a)")
        with pytest.raises(Killed):
            die_in_a_page(file)
        assert file.tracked() == 3
        assert ask(file.path, "SELECT * FROM t") == []


def die_in_a_page(file: TrackedFile) -> None:
    with file.page(after=3, end=5) as connection:
        connection.execute("INSERT INTO t VALUES (1)")
        raise Killed


def test_law_11_killed_after_each_single_event(tmp_path: Path) -> None:
    """Every observation is parted from its decisions: what the next page needs is read back from the tables."""
    world = World(f"sqlite:///{tmp_path}/store.db")
    steps = ["changed", "changed", "complete", "complete", "failed", "deals", "deals"]
    world.play([Step(what, "sim:net", n % 4, 1) for n, what in enumerate(steps)])
    world.close()
    kept = tmp_path / "kept.db"
    alive = False
    while not alive:
        with Views.open(world.url, kept, page_events=1) as views, dying("killed before writing", pages=1):
            try:
                views.catch_up()
                alive = True
            except Killed:
                assert views.tracked > 0
    with Views.open(world.url, tmp_path / "anew.db") as views:
        views.catch_up()
    assert content(kept) == content(tmp_path / "anew.db")
    assert ask(kept, "SELECT sum(moves) > 0, sum(corrections) > 0 FROM passes") == [(1, 1)]
