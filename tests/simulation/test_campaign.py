"""Do the laws hold in a steady campaign, is a run the same everywhere, and is everything that is counted seen?

A slice of what `scripts/campaign` tries: that plays 2,000 histories, this one in every run of the suite.
"""

from __future__ import annotations

import decimal
import gc
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from trueup.journal import verify
from trueup.policy import Policy
from trueup.simulation import Scenario, Settings, campaign, draw, from_json, shrink, simulate, story, to_json, told
from trueup.simulation.campaign import Lot, _deaf, play
from trueup.simulation.disk import ACCOUNT
from trueup.simulation.faults import FAULTS
from trueup.simulation.happenings import HAPPENINGS, LASTING
from trueup.simulation.world import World
from trueup_projections.trial import ReadModels

SEEDS = Path(__file__).with_name("seeds.txt")
FIRST = 201
"""From here on even sixty seeds meet all that a short campaign has to have seen."""
STEADY = int(os.environ.get("TRUEUP_CAMPAIGN_RUNS", "60"))
HARD = {
    "kill", "append_refused", "append_unanswered", "death_before_commit", "failure", "silence", "page_cut",
    "lagging_answer", "stolen_lock", "wall_jump", "reconnect",
}  # fmt: skip
"""Faults that even a short campaign has to have seen."""


def failed_once() -> list[int]:
    lines = (line.split(maxsplit=1) for line in SEEDS.read_text("utf-8").splitlines())
    return [int(words[0]) for words in lines if words and not words[0].startswith("#")]


def test_no_law_is_broken_and_much_was_tried() -> None:
    found = campaign(range(FIRST, FIRST + STEADY), workers=1)
    assert found.violations == ()
    assert found.runs == STEADY
    assert set(found.faults) == set(FAULTS)
    assert {name for name in HARD if not found.faults[name]} == set()
    assert found.coverage["correction recovery"] > 0
    assert found.coverage["correction ghost"] > 0


@pytest.mark.parametrize("seed", failed_once())
def test_a_seed_that_failed_once_does_not_fail_again(seed: int) -> None:
    (outcome,) = play(Lot((seed,)))
    assert outcome.violations == ()


def test_a_run_is_the_same_in_every_process(tmp_path: Path) -> None:
    code = (
        "from trueup.simulation import draw, simulate\n"
        "for seed in (3, 8, 21, 34):\n"
        "    print(seed, simulate(draw(seed)).digest)\n"
    )
    ends: set[str] = set()
    for number, seed in enumerate(("0", "1", "4711")):
        where = tmp_path / str(number)
        where.mkdir()
        given = os.environ | {"PYTHONHASHSEED": seed, "TZ": ("UTC", "Asia/Tokyo", "America/New_York")[number]}
        ran = subprocess.run(
            [sys.executable, "-c", code], env=given, cwd=where, capture_output=True, text=True, check=True
        )
        ends.add(ran.stdout)
    assert len(ends) == 1
    assert len(next(iter(ends)).splitlines()) == 4


def test_a_run_is_the_same_whatever_arithmetic_the_thread_is_set_to() -> None:
    """Law 1: ccxt sets another rounding for good on whatever thread first rounds a number."""
    wanted = [simulate(draw(seed)).digest for seed in (15, 24)]
    with decimal.localcontext(decimal.Context(prec=5, rounding=decimal.ROUND_HALF_UP, capitals=0)):
        assert [simulate(draw(seed)).digest for seed in (15, 24)] == wanted


def test_law_11_read_models_are_kept_along_and_leave_the_history_as_it_is() -> None:
    alone, beside = (campaign(range(16, 49, 16), workers=1, beside=one) for one in (None, ReadModels))
    followed = "followed from beside"
    assert beside.coverage == alone.coverage | {followed: 3}
    assert (beside.steps, beside.faults, beside.violations) == (alone.steps, alone.faults, ())
    assert simulate(draw(16), beside=ReadModels).digest == simulate(draw(16)).digest
    assert followed not in campaign(range(17, 19), workers=1, beside=ReadModels).coverage, "the others are not"


def test_every_happening_and_fault_has_an_effect_somewhere() -> None:
    """What is drawn is done, and what is done is counted: nothing is planned and never seen."""
    drawn: set[str] = set()
    for seed in range(1, 400):
        scenario = draw(seed)
        for one in scenario.happenings:
            drawn.add(LASTING[one.numbers[0]] if one.name == "fault" else one.name)
    assert {*HAPPENINGS, *LASTING} - drawn - {"fault"} == set()


def test_processes_add_up_to_the_same_sum_as_this_one_whatever_it_did_before(tmp_path: Path) -> None:
    results = tmp_path / "results.db"
    shared = campaign(range(1, 25), workers=2, results=results)
    assert campaign(range(1, 25), workers=1) == shared
    with sqlite3.connect(results) as file:
        assert file.execute("SELECT COUNT(*), SUM(steps) FROM runs").fetchone() == (24, shared.steps)
        kills = file.execute("SELECT count FROM totals WHERE kind='fault' AND name='kill'").fetchone()
    file.close()
    assert kills == (shared.faults["kill"],)


def test_a_scenario_is_kept_and_played_again() -> None:
    scenario = draw(12)
    again = from_json(to_json(scenario))
    assert again == scenario
    assert simulate(again).digest == simulate(scenario).digest


def test_the_store_of_a_run_can_be_looked_at(tmp_path: Path) -> None:
    path = tmp_path / "seed-5.db"
    played = told(draw(5), narrated=True, export=path)
    report = verify(f"sqlite:///{path}", ACCOUNT)
    assert report.ok, report.faults
    assert report.events > 10
    lines = list(story(draw(5), played))
    assert lines[0].startswith("seed 5: ")
    assert "no law was broken" in lines[-1]
    assert any("is the writer of epoch" in line for line in lines)


def test_shrinking_leaves_what_is_needed_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    from simulation.plants import PLANTS

    next(one for one in PLANTS if one.name == "the_gate_does_not_mind_the_journal").plant(monkeypatch)
    seed = next(seed for seed in range(1, 60) if any(one.law == 9 for one in simulate(draw(seed)).violations))
    whole = draw(seed)
    short = shrink(whole, frozenset({9}), tries_max=150)
    assert len(short.happenings) < len(whole.happenings) / 2
    assert any(one.law == 9 for one in simulate(short).violations)


def test_a_month_passes_in_seconds_and_nothing_grows() -> None:
    """Law 12: a pass every five minutes; the only clock that moves is the simulation's own."""
    policy = Policy.adopt(sync_interval_s=300, verified_age_s_max=1_200)
    days = 30
    slow = {"poll_ms": 300_000, "tick_ms": 60_000}
    settings = Settings(policy=policy, held=(1, -2, 3), minutes=60 * 24 * days, honest=True, lag_ms=2_000, **slow)
    played = simulate(Scenario(seed=1, settings=settings))
    assert played.virtual_ms > days * 86_400_000
    assert played.violations == ()
    assert played.coverage["observed/1"] > days * 200


def test_a_campaign_that_is_broken_off_ends_soon_and_keeps_what_it_did(tmp_path: Path) -> None:
    results = tmp_path / "results.db"
    words = [sys.executable, "-m", "trueup", "simulate", "--runs", "100000", "--workers", "1", "--minutes", "1"]
    process = subprocess.Popen([*words, "--results", str(results)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        for _ in range(600):
            if results.exists() and _runs(results):
                break
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert (process.returncode, out, err) == (130, b"", b"")
    assert 0 < _runs(results) < 1_000


def _runs(results: Path) -> int:
    with closing(sqlite3.connect(results)) as file:
        try:
            return file.execute("SELECT COUNT(*) FROM runs").fetchone()[0]
        except sqlite3.OperationalError:
            return 0  # its tables are not made yet


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_a_history_that_is_broken_off_leaves_nothing_running(
    error: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(world: World) -> None:
        raise error

    monkeypatch.setattr(World, "_fall_quiet", interrupted)
    with pytest.raises(error):
        simulate(draw(3))
    gc.collect()  # what was left would complain here, and a warning is an error


def test_processes_that_play_do_not_hear_an_interrupt(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[tuple[object, ...]] = []
    monkeypatch.setattr(signal, "signal", lambda *given: heard.append(given))
    _deaf()
    assert heard == [(signal.SIGINT, signal.SIG_IGN)]
