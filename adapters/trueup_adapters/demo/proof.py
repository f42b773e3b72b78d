"""Can afterwards be shown what happened, and that nobody has changed it since? The last scenes of the demo."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from trueup.journal import verify
from trueup_adapters.demo.lines import Leave, Tell, Told
from trueup_adapters.demo.naive import Keeper, differences
from trueup_adapters.demo.scene import Scene
from trueup_adapters.demo.stage import ACCOUNT, Stage
from trueup_adapters.demo.story import RECKLESS

CORRECTED: Final = [("missed-fill", "BTCUSD"), ("ghost", "GBPUSD"), ("drift", "USDJPY"), ("missed-fill", "ETHUSD")]
"""What the story should have led to, and nothing else."""


def audit(stage: Stage, scene: Scene) -> None:
    """Why is the book as it is? One sentence for each correction, from the journal."""
    told = stage.trader.tell(Tell(), Told)
    made = [(entry, change) for change in told.changes for entry in told.entries if entry.position == change.cursor]
    scene.happened(
        f"Somebody asks what was done to the book, and why. The journal holds {len(told.entries)} events: every "
        "answer, every record, every decision.",
        [entry.position for entry in told.entries] == list(range(1, len(told.entries) + 1))
        and {entry.what for entry in told.entries} == {"input", "decision"},
    )
    moved = [(entry, change) for entry, change in made if change.of == "position"]
    scene.trueup(
        f"There are {len(moved)} corrections of positions, and each says why it was made:",
        [(change.kind, change.symbol) for _, change in moved] == CORRECTED and len(told.changes) == len(made),
        told.changes,
    )
    for entry, change in moved:
        named = f"{change.symbol} #{change.ticket}"
        scene.trueup(
            f"event {entry.position}, {change.kind}: {entry.sentence}",
            named in entry.sentence
            and entry.correction == change.correction_id
            and entry.sentence.startswith(change.why),
            entry,
        )
    remembered = json.loads(stage.keeper_file.read_text("utf-8"))
    scene.naive(
        "Its file says what it believes now; of what was corrected, when and why it says nothing.",
        all(what.split()[0] in ("long", "short") and len(what.split()) == 2 for what in remembered.values()),
        remembered,
    )


def verified(stage: Stage, scene: Scene) -> None:
    """The process ends, and the journal is recomputed."""
    status = stage.trader.dismiss(Leave())
    scene.happened("The trading process ends, and its journal is verified.", status == 0, status)
    found = verify(stage.url, ACCOUNT)
    scene.trueup(
        f"{found.events} events, each chained to the one before by its SHA-256, {len(found.faults)} faults. The last "
        f"one's digest begins {found.head.digest.hex()[:16]}.",
        found.ok and not found.faults and found.head.position == found.events > 0,
        found,
    )


def tampered(stage: Stage, scene: Scene) -> None:
    """One byte of one stored event is changed, on a copy."""
    copy = stage.folder / "tampered.db"
    with closing(sqlite3.connect(stage.store)) as whole, closing(sqlite3.connect(copy)) as other:
        whole.backup(other)  # a copied file alone may lack what still lies in the write-ahead log
    position, changed = _tamper(copy)
    scene.happened(
        f"On a copy of the store, somebody turns 0.02 {RECKLESS.symbol} into 9.02 in event {position}: one byte.",
        changed == 1,
        changed,
    )
    file = stage.folder / "naive-bot-tampered.json"
    file.write_text(stage.keeper_file.read_text("utf-8").replace("0.1", "9.1", 1), "utf-8")
    wrong = differences(Keeper(file).book, stage.keeper.book)
    scene.naive(f"With one byte of its file changed, it {wrong[0]}, and has no complaint.", len(wrong) == 1, wrong)
    found = verify(f"sqlite:///{copy.absolute()}", ACCOUNT)
    first = found.faults[0] if found.faults else None
    scene.trueup(
        f"verify fails, and names the place: event {first.position if first else '?'}: {first.why if first else '?'}.",
        not found.ok and first is not None and first.position == position,
        found,
    )
    original = verify(stage.url, ACCOUNT)
    scene.trueup(f"The journal itself still verifies: {original.events} events.", original.ok, original)


def _tamper(copy: Path) -> tuple[int, int]:
    """Change one byte in the event that recovered the reckless order: (its position, how many bytes differ)."""
    with closing(sqlite3.connect(copy)) as db, db:
        position, before = db.execute(
            "SELECT originator_version, state FROM stored_events WHERE originator_id = ? "
            "AND topic LIKE 'fill-adopted/%' AND instr(state, ?)",
            (ACCOUNT, RECKLESS.symbol.encode()),
        ).fetchone()
        after = bytes(before).replace(b"0.02", b"9.02", 1)
        for (trigger,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            db.execute(f'DROP TRIGGER "{trigger}"')  # the store refuses to change events: a forger takes that away
        db.execute(
            "UPDATE stored_events SET state = ? WHERE originator_id = ? AND originator_version = ?",
            (after, ACCOUNT, position),
        )
        return int(position), sum(a != b for a, b in zip(before, after, strict=True))
