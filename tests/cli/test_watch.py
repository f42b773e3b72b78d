"""What is drawn while `trueup run` is watched in a terminal."""

from __future__ import annotations

from decimal import Decimal

import pytest
from rich.console import Console

from trueup import Command, PassReport, Policy, Reconciler
from trueup.model import BrokerPosition, Holding
from trueup.report import failed_report
from trueup.testing.broker import SimulatedBroker
from trueup_adapters.cli.watch import PASSES_MAX, ROWS_MAX, Picture, age

NOW_NS = 1_800_000_000_000_000_000


def drawn(picture: Picture, rec: Reconciler, broker: tuple[BrokerPosition, ...] = ()) -> str:
    console = Console(width=140, record=True, file=open("/dev/null", "w", encoding="utf-8"))  # noqa: SIM115
    try:
        console.print(picture.draw(rec.get_status(), rec.book.positions, broker, NOW_NS))
    finally:
        console.file.close()
    return console.export_text()


@pytest.fixture
def rec():
    broker = SimulatedBroker(position_mode="hedging")
    with Reconciler.open(
        "memory://watch", account="mt5:5001", broker=broker, policy=Policy.adopt(lag_ms_max={"positions": 1})
    ) as opened:
        yield opened


def row(number: int) -> BrokerPosition:
    return BrokerPosition(f"SYM{number:03}", Decimal("0.10"), str(number), Decimal("1.05"))


def test_the_gate_the_age_of_the_last_verification_and_the_journal_are_shown(rec) -> None:
    text = drawn(Picture(), rec)
    assert "mt5:5001" in text
    assert "gate closed" in text
    assert "verified never" in text
    assert "2 events" in text
    assert "no positions on either side" in text


def test_what_differs_is_drawn_first_and_the_rest_is_counted(rec) -> None:
    text = drawn(Picture(), rec, tuple(row(number) for number in range(ROWS_MAX + 5)))
    assert "and 5 more" in text
    assert "long 0.1" in text
    assert f"SYM{ROWS_MAX:03}" not in text


def test_hedged_legs_of_one_symbol_stand_apart() -> None:
    from trueup_adapters.cli.watch import _paired

    class Hedging:
        position_mode = "hedging"

    legs = [Holding("EURUSD", Decimal(1), str(n)) for n in range(29)]
    rows = [BrokerPosition("EURUSD", Decimal(1), str(n)) for n in range(29)]
    pairs = _paired(Hedging(), legs, rows)  # type: ignore[arg-type]
    assert len(pairs) == 29
    assert all(ours is not None and theirs is not None for ours, theirs in pairs)


def test_only_the_last_passes_are_remembered(rec) -> None:
    picture = Picture()
    for number in range(PASSES_MAX + 3):
        picture.note(failed_report("mt5:5001", "periodic", f"trouble {number}", NOW_NS, number))
    text = drawn(picture, rec)
    assert "trouble 2" not in text
    assert f"trouble {PASSES_MAX + 2}" in text


def test_a_pass_is_drawn_with_what_it_corrected(rec) -> None:
    picture = Picture()
    report = rec.startup_recovery()
    assert isinstance(report, PassReport)
    picture.note(report)
    text = drawn(picture, rec)
    assert "SUCCESS" in text
    assert "gate open" in text


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(-3, "0 s"), (0, "0 s"), (119, "119 s"), (120, "2 min"), (7_199, "119 min"), (7_200, "2 h"), (200_000, "2 d")],
)
def test_ages_are_said_in_the_unit_that_a_person_would_use(seconds: int, said: str) -> None:
    assert age(seconds) == said


def test_an_override_is_loud(rec) -> None:
    rec.startup_recovery()
    rec.command(Command(name="override", who="ada", why="late", arguments={"scope": "account", "seconds": "60"}))
    text = drawn(Picture(), rec)
    assert f"override account until {rec.get_status().overrides[0].until}, by ada: late" in text
