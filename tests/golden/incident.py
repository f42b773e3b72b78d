"""How is the golden incident made? `golden.write` adds what is missing, and never changes what is there.

One night of an account, recorded elsewhere (`incident.jsonl`): a time-out, two empty answers in a row that are a
glitch, an operator's word that fits nothing, then a real ghost, a recovery, a moved stop, and a row that cannot be
read. It is imported, and bundled whole. When the versions of decider or fold are raised, `incident.N.zip` is added
beside the old ones, which must stay readable for ever.
"""

from __future__ import annotations

import json
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

from trueup.incident import import_incident, write_bundle
from trueup.journal import open_reader
from trueup.reconciliation.state import DECIDER_VERSION, FOLD_VERSION

HERE = Path(__file__).parent
ACCOUNT = "mt5:88001"


def bundles() -> list[Path]:
    """Every golden incident, the oldest first."""
    return sorted(HERE.glob("incident*.zip"), key=lambda path: (len(path.name), path.name))


def versions(path: Path) -> tuple[int, int]:
    """(decider, fold) of the program that wrote a bundle."""
    with zipfile.ZipFile(path) as file:
        found = json.loads(file.read("manifest.json"))["versions"]
    return found["decider"], found["fold"]


def made(folder: Path) -> bytes:
    """The bundle as today's code makes it; nothing in it comes from a clock, an address or this process."""
    url = f"sqlite:///{folder / 'incident.db'}"
    with patch("os.getpid", return_value=4711), (HERE / "incident.jsonl").open("rb") as stream:
        import_incident(stream, url)
    with open_reader(url, ACCOUNT) as reader:
        write_bundle(reader, folder / "incident.zip", first=1, last=reader.head().position)
    return (folder / "incident.zip").read_bytes()


def add_incident(write: Callable[[Path, bytes], None]) -> None:
    """Add one, unless the newest was decided and folded by today's versions."""
    found = bundles()
    if found and versions(found[-1]) == (DECIDER_VERSION, FOLD_VERSION):
        return
    with tempfile.TemporaryDirectory() as folder:
        name = "incident.zip" if not found else f"incident.{len(found)}.zip"
        write(HERE / name, made(Path(folder)))
