"""Is what a campaign leaves true: for how long the sides were apart, what was counted, and the picture of both?"""

from __future__ import annotations

import re
import sqlite3
import xml.etree.ElementTree as ET
from contextlib import closing
from pathlib import Path

import pytest

from trueup.policy import Policy
from trueup.simulation import Happening, Scenario, Settings, campaign, draw, simulate
from trueup.simulation.faults import FAULTS
from trueup.simulation.results import Counted, Kept, Results, read_results
from trueup_adapters.cli import main
from trueup_adapters.pictures.campaign import campaign_svg, said

SVG = "{http://www.w3.org/2000/svg}"
TRADES = (Happening(60_000, "manual", (0, 2, 5)), Happening(90_000, "trade", (0, 3, 1, 0)))
"""Somebody buys 0.05 AAPL by hand at minute 1, our own process buys 0.03 EURUSD half a minute later."""


def plain(policy: Policy | None = None, **settings: object) -> Scenario:
    rules = policy or Policy.adopt(sync_interval_s=5, confirm_interval_ms=500)
    calm = {"lag_ms": 0, "latency_ms_max": 20, "message_ms_max": 1_000, "minutes": 3}
    return Scenario(seed=1, settings=Settings(policy=rules, **(calm | settings)), happenings=TRADES)


def test_how_long_the_sides_were_apart_and_what_ended_it_is_told() -> None:
    """The manual trade is found by a pass, and adopted by the next but one; the trade of our own by its message."""
    healing = simulate(plain()).healing
    by_hand, own = healing.heals
    assert (by_hand.since_ms, by_hand.by) == (60_000, "recovery")
    assert 5_000 <= by_hand.ms <= 15_000, "two independent answers, one every five seconds, the first within five"
    assert own.by == "message"
    assert 90_000 < own.since_ms <= 90_021
    assert 0 < own.ms <= 1_000
    assert healing.after_ms == 0, "all of it was over when faults stopped"
    assert healing.allowed_ms > 30_000


def test_what_is_apart_when_faults_stop_is_measured_from_there() -> None:
    late = plain(minutes=1)
    late = Scenario(seed=1, settings=late.settings, happenings=(Happening(59_900, "manual", (0, 2, 5)),))
    healing = simulate(late).healing
    (one,) = healing.heals
    assert one.by == "recovery"
    assert healing.after_ms == one.since_ms + one.ms - 60_000 > 0


def test_what_nobody_corrects_is_apart_to_the_end() -> None:
    outcome = simulate(plain(Policy.observe(sync_interval_s=5)))
    apart = [one for one in outcome.healing.heals if one.by == "nothing"]
    assert [one.since_ms for one in apart] == [60_000]
    assert apart[0].ms == outcome.virtual_ms - 60_000
    assert outcome.healing.after_ms is None


def test_what_is_read_again_is_what_was_played(tmp_path: Path) -> None:
    file = tmp_path / "results.db"
    found = campaign(range(1, 8), workers=1, results=file)
    campaign(range(1, 3), workers=1, results=file)  # the same seeds once more: they replace themselves
    kept = read_results(file)
    played = [simulate(draw(seed)) for seed in range(1, 8)]
    assert (kept.runs, kept.steps, kept.violations) == (7, found.steps, 0)
    assert {one.name: one.count for one in kept.faults} == found.faults
    assert {one.name: one.count for one in kept.coverage} == found.coverage
    assert all(one.runs == sum(one.name in other.faults for other in played) for one in kept.faults)
    for by, times in kept.heals.items():
        assert list(times) == sorted(one.ms for run in played for one in run.healing.heals if one.by == by)
    assert sum(map(len, kept.heals.values())) > 20
    pairs = [(run.healing.after_ms, run.healing.allowed_ms) for run in played]
    assert list(kept.after) == sorted(pair for pair in pairs if pair[0] is not None)
    assert kept.apart == sum(pair[0] is None for pair in pairs)


def test_the_picture_says_what_the_file_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, picture = tmp_path / "results.db", tmp_path / "picture.svg"
    words = ["simulate", "--results", str(file), "--picture", str(picture), "--workers", "1"]
    assert main([*words, "--runs", "8", "--seed", "3"]) == 0
    first = picture.read_text("utf-8")
    kept = read_results(file)
    assert said(kept) in capsys.readouterr().err.replace("\n", " ")
    tree = ET.fromstring(first)
    texts = ["".join(one.itertext()) for one in tree.iter(f"{SVG}text")]
    for one in (*kept.faults, *kept.coverage):
        wanted = f"{one.count:,} in {one.runs:,}" if one.count else "✕ " + one.name.replace("_", " ")
        assert wanted in texts
    assert len(kept.heals["message"]) > 20
    assert any(text.startswith(f"{len(kept.heals['message']):,}: half in ") for text in texts)
    assert "prefers-color-scheme:dark" in first
    assert main([*words, "--runs", "0"]) == 0
    assert picture.read_text("utf-8") == first, "drawn again from the file, without playing anything"


def figures(**given: object) -> Kept:
    nothing = {"version": "1", "runs": 3, "steps": 9, "virtual_ms": 7_200_000, "violations": 0, "coverage": ()}
    rest = {"faults": (), "heals": {}, "after": (), "apart": 0}
    return Kept(**(nothing | rest | given))  # type: ignore[arg-type]


def test_a_picture_of_nothing_and_of_very_much_stays_within_its_frame() -> None:
    long = {"drift": (1, 5, 60_000, 10**9), "message": (0,)}
    names = ("kill", "a<b>&c", "x" * 60)
    many = figures(heals=long, after=((0, 5), (10**8, 10**9)), faults=tuple(Counted(one, 10**9, 3) for one in names))
    for kept, dark in ((figures(), None), (many, True), (many, False)):
        text = campaign_svg(kept, dark=dark)
        tree = ET.fromstring(text)
        width, height = float(tree.attrib["width"]), float(tree.attrib["height"])
        for one in tree.iter(f"{SVG}rect"):
            assert float(one.get("x", 0)) + float(one.attrib["width"]) <= width
            assert float(one.get("y", 0)) + float(one.attrib["height"]) <= height
        assert not re.search(r"nan|inf", text)
    assert "a&lt;b&gt;&amp;c" in campaign_svg(many)
    assert ">" + "x" * 33 + "…<" in campaign_svg(many)
    assert "none came to agree" in campaign_svg(figures())
    assert "laws were broken 2 times" in said(figures(violations=2))
    assert "0 kinds of fault" not in said(figures(faults=(Counted("kill", 1, 1), Counted("split", 0, 0))))
    assert "1 kinds of fault, 1 never" in said(figures(faults=(Counted("kill", 1, 1), Counted("split", 0, 0))))


def test_a_file_of_another_version_is_neither_written_nor_drawn(tmp_path: Path) -> None:
    old = tmp_path / "old.db"
    with closing(sqlite3.connect(old)) as file:
        file.execute("CREATE TABLE runs (version TEXT, seed INTEGER)")
    with pytest.raises(sqlite3.Error, match="healed_ms"):
        Results(old)
    empty = tmp_path / "empty.db"
    with Results(empty):
        pass
    with pytest.raises(LookupError, match="holds no run"):
        read_results(empty)
    assert set(FAULTS) >= {"kill", "split"}
