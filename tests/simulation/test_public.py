"""Does what users test with draw what it promises, find what is wrong, and let pass what is right?"""

from __future__ import annotations

import io
import json
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis.stateful import rule, run_state_machine_as_test

from trueup.changes import Fill, OrderUpdate
from trueup.incident import import_incident
from trueup.model import BrokerPosition
from trueup.policy import Policy
from trueup.ports import Answer
from trueup.simulation import shrinking, simulate
from trueup.simulation.disk import Disk
from trueup.simulation.drawing import draw
from trueup.testing import plugin, strategies
from trueup.testing.broker import SimulatedBroker
from trueup.testing.machine import BotMachine

pytest_plugins = ["pytester"]
FEW = settings(max_examples=30, deadline=None, database=None, derandomize=True)


@FEW
@given(strategies.positions(), strategies.positions("netting"), strategies.fills(), strategies.orders())
def test_values_are_exact_and_of_their_mode(hedging, netting, fill, order) -> None:
    assert isinstance(hedging, BrokerPosition)
    assert hedging.ticket is not None
    assert netting.ticket is None
    assert isinstance(hedging.signed_quantity, Decimal)
    assert hedging.signed_quantity
    assert isinstance(fill, Fill)
    assert isinstance(order, OrderUpdate)


@FEW
@given(strategies.observations("netting"), strategies.policies(correcting=True), strategies.policies(correcting=False))
def test_answers_and_policies_are_what_they_say(answer: Answer, follows: Policy, watches: Policy) -> None:
    assert answer.completeness in ("complete", "partial", "failed")
    assert (answer.why == "") == (answer.completeness == "complete")
    assert all(key == row.symbol for key, row in answer.positions.items())
    assert follows.on_recovery == "adopt"
    assert watches.on_recovery != "adopt"


@FEW
@given(strategies.broker_histories("hedging"))
def test_any_history_can_be_played(steps) -> None:
    broker = SimulatedBroker(position_mode="hedging")
    strategies.play(broker, steps)
    opened = sum(step[0] == "open" for step in steps)
    assert len(broker.truth) <= opened


@FEW
@given(strategies.incidents())
def test_an_incident_is_lines_of_json_in_order(lines) -> None:
    times = [line["at"] for line in json.loads(json.dumps(lines))]
    assert times == sorted(times)
    assert {line["kind"] for line in lines} <= {"snapshot", "failure", "local"}
    assert all(isinstance(row["quantity"], str) for line in lines for row in line.get("positions", ()))


@FEW
@given(strategies.incidents())
def test_whatever_incident_is_drawn_can_be_imported_whole(lines) -> None:
    text = "\n".join(map(json.dumps, lines)).encode()
    refused: list[str] = []
    disk = Disk("full")
    if lines:
        found = import_incident(
            io.BytesIO(text), disk.url, account="test:1", refused=lambda line, why: refused.append(why)
        )
        assert (found.lines, found.taken) == (len(lines), len(lines))
    disk.close()
    assert refused == []


# -- the machine -------------------------------------------------------------------------------------------


class Careless(BotMachine):
    """A bot that records what never was."""

    def make_bot(self, rec, broker):
        return rec

    @rule()
    def dream(self) -> None:
        self.bot.record(Fill(execution_id="dream", symbol="AAPL", side="buy", quantity=1, price=1))

    def check_bot(self, bot) -> None:
        assert all(one.strategy == "external" for one in bot.book.positions if one.symbol != "AAPL")


class Forgetful(Careless):
    """One that would rather not see its book."""

    def check_bot(self, bot) -> None:
        assert not bot.book.positions, "the book holds something"


def test_a_machine_whose_check_holds_finds_nothing() -> None:
    run_state_machine_as_test(Careless, settings=settings(FEW, max_examples=8, stateful_step_count=8))


def test_a_machine_whose_check_fails_says_so() -> None:
    with pytest.raises(AssertionError, match="the book holds something"):
        run_state_machine_as_test(Forgetful, settings=settings(FEW, max_examples=40, stateful_step_count=8))


def test_a_book_that_a_policy_never_corrects_is_found_in_the_end() -> None:
    class Watching(Careless):
        policy = Policy.observe(sync_interval_s=5)

        def check_bot(self, bot) -> None:
            assert bot.book is not None

    with pytest.raises(AssertionError, match="after 30 looks at a quiet broker"):
        run_state_machine_as_test(Watching, settings=settings(FEW, max_examples=40, stateful_step_count=6))


# -- the plugin --------------------------------------------------------------------------------------------


def test_the_fixtures_of_the_plugin(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        from trueup import Reconciler

        def test_a_store_and_a_broker(trueup_store, simulated_broker):
            with Reconciler.open(trueup_store, account="test:1", broker=simulated_broker) as rec:
                simulated_broker.open("EURUSD", "long", 1, price="1.1")
                assert rec.sync_positions().status == "SUCCESS"

        def test_histories(trueup_histories):
            outcomes = trueup_histories(faults="light", minutes=1)
            assert [one.seed for one in outcomes] == [7, 8]
        """
    )
    done = pytester.runpytest_inprocess("-p", "trueup.testing.plugin", "--trueup-seed=7", "--trueup-runs=2")
    done.assert_outcomes(passed=2)


def test_a_failing_history_is_told_shortened_and_left(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from simulation.plants import PLANTS

    next(one for one in PLANTS if one.name == "one_confirmation_is_enough").plant(monkeypatch)
    monkeypatch.setattr(shrinking, "TRIES_MAX", 40)
    seed = next(seed for seed in range(1, 30) if simulate(draw(seed)).violations)
    outcome = simulate(draw(seed))
    text = plugin._told(seed, "all", None, outcome, str(tmp_path))
    assert "BROKEN law" in text
    assert f"--trueup-seed={seed} --trueup-runs=1 repeats it" in text
    assert {path.suffix for path in tmp_path.iterdir()} == {".db", ".zip", ".json", ".txt"}
    assert f"trueup replay --store bundle:///{tmp_path}/seed-{seed}.zip" in text
