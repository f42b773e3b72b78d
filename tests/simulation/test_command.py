"""Does `trueup simulate` say, write and leave what its page promises?"""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import msgspec
import pytest

from simulation.plants import PLANTS
from trueup.errors import InputError
from trueup.simulation import Scenario, draw, from_json, shrinking, simulate, to_json
from trueup.simulation.faults import FAULTS
from trueup_adapters.cli import main


def ran(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    status = main(["simulate", *words])
    out, err = capsys.readouterr()
    return status, out, err


def test_a_campaign_is_one_json_value_as_the_design_has_it(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = ran(capsys, "--runs", "4", "--workers", "1", "--json")
    told = json.loads(out)
    assert status == 0
    assert err == ""
    assert list(told) == ["runs", "steps", "violations", "faults", "coverage"]
    assert (told["runs"], told["violations"]) == (4, [])
    assert set(told["faults"]) == set(FAULTS)
    assert told["steps"] == sum(simulate(draw(seed)).steps for seed in range(1, 5))


def test_a_campaign_for_people_says_what_was_never_seen(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    results = tmp_path / "results.db"
    status, out, err = ran(
        capsys, "--runs", "2", "--seed", "3", "--faults", "light", "--minutes", "1", "--results", str(results)
    )
    assert status == 0
    assert "2 histories" in out
    assert "no law was broken" in out
    assert "never seen, so nothing was learnt of them: " in err
    with sqlite3.connect(results) as file:
        assert [seed for (seed,) in file.execute("SELECT seed FROM runs ORDER BY seed")] == [3, 4]
    file.close()


def test_what_was_never_tried_fails_a_campaign_that_was_to_try_all(capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--runs", "2", "--faults", "light", "--minutes", "1", "--workers", "1")
    status, out, err = ran(capsys, *words, "--all-tried", "--json")
    told = json.loads(out)
    never = [name for name, count in told["faults"].items() if not count]
    assert (status, told["violations"]) == (1, [])
    assert f"never seen, so nothing was learnt of them: {', '.join(never)}" in err.replace("\n", " ")
    assert ran(capsys, *words, "--json")[0] == 0


def test_one_seed_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = ran(capsys, "--seed", "5")
    assert status == 0
    assert out.startswith("seed 5: ")
    assert "is the writer of epoch 1" in out
    assert "no law was broken in" in out
    assert ran(capsys, "--seed", "5")[1] == out
    assert json.loads(ran(capsys, "--seed", "5", "--json")[1])["runs"] == 1


def test_a_failing_seed_is_shortened_told_and_left(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    next(one for one in PLANTS if one.name == "the_gate_does_not_mind_the_journal").plant(monkeypatch)
    monkeypatch.setattr(shrinking, "TRIES_MAX", 25)
    seed = next(seed for seed in range(1, 60) if any(one.law == 9 for one in simulate(draw(seed)).violations))
    status, out, err = ran(capsys, "--seed", str(seed), "--runs", "1", "--workers", "1", "--export", str(tmp_path))
    assert status == 1
    assert f"BROKEN law 9, seed {seed}: " in out
    assert f"trueup simulate --seed {seed}" in out
    assert f"seed-{seed}" in err
    left = {path.suffix: path for path in tmp_path.iterdir()}
    assert set(left) == {".db", ".zip", ".json", ".txt"}
    assert "BROKEN law 9" in left[".txt"].read_text("utf-8")
    shortest = from_json(left[".json"].read_bytes())
    assert len(shortest.happenings) < len(draw(seed).happenings)
    assert main(["verify", "--store", f"sqlite:///{left['.db']}"]) == 0
    capsys.readouterr()
    whole = decided_again(capsys, left[".zip"])
    status, out, err = ran(capsys, "--scenario", str(left[".json"]), "--export", str(tmp_path / "again"))
    assert status == 1
    assert "BROKEN law 9" in out
    assert decided_again(capsys, tmp_path / "again" / left[".zip"].name) == whole


def decided_again(capsys: pytest.CaptureFixture[str], bundle: Path) -> int:
    """How many decisions of a bundle `trueup replay` made again, all of them identical."""
    assert main(["replay", "--store", f"bundle:///{bundle}", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["identical"], told["differences"], told["undetermined"]) == (True, [], [])
    assert told["decisions"] > 0
    return told["decisions"]


def test_a_history_that_breaks_nothing_is_left_whole_when_it_is_asked_for(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for _ in range(2):  # what an earlier run left is replaced
        status, _, err = ran(capsys, "--seed", "5", "--export", str(tmp_path), "--json")
        assert status == 0
        assert ".zip a bundle that `trueup replay` accepts" in err
        assert {path.name for path in tmp_path.iterdir()} == {f"seed-5.{end}" for end in ("db", "zip", "json", "txt")}
    assert from_json((tmp_path / "seed-5.json").read_bytes()) == draw(5)
    decided_again(capsys, tmp_path / "seed-5.zip")


def test_a_journal_that_cannot_be_read_is_left_without_a_bundle(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    scenario = tmp_path / "scenario.json"
    scenario.write_bytes(to_json(Scenario(seed=1, settings=msgspec.structs.replace(draw(5).settings, minutes=1))))
    monkeypatch.setattr(shrinking, "TRIES_MAX", 3)
    monkeypatch.setattr("trueup.simulation.leaving.write_bundle", unwilling)
    status, out, err = ran(capsys, "--scenario", str(scenario), "--export", str(tmp_path / "left"))
    assert status == 0
    assert "no bundle, because event 3 holds what looks like a key" in err
    assert {path.suffix for path in (tmp_path / "left").iterdir()} == {".db", ".json", ".txt"}
    assert "no law was broken" in out


def unwilling(*given: object, **named: object) -> None:
    raise InputError("event 3 holds what looks like a key")


def test_a_folder_that_cannot_be_written_is_one_sentence(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    status, out, err = ran(capsys, "--seed", "5", "--export", str(tmp_path / "taken"))
    assert (status, out) == (3, "")
    assert "nothing can be left there" in err


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("--scenario", "there-is-none.json"), 3, "cannot be read"),
        (("--scenario", "x.json", "--seed", "1"), 2, "give one of them"),
        (("--faults", "none"), 2, "--faults"),
        (("--runs", "0"), 2, "--runs"),
        (("--runs", "0", "--picture", "p.svg", "--results", "there-is-none.db"), 3, "could be drawn"),
        (("--runs", "1", "--picture", "p.svg"), 2, "give --results FILE"),
        (("--runs", "1", "--workers", "1", "--results", "no/such/folder/r.db"), 3, "name another file"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...], status: int, said: str
) -> None:
    found, out, err = ran(capsys, *words)
    assert (found, out) == (status, "")
    assert said in err
    assert err.startswith("trueup: ")


def test_a_file_that_is_no_scenario_is_said_to_be_none(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "scenario.json"
    path.write_text("{}", "utf-8")
    status, _, err = ran(capsys, "--scenario", str(path))
    assert status == 3
    assert "is no scenario that `trueup simulate --export` wrote" in err


def test_dask_that_is_not_there_is_named(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "distributed", None)
    status, _, err = ran(capsys, "--runs", "1", "--dask", "tcp://127.0.0.1:1")
    assert status == 3
    assert 'pip install "trueup[dask]"' in err
