"""Can everything that was journalled be read, and its chain be checked, from an export alone?"""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cli.shell import ACCOUNT, Shell, at, recorded
from golden.samples import EVENTS
from golden.story import ACCOUNT as TOLD
from golden.story import played
from incident.test_pages import blocks
from trueup import InputError, PositionSet
from trueup.events import decode
from trueup.incident import exported
from trueup.journal import open_reader, open_writer


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A journal in which every kind of thing happens."""
    url = f"sqlite:///{tmp_path_factory.mktemp('story') / 'story.db'}"
    played(url).close()
    return url


@pytest.fixture
def lines(story: str, shell: Shell, tmp_path: Path) -> list[dict[str, Any]]:
    ended = shell("export", "--store", story, "--out", tmp_path / "j.jsonl", "--json")
    assert ended.status == 0
    found = [json.loads(line) for line in (tmp_path / "j.jsonl").read_text("utf-8").splitlines()]
    assert ended.json == [
        {
            "account": TOLD,
            "file": str(tmp_path / "j.jsonl"),
            "first": 1,
            "last": len(found),
            "digest": found[-1]["digest"],
        }
    ]
    return found


def checked(lines: list[dict[str, Any]]) -> subprocess.CompletedProcess[str]:
    """The page's own script, in an interpreter that sees none of our code."""
    script = dict(blocks("hand-over-evidence.md"))["check.py"]
    raw = "".join(json.dumps(line) + "\n" for line in lines)
    return subprocess.run(
        [sys.executable, "-I", "-S", "-c", script], input=raw, capture_output=True, text=True, check=False
    )


def test_law_8_the_chain_is_checked_from_the_export_alone(story: str, lines: list[dict[str, Any]]) -> None:
    with open_reader(story, TOLD) as reader:
        head = reader.head()
    ended = checked(lines)
    assert ended.returncode == 0
    assert ended.stdout.splitlines() == [
        f"begins after position 0 digest {'0' * 64}",
        f"ends at position {head.position} digest {head.digest.hex()}",
    ]
    assert checked(lines[10:]).stdout.splitlines()[0] == f"begins after position 10 digest {lines[9]['digest']}"


def test_law_8_whatever_is_changed_in_an_export_shows(lines: list[dict[str, Any]]) -> None:
    state = base64.b64decode(lines[6]["state"])
    changes: list[list[dict[str, Any]]] = [
        [*lines[:5], *lines[6:]],
        [*lines[:5], lines[6], lines[5], *lines[7:]],
        [*lines[:6], {**lines[6], "state": base64.b64encode(state[:-1] + b"\x00").decode()}, *lines[7:]],
        [*lines[:6], {**lines[6], "name": "observed/2"}, *lines[7:]],
        [*lines[:6], {**lines[6], "account": "mt5:1"}, *lines[7:]],
        [*lines[:6], {**lines[6], "digest": "0" * 64}, *lines[7:]],
        [*lines[:6], {**lines[6], "position": 8}, *lines[7:]],
    ]
    for changed in changes:
        ended = checked(changed)
        assert ended.returncode == 1
        assert "is not the one that was chained" in ended.stderr


def test_the_body_says_what_the_state_holds(story: str, lines: list[dict[str, Any]]) -> None:
    with open_reader(story, TOLD) as reader:
        for line, event in zip(lines, reader.read(), strict=True):
            state = base64.b64decode(line["state"])
            assert decode(line["name"], state) == event.event
            array = msgspec.msgpack.decode(state)
            assert array[0] == line["name"]
            assert len(line["body"]) >= len(array) - 1
            assert list(line["body"]) == list(event.event.__struct_fields__)
            assert line["at"].endswith("Z")
            assert (line["position"], line["digest"]) == (event.position, event.digest.hex())
    assert {line["name"] for line in lines} >= {"observed/1", "break-moved/1", "fill-recorded/1", "gate-moved/1"}


@pytest.mark.parametrize("name", sorted(EVENTS))
def test_every_kind_of_event_is_exported_in_words(tmp_path: Path, name: str) -> None:
    with open_writer(at(tmp_path), ACCOUNT) as writer:
        writer.append(list(EVENTS[name]))
        found = list(exported(writer))
    assert len(found) == len(EVENTS[name])
    for one in found:
        assert msgspec.json.decode(msgspec.json.encode(one))["body"]


def test_what_only_a_newer_version_can_read_is_handed_on(story: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from trueup.incident import exporting

    def old(name: str, state: bytes) -> object:
        if name == "gate-moved/1":
            raise KeyError(name)
        return decode(name, state)

    monkeypatch.setattr(exporting, "decode", old)
    with open_reader(story, TOLD) as reader:
        found = [one for one in exported(reader) if one.name == "gate-moved/1"]
    assert found
    assert all(one.body is None and one.at is None and one.state for one in found)


def test_parquet_holds_the_same(story: str, lines: list[dict[str, Any]], shell: Shell, tmp_path: Path) -> None:
    import pyarrow.parquet as parquet  # type: ignore[import-untyped]

    from trueup.incident import exporting

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exporting, "PARQUET_ROWS", 10)
        ended = shell("export", "--store", story, "--out", tmp_path / "j.parquet", "--format", "parquet")
    assert ended.status == 0
    rows = parquet.read_table(tmp_path / "j.parquet").to_pylist()
    for row, line in zip(rows, lines, strict=True):
        assert (row["position"], row["name"], row["at"]) == (line["position"], line["name"], line["at"])
        assert (row["digest"].hex(), row["previous"].hex()) == (line["digest"], line["previous"])
        assert row["state"] == base64.b64decode(line["state"])
        assert json.loads(row["body"]) == line["body"]


def test_without_the_extra_a_sentence_names_it(
    story: str, shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    ended = shell("export", "--store", story, "--out", tmp_path / "j.parquet", "--format", "parquet")
    assert ended.status == 3
    assert 'pip install "trueup[parquet]"' in ended.err
    assert list(tmp_path.iterdir()) == [], "half an export is none"


def test_a_folder_takes_a_file_for_each_account(shell: Shell, tmp_path: Path) -> None:
    for account in (ACCOUNT, "mt5:5002"):
        recorded(at(tmp_path), PositionSet(symbol="A", side="long", quantity=1, ticket="1"), account=account)
    ended = shell("export", "--store", at(tmp_path), "--out", f"{tmp_path}/out/", "--from", 2, "--json")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["mt5=5001.jsonl", "mt5=5002.jsonl"]
    assert [one["first"] for one in ended.json] == [2, 2]
    assert shell("export", "--store", at(tmp_path), "--out", tmp_path / "one.jsonl").status == 2
    ended = shell("export", "--store", at(tmp_path), "--out", tmp_path / "out", "--account", ACCOUNT)
    assert "mt5=5001.jsonl" in ended.out


def test_to_standard_output(story: str, capfdbinary: Any) -> None:
    from trueup_adapters.cli import main

    assert main(["export", "--store", story, "--out", "-", "--to", "3"]) == 0
    assert [json.loads(line)["position"] for line in capfdbinary.readouterr().out.splitlines()] == [1, 2, 3]


@pytest.mark.parametrize("words", [["--from", "9999"], ["--from", "3", "--to", "2"], ["--to", "9999"]])
def test_positions_that_are_not_there(story: str, shell: Shell, tmp_path: Path, words: list[str]) -> None:
    ended = shell("export", "--store", story, "--out", tmp_path / "x", *words)
    assert ended.status == 2
    assert "has events 1 to" in ended.err


def test_words_that_do_not_belong_together(story: str, shell: Shell, tmp_path: Path) -> None:
    assert "where to?" in shell("export", "--store", story).err
    assert shell("export", "--store", story, "--out", "-", "--json").status == 2
    (tmp_path / "file").touch()
    assert shell("export", "--store", story, "--out", tmp_path / "file" / "x").status == 3
    with open_writer(at(tmp_path, "empty.db"), ACCOUNT) as writer:
        from trueup_adapters.cli.export import span

        with pytest.raises(InputError, match="is empty"):
            span(writer, None, None)
