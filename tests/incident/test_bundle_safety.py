"""Can a bundle that somebody made, or broke, do any harm or pass for whole?"""

from __future__ import annotations

import base64
import io
import json
import os
import random
import subprocess
import sys
import warnings
import zipfile
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from cli.shell import Shell, at
from incident.told import brought, pos, sees
from trueup.errors import InputError, JournalCorrupt
from trueup.incident import write_bundle
from trueup.journal import bundles, open_reader, verify
from trueup.journal.bundles import open_bundle, unpacked_store

ACCOUNT = "import:recording"
Parts = dict[str, bytes]


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("bundle")
    brought(at(folder), [sees(0, pos("A")), sees(30, pos("A"), pos("B")), sees(60, pos("A"), pos("B"))])
    with open_reader(at(folder), ACCOUNT) as reader:
        write_bundle(reader, folder / "b.zip", first=6, last=reader.head().position)
    return (folder / "b.zip").read_bytes()


def parts_of(raw: bytes) -> Parts:
    with zipfile.ZipFile(io.BytesIO(raw)) as file:
        return {name: file.read(name) for name in file.namelist()}


def zipped(path: Path, held: Parts, *, again: bool = True, **changes: Any) -> Path:
    """A bundle of these parts, its manifest made anew (unless not) with some of its fields changed."""
    manifest = json.loads(held["manifest.json"])
    if again:
        rest = [(name, raw) for name, raw in held.items() if name != "manifest.json"]
        manifest["parts"] = [{"name": n, "bytes": len(raw), "sha256": sha256(raw).hexdigest()} for n, raw in rest]
    manifest |= changes
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, raw in held.items():
            file.writestr(name, raw if name != "manifest.json" else json.dumps(manifest))
    return path


def lines_changed(parts: Parts, change: Callable[[list[dict[str, Any]]], None]) -> Parts:
    lines = [json.loads(line) for line in parts["journal.jsonl"].splitlines()]
    change(lines)
    return {**parts, "journal.jsonl": b"".join(json.dumps(line).encode() + b"\n" for line in lines)}


def test_what_was_written_is_read(pristine: bytes, tmp_path: Path) -> None:
    path = zipped(tmp_path / "b.zip", parts_of(pristine))
    assert verify(f"bundle:///{path}", ACCOUNT).ok


@pytest.mark.parametrize(
    "name",
    [
        "../outside.txt",
        "/etc/passwd",
        "..\\outside.txt",
        "raw/../../x",
        "C:\\x",
        "raw/" + "0" * 63,
        "a/b.c",
        "x.y\n",
    ],
)
def test_no_name_leads_outside(pristine: bytes, tmp_path: Path, name: str) -> None:
    path = zipped(tmp_path / "sub.zip", {**parts_of(pristine), name: b"evil"})
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(JournalCorrupt):
        unpacked_store(path)
    assert sorted(tmp_path.rglob("*")) == before


def test_law_12_a_bomb_is_refused_before_it_goes_off(
    pristine: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bomb = {**parts_of(pristine), "raw/" + "0" * 64: bytes(70_000_000)}
    path = zipped(tmp_path / "b.zip", bomb)
    assert path.stat().st_size < 200_000
    with pytest.raises(JournalCorrupt, match="longer than any may be"):
        unpacked_store(path)
    sizes = [len(raw) for name, raw in parts_of(pristine).items() if name != "manifest.json"]
    monkeypatch.setattr(bundles, "TOTAL_BYTES_MAX", sum(sizes) - 1)
    with pytest.raises(JournalCorrupt, match=f"{sum(sizes) - 1:,} are the most"):
        unpacked_store(zipped(tmp_path / "c.zip", parts_of(pristine)))
    monkeypatch.undo()
    monkeypatch.setattr(bundles, "PARTS_MAX", 3)
    with pytest.raises(JournalCorrupt, match="3 are the most"):
        unpacked_store(zipped(tmp_path / "d.zip", parts_of(pristine)))
    monkeypatch.undo()
    monkeypatch.setattr(bundles, "MANIFEST_BYTES_MAX", 30)
    with pytest.raises(JournalCorrupt, match="manifest is longer"):
        unpacked_store(zipped(tmp_path / "e.zip", parts_of(pristine)))
    monkeypatch.undo()
    monkeypatch.setattr(bundles, "LINE_BYTES_MAX", 300)
    long = parts_of(pristine)
    with pytest.raises(JournalCorrupt, match="a line is longer"):
        unpacked_store(zipped(tmp_path / "f.zip", {**long, "journal.jsonl": long["journal.jsonl"].rstrip(b"\n")}))


def test_a_part_that_lies_about_its_length(pristine: bytes, tmp_path: Path) -> None:
    parts = parts_of(pristine)
    manifest = json.loads(parts["manifest.json"])
    for difference in (-1, 1, -(10**9)):
        listed = [{**one, "bytes": one["bytes"] + difference} for one in manifest["parts"]]
        with pytest.raises(JournalCorrupt, match="not of the length"):
            unpacked_store(zipped(tmp_path / f"b{difference}.zip", parts, again=False, parts=listed))


def test_every_changed_part_is_found(pristine: bytes, tmp_path: Path) -> None:
    parts = parts_of(pristine)
    read = [name for name in parts if name not in ("manifest.json", "readme.txt", "report.txt", "policy.json")]
    assert len(read) >= 4
    for name in read:
        changed = bytearray(parts[name])
        changed[len(changed) // 2] ^= 1
        path = zipped(tmp_path / f"{len(name)}{name[-5:]}.zip", {**parts, name: bytes(changed)}, again=False)
        with pytest.raises(JournalCorrupt, match=r"not the part that the manifest describes|journal\.jsonl"):
            unpacked_store(path)


def test_parts_too_many_too_few_or_twice(pristine: bytes, tmp_path: Path) -> None:
    parts = parts_of(pristine)
    for number, some in enumerate(
        (
            {**parts, "more.txt": b""},
            {name: raw for name, raw in parts.items() if name != "report.txt"},
        )
    ):
        with pytest.raises(JournalCorrupt, match="not those that its manifest lists"):
            unpacked_store(zipped(tmp_path / f"{number}.zip", some, again=False))
    with pytest.raises(JournalCorrupt, match=r"has no journal\.jsonl"):
        unpacked_store(zipped(tmp_path / "j.zip", {n: raw for n, raw in parts.items() if n != "journal.jsonl"}))
    with zipfile.ZipFile(tmp_path / "m.zip", "w") as file:
        file.writestr("journal.jsonl", b"")
    with pytest.raises(JournalCorrupt, match="no manifest"):
        unpacked_store(tmp_path / "m.zip")
    path = zipped(tmp_path / "t.zip", parts)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with zipfile.ZipFile(path, "a") as file:
            file.writestr("report.txt", b"another")
    with pytest.raises(JournalCorrupt, match="names a part twice"):
        unpacked_store(path)


@pytest.mark.parametrize(
    "changes",
    [{"format": "trueup-bundle/2"}, {"account": "nobody"}, {"first": 0}, {"first": 9, "last": 8}, {"previous": "00"},
     {"previous": "zz" * 32}, {"versions": {}}, {"versions": {"decided": "two"}}, {"parts": 3}, {"last": "x"}],
)  # fmt: skip
def test_a_manifest_that_cannot_be_meant(pristine: bytes, tmp_path: Path, changes: dict[str, Any]) -> None:
    with pytest.raises(JournalCorrupt):
        unpacked_store(zipped(tmp_path / "b.zip", parts_of(pristine), **changes))


CHANGES: list[tuple[str, Callable[[list[dict[str, Any]]], None]]] = [
    ("stands where", lambda lines: lines.reverse()),
    ("stands where", lambda lines: lines.__delitem__(1)),
    ("stands where", lambda lines: lines[0].update(account="mt5:9")),
    ("ends at", lambda lines: lines.pop().clear()),
    ("does not begin behind", lambda lines: lines[0].update(previous="0" * 64)),
    ("its digest is not 64", lambda lines: lines[0].update(digest="00")),
    ("event 6", lambda lines: lines[0].update(digest="zz" * 32)),
    ("event 6", lambda lines: lines[0].update(state="%%%")),
    ("line 1", lambda lines: lines[0].update(name="\ud800")),
    ("line 1", lambda lines: lines[0].update(position="6")),
    ("line 1", lambda lines: lines[0].pop("state")),
]


@pytest.mark.parametrize(("why", "change"), CHANGES)
def test_events_that_cannot_be_meant(
    pristine: bytes, tmp_path: Path, why: str, change: Callable[[list[dict[str, Any]]], None]
) -> None:
    with pytest.raises(JournalCorrupt, match=why):
        unpacked_store(zipped(tmp_path / "b.zip", lines_changed(parts_of(pristine), change)))


def test_law_8_an_edited_event_in_a_bundle_made_anew_is_a_fault(pristine: bytes, tmp_path: Path, shell: Shell) -> None:
    def edit(lines: list[dict[str, Any]]) -> None:
        state = base64.b64decode(lines[0]["state"])
        assert b"A" in state
        lines[0]["state"] = base64.b64encode(state.replace(b"A", b"Z", 1)).decode()

    path = zipped(tmp_path / "b.zip", lines_changed(parts_of(pristine), edit))
    ended = shell("verify", "--store", f"bundle:///{path}", "--json")
    assert ended.status == 1
    assert ended.json["faults"][0]["position"] == 6


def test_what_the_events_do_not_say_is_no_event_of_the_store(pristine: bytes, tmp_path: Path) -> None:
    for name, raw in (("raw/" + "0" * 64, b"x"), ("snapshot.json", b"{}"), ("snapshot.json", b'{"position": 1}')):
        parts = {**parts_of(pristine), name: raw}
        with pytest.raises(JournalCorrupt, match=name.split("/")[0]):
            unpacked_store(zipped(tmp_path / "b.zip", parts))
    saved = json.loads(parts_of(pristine)["snapshot.json"])
    for change in ({"position": 4}, {"digest": "0" * 64}, {"state": "%"}):
        parts = {**parts_of(pristine), "snapshot.json": json.dumps({**saved, **change}).encode()}
        with pytest.raises(JournalCorrupt, match="snapshot"):
            unpacked_store(zipped(tmp_path / "b.zip", parts))


def test_a_fold_that_is_none_is_passed_over_and_said(pristine: bytes, tmp_path: Path, shell: Shell) -> None:
    saved = json.loads(parts_of(pristine)["snapshot.json"])
    parts = {**parts_of(pristine), "snapshot.json": json.dumps({**saved, "fold_version": 10_000}).encode()}
    ended = shell("positions", "--store", f"bundle:///{zipped(tmp_path / 'b.zip', parts)}")
    assert ended.status == 3


def test_broken_files(pristine: bytes, tmp_path: Path) -> None:
    """Bytes flipped, cut off and exchanged anywhere: an error of ours, or a bundle that still says the same."""
    chance = random.Random(7)
    whole = parts_of(pristine)
    for number in range(300):
        raw = bytearray(pristine)
        if number % 3 == 0:
            del raw[chance.randrange(len(raw)) :]
        else:
            raw[chance.randrange(len(raw))] ^= 1 << chance.randrange(8)
        path = tmp_path / f"{number}.zip"
        path.write_bytes(raw)
        try:
            with open_bundle(path) as bundle:
                parts = {name: bundle.part(name) for name in bundle.parts}
        except JournalCorrupt:
            continue
        assert parts == {name: whole[name] for name in parts}


def test_a_cipher_or_another_codec_is_refused(pristine: bytes, tmp_path: Path) -> None:
    path = zipped(tmp_path / "b.zip", parts_of(pristine))
    raw = bytearray(path.read_bytes())
    for signature, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        start = 0
        while (start := raw.find(signature, start)) >= 0:
            raw[start + place] |= 1
            start += 4
    path.write_bytes(raw)
    with pytest.raises(JournalCorrupt, match=r"encrypted|password"):
        unpacked_store(path)


def test_no_bundle_at_all(tmp_path: Path) -> None:
    (tmp_path / "text.zip").write_text("text")
    with pytest.raises(JournalCorrupt, match="no zip file"):
        unpacked_store(tmp_path / "text.zip")
    for path in (tmp_path / "none.zip", tmp_path / "text.zip" / "x"):
        with pytest.raises(InputError, match="there is no bundle"):
            unpacked_store(path)
    with pytest.raises(InputError, match="there is no bundle"), open_bundle(tmp_path):
        pass


def test_law_12_a_process_keeps_so_many_unpacked(
    pristine: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bundles, "_unpacked", {})
    monkeypatch.setattr(bundles, "UNPACKED_MAX", 2)
    stores: list[Path] = []
    for number in range(4):
        path = tmp_path / f"{number}.zip"
        path.write_bytes(pristine)
        stores.append(unpacked_store(path))
        assert unpacked_store(path) == stores[-1]
    assert [store.exists() for store in stores] == [False, False, True, True]


def test_a_fork_that_ends_leaves_its_parents_store(pristine: bytes, tmp_path: Path) -> None:
    (tmp_path / "b.zip").write_bytes(pristine)
    store = unpacked_store(tmp_path / "b.zip")
    bundles._remove(store.parent, os.getpid() + 1)
    assert store.exists()


def test_nothing_is_left_behind(pristine: bytes, tmp_path: Path) -> None:
    (tmp_path / "b.zip").write_bytes(pristine)
    script = "import sys; from pathlib import Path; from trueup.journal.bundles import unpacked_store\n"
    script += "print(unpacked_store(Path(sys.argv[1])))"
    command = [sys.executable, "-c", script, str(tmp_path / "b.zip")]
    made = Path(subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip())
    assert not made.exists()
    assert not made.parent.exists()
