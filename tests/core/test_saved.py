"""Is a state that was saved the very same state, byte for byte, and is what it remembers bounded?"""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from lessons.world import World, deal, fill, held, order_row, pending, row
from trueup import Instrument, Policy, PushedExecution
from trueup.facts import BookRead
from trueup.model import Refusal, Stop
from trueup.policy import Protect
from trueup.ports import Answer, failed
from trueup.reconciliation import draft as drafts
from trueup.reconciliation.draft import Draft, DraftMemory
from trueup.reconciliation.saved import load, save
from trueup.reconciliation.state import Memory, State

Worlds = Callable[..., World]


def eventful(world: Worlds) -> World:
    """A state in which every part holds something."""
    policy = Policy.adopt(
        on_recovery="quarantine",
        mass_absence_fraction_max="0.3",
        instruments={"EURUSD": Instrument(aliases=("EUR/USD",))},
        dust={"*": "0.0001"},
        on_orphan_order="cancel",
        protect=Protect(),
    )
    names = [f"S{n:02}" for n in range(12)]
    w = world(*(held(name, "1", ticket=name, stop=None) for name in names), policy=policy, mode="hedging", orders=True)
    w.record(fill("x1", "EURUSD", "1", client_order_id="c1", order_id="o1"), fill("x2", "CADJPY", "1"))
    w.record(held("NZDUSD", "1", ticket="gone"), held("NZDUSD", "0", ticket="gone"))
    w.record(pending("c2", "EURUSD"), pending("c3", "USDJPY", "accepted"), pending("c4", "USDJPY", "filled"))
    rows = [row(name, "1", ticket=name, stop="1") for name in names]
    w.lists()
    w.deals(deal("past", "EURUSD", "1", ticket="S01", reason="stop"))
    w.sees(*rows, row("EURUSD", "1", ticket="o1"), row("GBPUSD", "1", ticket="new"))
    w.sees(*rows[1:], row("EURUSD", "1", ticket="o1"), row("GBPUSD", "1", ticket="new"), times=2)
    other = row("GBPUSD", "1", ticket="new")
    w.sees(*rows[8:], other)
    w.says("ack", what="mass-absence")
    w.answered(failed("no answer"), identity="given twice")
    w.answered(Answer(completeness="complete", positions={"#new": other}))
    w.policy = Policy.adopt(confirmations=3, on_orphan_order="cancel", protect=Protect())
    w.restored = True
    w.restart(down_s=1)
    w.record(pending("c5", "USDJPY", order_id="o5"), pending("c6", "USDJPY", "filled"))
    strangers = [order_row("USDJPY", order_id=name) for name in ("b1", "b2")]
    w.lists(*strangers, order_row("USDJPY", name="c3", order_id="b3"), times=2)
    w.sends(next(one.client_id for one in w.actions() if one.purpose == "cancel-orphan"))
    w.record(pending("c7", "GBPUSD", "filled"))
    w.sees_part(rows[9], refused=[Refusal(3, "NaN", symbol="GBPUSD")])
    w.record(fill("x3", "EURUSD", "1", ticket="S09"), fill("x4", "EURUSD", "1"))
    w.record(pending("c9", "DAX"))
    w.ledger.push(PushedExecution(fill=fill("x9", "DAX", "2", client_order_id="c9")))
    w.record(pending("c8", "GBPUSD", "filled"))
    w.permit("GBPUSD", "1", ticket="new", client_order_id="c9")
    w.says("override", scope="GBPUSD", seconds="600")
    lost = (Refusal(1, "a float"),)
    w.ledger.judged(lambda _, at: [BookRead(at, "bot.db", "partial", "1 rows refused", 1, 0, ("#S09",), (), lost)])
    return w


def test_everything_comes_back_as_it_was(world: Worlds) -> None:
    w = eventful(world)
    empty = State()
    same = [name for name in State.__struct_fields__ if getattr(w.state, name) == getattr(empty, name)]
    assert same == ["inbox_position", "delivered", "alerts_delivered"], f"the story leaves these untold: {same}"
    saved = save(w.state)
    loaded = load(saved)
    assert loaded == w.state
    assert save(loaded) == saved
    assert loaded.slot("#gone") == w.state.slot("#gone")
    assert loaded.policy.digest == w.state.policy.digest


def test_the_order_in_which_things_came_does_not_show_in_the_bytes() -> None:
    """Equal states are equal bytes, whatever a map's own order is: `verify` compares them."""
    names = [f"k{n}" for n in range(50)]
    maps = []
    for some in (names, names[::-1]):
        opened = Draft.of(State(account="a:b"))
        for name in some:
            opened.dirty[name] = True
        maps.append(opened.sealed())
    assert maps[0] == maps[1]
    assert save(maps[0]) == save(maps[1])


@pytest.mark.parametrize("bytes_", [b"", b"\x80\x01", b'{"book": 1}', b"\x81\xa4book\x01"])
def test_bytes_that_are_no_state_are_refused(bytes_: bytes) -> None:
    with pytest.raises((msgspec.MsgspecError, TypeError)):
        load(bytes_)


def test_a_loaded_state_goes_on_like_the_one_that_was_saved(world: Worlds) -> None:
    """The next answers make the same decisions on either."""
    w, twin = eventful(world), eventful(world)
    twin.ledger._state = load(save(twin.state))
    for rows in ([], [row("S09", "1", ticket="S09", stop=None)]):
        assert w.sees(*rows, times=2) == twin.sees(*rows, times=2)
    assert save(w.state) == save(twin.state)


# -- memories ----------------------------------------------------------------------------------------------


def test_a_memory_keeps_at_least_its_limit_and_at_most_twice_that() -> None:
    memory: Memory[int] = Memory()
    for n in range(100):
        opened = DraftMemory(memory, 10)
        opened.put(f"k{n}", n)
        assert opened.get(f"k{n}") == n
        memory = opened.sealed()
        kept = [i for i in range(n + 1) if memory.get(f"k{i}") is not None]
        assert kept[-min(10, n + 1) :] == list(range(max(0, n - 9), n + 1))
        assert len(memory.young) + len(memory.old) <= 20
    assert memory.get("k0") is None


def test_a_memory_that_is_only_read_stays_the_same() -> None:
    memory = DraftMemory(Memory(), 10)
    memory.put("a", 1)
    sealed = memory.sealed()
    reading = DraftMemory(sealed, 10)
    assert [reading.get("a"), reading.get("b")] == [1, None]
    assert reading.sealed() is sealed


def test_the_newer_word_is_remembered_across_generations() -> None:
    memory: DraftMemory[int] = DraftMemory(Memory(), 2)
    memory.put("a", 1)
    memory.turn()
    assert memory.get("a") == 1
    memory.put("a", 2)
    assert memory.get("a") == 2
    assert memory.sealed().get("a") == 2
    memory.turn()
    memory.turn()
    assert memory.get("a") is None


def test_closed_keys_are_forgotten_in_turn(world: Worlds, monkeypatch: pytest.MonkeyPatch) -> None:
    """And the book itself never is."""
    monkeypatch.setattr(drafts, "CLOSED_KEYS_MAX", 5)
    w = world(held("KEPT", "1", stop="1"))
    for n in range(20):
        w.record(held(f"S{n}", "1"), held(f"S{n}", "0"))
    known = [n for n in range(20) if w.state.slot(f"S{n}") is not None]
    assert known[-5:] == [15, 16, 17, 18, 19]
    assert len(known) <= 10
    assert w.book == {"KEPT": "1"}
    holding = w.state.held("KEPT")
    assert holding is not None
    assert holding.stop == Stop(holding.stop.price if holding.stop else None)
    monkeypatch.undo()
