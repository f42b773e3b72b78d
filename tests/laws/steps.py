"""Of what small steps is a history made, and how are they drawn?

A step is a plain tuple, its name first: a failing history prints as a list that can be read, shortened and pasted
into a test. The alphabets are small, so that collisions happen.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any, TypeAlias

from hypothesis import strategies as st
from msgspec.structs import replace

from laws.world import LAG_MS, PRICES, SYMBOLS, World, execution_of
from trueup.changes import Fill, PositionSet
from trueup.model import BrokerPosition, Stop
from trueup.ports import Answer

Step: TypeAlias = tuple[Any, ...]

_FEW = st.integers(0, 5)
_SYMBOL = st.integers(0, 1)
_PART = st.sampled_from([1, 2, 3, -1, -2, -3])
_PARTS = st.tuples(_PART) | st.tuples(_PART, _PART)
_WAIT_MS = st.sampled_from([1, 200, 999, LAG_MS, LAG_MS + 1, 2 * LAG_MS, 5 * LAG_MS, 40_000])
_STALE = st.sampled_from([0, 0, 0, 1, 2, 3])

TRADES: st.SearchStrategy[Step] = st.one_of(
    st.tuples(st.just("trade"), _SYMBOL, _PARTS, st.sampled_from(["pending", "late", "untracked"])),
    st.tuples(st.just("close"), _FEW, _PARTS, st.sampled_from(["pending", "late", "untracked"])),
)
MESSAGES: st.SearchStrategy[Step] = st.one_of(
    st.tuples(st.just("hear"), _FEW, st.sampled_from([1, 1, 2])),
    st.tuples(st.just("hear_again"), _FEW),
    st.tuples(st.just("pushed"), _FEW),
)
OBSERVING: st.SearchStrategy[Step] = st.one_of(
    st.tuples(st.just("ask")),
    st.tuples(st.just("answer"), _STALE),
    st.tuples(st.just("answer"), _STALE),
    st.tuples(st.just("look"), st.integers(1, 3)),
    st.tuples(st.just("partial"), _STALE, st.integers(0, 15)),
)
PASSING: st.SearchStrategy[Step] = st.one_of(
    st.tuples(st.just("wait"), _WAIT_MS),
    st.tuples(st.just("wait"), _WAIT_MS),
    st.tuples(st.just("restart")),
    st.tuples(st.just("jump"), st.sampled_from([-3_600_000, -1, 5_000, 3_600_000])),
)
MISFORTUNES: st.SearchStrategy[Step] = st.one_of(
    st.tuples(st.just("lose"), _FEW),
    st.tuples(st.just("manual"), _FEW, _SYMBOL, st.sampled_from([-3, -1, 0, 1, 2])),
    st.tuples(st.just("stop"), _FEW, st.sampled_from([None, "0.9", "1.2"])),
    st.tuples(st.just("price"), _FEW, st.sampled_from([None, "1.25", "1.3"])),
    st.tuples(st.just("glitch"), st.sampled_from(["failed", "unsupported", "empty", "refused"])),
    st.tuples(st.just("invented"), _FEW, _SYMBOL, _PART),
    st.tuples(st.just("lie"), st.integers(0, 15)),
    st.tuples(st.just("set"), _FEW, _SYMBOL, st.sampled_from([-2, 0, 1, 3]), st.booleans()),
    st.tuples(st.just("disk"), st.sampled_from(["refused", "unsure"])),
    st.tuples(st.just("stuck"), _SYMBOL),
    st.tuples(st.just("acknowledge")),
    st.tuples(st.just("snapshot")),
)

DEALS: st.SearchStrategy[Step] = st.tuples(st.just("deals"), st.integers(0, 2), st.booleans())


def histories(*steps: st.SearchStrategy[Step]) -> st.SearchStrategy[list[Step]]:
    """Short ones, and ones long enough for things to go wrong one after another."""
    one = st.one_of(*steps)
    return st.lists(one, max_size=40) | st.lists(one, min_size=15, max_size=60)


HONEST = histories(TRADES, MESSAGES, OBSERVING, PASSING, DEALS)
"""Nothing is lost, nobody else trades, nothing is staler than declared: what law 3 supposes."""
ANY = histories(TRADES, MESSAGES, OBSERVING, OBSERVING, PASSING, DEALS, MISFORTUNES, MISFORTUNES)
"""Whatever may happen."""


def random_steps(seed: int, count: int) -> list[Step]:
    """A history drawn by a seed alone, for what is too slow to be drawn a hundred times."""
    chosen = random.Random(seed)
    few, size = (lambda: chosen.randrange(6)), (lambda: chosen.choice([1, 2, 3, -1, -2, -3]))
    how = lambda: chosen.choice(["pending", "late", "untracked"])  # noqa: E731
    kinds: list[tuple[int, Callable[[], Step]]] = [
        (4, lambda: ("trade", few() % 2, (size(), size()), how())),
        (3, lambda: ("close", few(), (size(),), how())),
        (5, lambda: ("hear", few(), 1 + few() % 2)),
        (1, lambda: ("hear_again", few())),
        (1, lambda: ("pushed", few())),
        (3, lambda: ("ask",)),
        (5, lambda: ("answer", few() % 3)),
        (3, lambda: ("look", 1 + few() % 3)),
        (2, lambda: ("partial", few() % 3, few())),
        (4, lambda: ("wait", chosen.choice([1, 200, 1_000, 2_500, 40_000]))),
        (1, lambda: ("restart",)),
        (1, lambda: ("jump", chosen.choice([-3_600_000, 3_600_000]))),
        (1, lambda: ("deals", few() % 3, few() > 2)),
        (1, lambda: ("lose", few())),
        (2, lambda: ("manual", few(), few() % 2, size())),
        (1, lambda: ("stop", few(), chosen.choice([None, "0.9"]))),
        (2, lambda: ("lie", few())),
        (1, lambda: ("glitch", chosen.choice(["failed", "empty", "refused"]))),
        (1, lambda: ("set", few(), few() % 2, size(), few() > 2)),
        (1, lambda: ("acknowledge",)),
    ]
    weights = [weight for weight, _ in kinds]
    return [make() for _, make in chosen.choices(kinds, weights, k=count)]


def play(world: World, steps: Iterable[Step]) -> World:
    """Do the steps, in order."""
    for name, *arguments in steps:
        _DOING[name](world, *arguments)
    return world


# -- what each step does -----------------------------------------------------------------------------------


def _trade(world: World, symbol: int, parts: tuple[int, ...], tracked: Any) -> None:
    if world.mode == "hedging":
        size = abs(parts[0]) // parts[0]
        parts = tuple(abs(part) * size for part in parts)  # one order opens in one direction
    world.trade(SYMBOLS[symbol], parts, tracked)


def _close(world: World, which: int, parts: tuple[int, ...], tracked: Any) -> None:
    world.trade(SYMBOLS[which % 2], parts, tracked, close=which)


def _manual(world: World, which: int, symbol: int, quantity: int) -> None:
    """Somebody else trades: a new size for a row, a new row, or the end of one."""
    rows = sorted(world.truth)
    if which % 2 and rows:
        key = rows[which % len(rows)]
        row = replace(world.truth[key], signed_quantity=quantity * world.scale) if quantity else None
        world.change(key, row)
    elif quantity:
        ticket = f"9{symbol}{which}"
        key = SYMBOLS[symbol] if world.mode == "netting" else f"#{ticket}"
        world.change(
            key, BrokerPosition(SYMBOLS[symbol], quantity * world.scale, ticket=ticket, price=PRICES[SYMBOLS[symbol]])
        )


def _stop(world: World, which: int, price: str | None) -> None:
    _redrawn(world, which, stop=Stop(None if price is None else Decimal(price)))


def _price(world: World, which: int, price: str | None) -> None:
    _redrawn(world, which, price=None if price is None else Decimal(price))


def _redrawn(world: World, which: int, **fields: object) -> None:
    if world.truth:
        key = sorted(world.truth)[which % len(world.truth)]
        world.change(key, replace(world.truth[key], **fields))


def _invented(world: World, number: int, symbol: int, quantity: int) -> None:
    """The process records a fill that the broker never had."""
    fill = Fill(
        execution_id=f"invented-{number}",
        symbol=SYMBOLS[symbol],
        side="buy" if quantity > 0 else "sell",
        quantity=abs(quantity) * world.scale,
        price="7",
        ticket=f"9{symbol}{number}" if world.mode == "hedging" and number % 2 else None,
    )
    world.record(fill)


def _lie(world: World, rows: int) -> None:
    """A complete answer that leaves out what there is."""
    some = {key: row for place, (key, row) in enumerate(sorted(world.truth.items())) if rows >> place & 1}
    world.give(Answer(completeness="complete", positions=some))


def _set(world: World, which: int, symbol: int, quantity: int, named: bool) -> None:
    ticket = f"9{symbol}{which}" if world.mode == "hedging" and named else None
    side: Any = "short" if quantity < 0 else "long"
    world.record(PositionSet(symbol=SYMBOLS[symbol], side=side, quantity=abs(quantity) * world.scale, ticket=ticket))


def _stuck(world: World, symbol: int) -> None:
    """An order is recorded as pending, and never heard of again."""
    world.trade(SYMBOLS[symbol], (), "pending")
    world.messages.pop()


def _wait(world: World, ms: int) -> None:
    world.clock.advance(ms)


def _deals(world: World, unlisted: int, complete: bool) -> None:
    world.answer_deals(unlisted, complete=complete)


def _snapshot(world: World) -> None:
    world.ledger.save_snapshot()


_DOING: dict[str, Any] = {
    "trade": _trade,
    "close": _close,
    "hear": World.hear,
    "hear_again": World.hear_again,
    "pushed": lambda world, which: world.hear(which, pushed=True),
    "ask": World.ask,
    "answer": World.answer,
    "partial": lambda world, stale, rows: world.answer(stale, rows=rows),
    "look": World.look,
    "wait": _wait,
    "restart": World.restart,
    "jump": lambda world, ms: world.clock.jump(ms),
    "lose": World.lose,
    "manual": _manual,
    "stop": _stop,
    "price": _price,
    "glitch": World.glitch,
    "invented": _invented,
    "lie": _lie,
    "set": _set,
    "deals": _deals,
    "disk": lambda world, trouble: world.journal.troubles.append(trouble),
    "stuck": _stuck,
    "acknowledge": World.acknowledge,
    "snapshot": _snapshot,
}

__all__ = ["ANY", "HONEST", "Step", "execution_of", "play"]
