"""Law 12: after a year of the same, is the state still as small, and does every limit limit something?"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given

import trueup
from laws.profiles import tried
from laws.steps import ANY, Step, play, random_steps
from laws.stores import MS, FakeClock, ListJournal
from laws.test_values import MODES
from laws.world import World, impatient, patient
from trueup.changes import Fill, OrderUpdate, PositionSet
from trueup.events import Event
from trueup.evidence import PROOF_MAX
from trueup.journal import Head
from trueup.ledger import RAWS_WAITING_MAX, Claim, Ledger
from trueup.model import BrokerPosition
from trueup.policy import Policy
from trueup.ports import Answer
from trueup.reconciliation import draft, inputs
from trueup.reconciliation.fills import INFERRED_PER_KEY_MAX
from trueup.reconciliation.order_inputs import IN_FLIGHT_PER_SYMBOL_MAX
from trueup.reconciliation.outcomes import CORRECTIONS_REMEMBERED_MAX
from trueup.reconciliation.saved import save

ENGINE = Path(trueup.__file__).parent


class Forgetful(ListJournal):
    """A journal that only counts: what is tried here is the state."""

    count = 0

    def head(self) -> Head:
        return Head(self.count, b"")

    def append(self, events: Sequence[Event], *, raws: Sequence[bytes] = ()) -> Head:
        self.count += len(events)
        return self.head()


def test_law_12_fifty_thousand_unchanged_passes_leave_the_state_as_small_as_it_was() -> None:
    clock, journal = FakeClock(), Forgetful()
    ledger = Ledger(journal, clock, Claim(policy=Policy.adopt()))
    rows = {name: BrokerPosition(name, Decimal(1), ticket=name, price=Decimal("1.1")) for name in "ABCDE"}
    sizes = []
    for number in range(50_000):
        clock.advance(15_000)
        asking = ledger.asking()
        same = rows if number % 2 else dict(rows)
        ledger.observe("positions", Answer(completeness="complete", positions=same, raw=b"raw"), asking)
        if number % 10_000 == 9_999:
            ledger.maintain()
            sizes.append(len(save(ledger.state)))
    assert journal.count < 50_100  # an unchanged answer is one event, and causes none
    assert max(sizes) - min(sizes) <= 24, sizes  # numbers grow by a digit


LIMIT = 8


@pytest.fixture
def small_memories(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CLOSED_KEYS_MAX", "EXECUTIONS_MAX", "BINDINGS_MAX", "ENDED_ORDERS_MAX", "OBSERVATION_IDS_MAX"):
        monkeypatch.setattr(draft, name, LIMIT)
    monkeypatch.setattr(inputs, "EXECUTIONS_MAX", LIMIT)


@pytest.mark.usefixtures("small_memories")
def test_law_12_every_memory_keeps_the_latest_and_no_more_than_twice_its_limit() -> None:
    world = World("hedging", patient(), named_by="order", baseline=False)
    for number in range(60):
        world.trade("AUD", (1,), "pending")
        world.trade("AUD", (1,), "pending", close=0)
        world.hear_all()
        world.clock.advance(3_000)
        world.ask()
        world.answer(identity=f"seen-{number}")
    state = world.ledger.state
    for name in ("closed", "executions", "bindings", "ended_orders", "observation_ids"):
        memory = getattr(state, name)
        assert LIMIT <= len(memory.young) + len(memory.old) <= 2 * LIMIT, name
    assert state.observation_ids.get("seen-59") is not None
    assert state.executions.get("120-0") is not None
    assert state.executions.get("1-0") is None


@pytest.mark.usefixtures("small_memories")
def test_law_12_the_first_answer_on_fills_is_remembered_up_to_a_limit() -> None:
    world = World(baseline=False)
    for _ in range(50):
        world.trade("AUD", (1,), "untracked")
    world.answer_deals()
    assert world.ledger.state.past_executions == {f"{number}-0" for number in range(51 - LIMIT, 51)}


def test_law_12_what_is_kept_of_one_key_is_bounded() -> None:
    world = World(policy=patient(), baseline=False)
    for number in range(2 * INFERRED_PER_KEY_MAX):
        world.change("AUD", BrokerPosition("AUD", Decimal(1 + number), price=Decimal(1)))
        world.look(2)
    slot = world.ledger.state.book["AUD"]
    assert len(slot.inferred) == INFERRED_PER_KEY_MAX
    assert len(slot.corrections) == 1  # each held until the broker moved on
    for _ in range(2 * CORRECTIONS_REMEMBERED_MAX):
        world.record(PositionSet(symbol="AUD", side="long", quantity=1))
        world.look(4)
    assert len(world.ledger.state.book["AUD"].corrections) == CORRECTIONS_REMEMBERED_MAX
    assert world.book() == world.owed()


def test_law_12_a_proof_names_the_first_answers_and_the_latest() -> None:
    world = World(policy=Policy.observe(lag_ms_max={"positions": 1_000}), baseline=False)
    world.move("AUD", Decimal(1), None)
    world.look(40)
    (found,) = world.ledger.state.breaks["AUD"]
    proof = found.sightings.proof
    assert len(proof) <= PROOF_MAX
    assert list(proof) == sorted(set(proof))


def test_law_12_orders_in_flight_are_watched_up_to_a_limit() -> None:
    world = World()
    for number in range(IN_FLIGHT_PER_SYMBOL_MAX + 40):
        order = OrderUpdate(
            client_order_id=f"o{number}", symbol="AUD", side="buy", type="market", quantity=1, status="pending"
        )
        world.record(order)
    flying = world.ledger.state.in_flight["AUD"]
    assert len(flying) == IN_FLIGHT_PER_SYMBOL_MAX
    assert flying[-1] == f"o{IN_FLIGHT_PER_SYMBOL_MAX + 39}"


def test_law_12_raw_replies_that_wait_are_bounded() -> None:
    world = World(baseline=False)
    for number in range(3 * RAWS_WAITING_MAX):
        world.ask()
        world.give(Answer(completeness="partial", why="a page", raw=f"{number}".encode()))
    world.ledger.maintain()
    assert len(world.journal.raws) == RAWS_WAITING_MAX
    assert world.journal.raws[-1] == f"{3 * RAWS_WAITING_MAX - 1}".encode()


@tried(40)
@given(steps=ANY, mode=MODES)
def test_law_12_whatever_happens_windows_and_proofs_stay_short(steps: list[Step], mode) -> None:
    world = play(World(mode, impatient()), steps)
    world.journal.troubles.clear()
    world.clock.advance(3_600_000)
    world.look(2)
    state = world.ledger.state
    window_ns = state.policy.mass_absence_window_s * 1_000 * MS
    assert all(state.at.at_ns - when.at_ns <= window_ns or when.epoch < state.epoch for when, _ in state.book_sizes)
    sizes = [size for _, size in state.book_sizes]
    assert sizes == sorted(sizes, reverse=True)
    for breaks in state.breaks.values():
        assert all(len(one.sightings.proof) <= PROOF_MAX for one in breaks)


def test_law_12_a_busy_year_does_not_make_the_state_grow(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CLOSED_KEYS_MAX", "EXECUTIONS_MAX", "BINDINGS_MAX", "ENDED_ORDERS_MAX", "OBSERVATION_IDS_MAX"):
        monkeypatch.setattr(draft, name, LIMIT)
    world = World("netting", patient())
    sizes = []
    for seed in range(12):
        play(world, [step for step in random_steps(seed, 150) if step[0] not in ("trade", "close", "restart")])
        for number in range(60):
            fill = Fill(execution_id=f"{seed}-{number}", symbol="AUD", side="buy", quantity=1, price="1.1")
            world.record(fill)
        sizes.append(len(save(world.ledger.state)))
    assert max(sizes[4:]) <= 1.5 * max(sizes[:4]), sizes


# -- every limit limits something --------------------------------------------------------------------------


def test_law_12_every_limit_that_is_named_is_used() -> None:
    trees = {path: ast.parse(path.read_text("utf-8")) for path in sorted(ENGINE.rglob("*.py"))}
    attributes = {name for tree in trees.values() for name in _loaded(tree, ast.Attribute)}
    imported = {pair for tree in trees.values() for pair in _imported(tree)}
    unused = []
    for path, tree in trees.items():
        own = _loaded(tree, ast.Name)
        unused += [
            f"{path.relative_to(ENGINE)}: {name}"
            for name in _limits(tree)
            if name not in own | attributes and (path.stem, name) not in imported
        ]
    assert not unused, "a limit that nothing asks for"


def _limits(tree: ast.Module) -> Iterator[str]:
    """Names ending in MAX that a module defines, and fields ending in _max of its classes."""
    bodies = [tree.body, *(node.body for node in tree.body if isinstance(node, ast.ClassDef))]
    for node in (statement for body in bodies for statement in body):
        targets = [node.target] if isinstance(node, ast.AnnAssign) else getattr(node, "targets", [])
        yield from (one.id for one in targets if isinstance(one, ast.Name) and one.id.lower().endswith("_max"))


def _loaded(tree: ast.Module, kind: type[ast.Name] | type[ast.Attribute]) -> set[str]:
    """Names, or attributes, that a module reads."""
    return {
        node.id if isinstance(node, ast.Name) else node.attr
        for node in ast.walk(tree)
        if isinstance(node, kind) and isinstance(node.ctx, ast.Load)
    }


def _imported(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """(last part of the module, name) of everything that a module takes from another."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield from ((node.module.rpartition(".")[2], alias.name) for alias in node.names)
