"""How are goldens written? `python -m golden.write`, from `tests`: adds what is missing, never changes what is there.

A stored form that came out in a release must stay readable for ever. When a stored form changes, this adds another
golden beside the old one; when what is decided or folded changes, raise DECIDER_VERSION or FOLD_VERSION and run this:
it adds another journal. Only a golden that never left this house may be deleted to be written anew.
"""

from __future__ import annotations

import json
import sqlite3
import sys
import tempfile
from contextlib import closing
from hashlib import sha256
from pathlib import Path

from golden.incident import add_incident
from golden.render import rendered
from golden.samples import EVENTS, ITEMS
from golden.story import ACCOUNT, played
from trueup.events import encode
from trueup.journal import open_reader
from trueup.journal.items import encode_item
from trueup.reconciliation.saved import save
from trueup.reconciliation.state import DECIDER_VERSION, FOLD_VERSION

HERE = Path(__file__).parent


def newest(folder: Path, stem: str, ending: str) -> tuple[int, Path | None]:
    """(the next free number, the file with the last one) of `stem.N.ending`."""
    number = 0
    while (folder / f"{stem}.{number}.{ending}").exists():
        number += 1
    return number, folder / f"{stem}.{number - 1}.{ending}" if number else None


def add(folder: Path, stem: str, state: bytes, value: object) -> None:
    """Write a golden, unless the newest one of its name has these very bytes."""
    folder.mkdir(exist_ok=True)
    number, last = newest(folder, stem, "bin")
    if last is None or last.read_bytes() != state:
        write(folder / f"{stem}.{number}.bin", state)
        text = json.dumps(rendered(value), indent=1, ensure_ascii=False) + "\n"
        write(folder / f"{stem}.{number}.json", text.encode())


def write(path: Path, content: bytes) -> None:
    """A new file; an existing one is never overwritten."""
    with path.open("xb") as file:
        file.write(content)
    sys.stdout.write(f"{path.relative_to(HERE)}: {len(content)} bytes\n")


def add_journal() -> None:
    """Write the story's journal, unless the newest one was decided and folded by today's versions."""
    number, last = newest(HERE, "journal", "json")
    versions = {"decider_version": DECIDER_VERSION, "fold_version": FOLD_VERSION}
    if last is not None and versions.items() <= json.loads(last.read_text("utf-8")).items():
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "journal.db"
        url = f"sqlite:///{path}"
        world = played(url)
        state, book = world.state, world.book
        world.close()
        with open_reader(url, ACCOUNT) as reader:
            head = reader.head()
        with closing(sqlite3.connect(path)) as store:
            store.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            store.execute("PRAGMA journal_mode = DELETE")  # one file, nothing beside it
            store.execute("VACUUM")
        facts = {
            **versions,
            "account": ACCOUNT,
            "head": {"position": head.position, "digest": head.digest.hex()},
            "state": sha256(save(state)).hexdigest(),
            "epoch": state.epoch,
            "gate": state.gate.status,
            "book": book,
        }
        write(HERE / f"journal.{number}.db", path.read_bytes())
        write(HERE / f"journal.{number}.json", (json.dumps(facts, indent=1) + "\n").encode())


def main() -> None:
    """Add whatever is missing."""
    for name, events in EVENTS.items():
        for variant, event in zip("abc", events, strict=False):
            add(HERE / "events", f"{name}-1.{variant}", encode(event), event)
    for name, item in ITEMS.items():
        add(HERE / "items", f"inbox-item-1.{name}", encode_item(item), item)
    add_journal()
    add_incident(write)


if __name__ == "__main__":
    main()
