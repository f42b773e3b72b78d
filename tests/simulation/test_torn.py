"""Law 7: what does a power cut leave that tears a transaction in the middle of being written?

The simulator takes whole transactions from the end of a store in memory. That this is all that a power cut can do to
a store on a disk is shown here, on real files: a write-ahead log is torn at every byte of its last frames' headers, at
every sector of their pages, and filled with what a disk may leave behind the tear. Each frame is bound to all before it
by a checksum, and the last one of a transaction says that it is; so SQLite gives whole transactions or none, and all
that were synced before.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import pytest

from trueup.changes import PositionSet
from trueup.journal import open_reader, open_writer, verify
from trueup.ledger import Claim, Ledger
from trueup.model import BrokerPosition
from trueup.policy import Policy
from trueup.ports import Answer
from trueup.simulation.loop import NS, VirtualClock, VirtualLoop, WallClock

ACCOUNT = "sim:1"
WAL_HEADER, FRAME_HEADER, SECTOR = 32, 24, 512


class Store(NamedTuple):
    """A store as the disk held it after its last transaction, and after which byte of its log each one was whole."""

    database: Path
    log: bytes
    whole: list[tuple[int, int]]
    """(bytes of the log, journal position), one for each transaction."""
    page: int


def opened(url: str, loop: VirtualLoop) -> Ledger:
    clock = VirtualClock(loop, WallClock(loop))
    return Ledger(open_writer(url, ACCOUNT), clock, Claim(policy=Policy.adopt(), position_mode="hedging"))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Some transactions of one event, and a last one of many: it takes several frames."""
    folder = tmp_path_factory.mktemp("torn")
    loop = VirtualLoop()
    ledger = opened(f"sqlite:///{folder}/live.db", loop)
    log, whole = folder / "live.db-wal", list[tuple[int, int]]()
    for number in range(6):
        loop.now_ns += NS
        ledger.record(PositionSet(symbol="AAPL", side="long", quantity=number + 1, ticket="1"))
        whole.append((log.stat().st_size, ledger.state.position))
    rows = {f"#{n}": BrokerPosition("EURUSD", Decimal(n), ticket=str(n)) for n in range(10, 150)}
    for _ in range(2):
        loop.now_ns += 60 * NS
        ledger.observe("positions", Answer(completeness="complete", positions=rows), ledger.asking())
        whole.append((log.stat().st_size, ledger.state.position))
    assert [size for size, _ in whole] == sorted({size for size, _ in whole}), "each grew the log: none was restarted"
    kept = folder / "kept.db"
    shutil.copyfile(folder / "live.db", kept)
    made = Store(kept, log.read_bytes(), whole, int.from_bytes(log.read_bytes()[8:12]))
    ledger.close()
    loop.close()
    return made


def left(store: Store, folder: Path, log: bytes) -> str:
    """The store as it is found after a power cut that left this much of the log."""
    for old in folder.glob("found.db*"):
        old.unlink()
    shutil.copyfile(store.database, folder / "found.db")
    (folder / "found.db-wal").write_bytes(log)
    return f"sqlite:///{folder}/found.db"


def tears(store: Store) -> Iterator[int]:
    """Where the last two transactions are torn: at each byte of a frame's header, at each sector of its page."""
    first, last = store.whole[-3][0], store.whole[-1][0]
    for frame in range(first, last, FRAME_HEADER + store.page):
        yield from range(frame, frame + FRAME_HEADER + 1)
        yield from range(frame + FRAME_HEADER + SECTOR, frame + FRAME_HEADER + store.page, SECTOR)
        yield frame + FRAME_HEADER + store.page - 1


def whole_before(store: Store, byte: int) -> int:
    return max(position for size, position in store.whole if size <= byte)


def test_law_7_a_torn_log_gives_every_whole_transaction_and_no_part_of_another(store: Store, tmp_path: Path) -> None:
    found: dict[int, int] = {}
    for byte in tears(store):
        with open_reader(left(store, tmp_path, store.log[:byte]), ACCOUNT) as reader:
            found[byte] = reader.head().position
    assert found == {byte: whole_before(store, byte) for byte in found}
    assert len(found) > 200
    assert len(set(found.values())) >= 2, "each of the two was torn"


@pytest.mark.parametrize(
    "behind",
    [
        pytest.param(lambda store, byte: bytes(len(store.log) - byte), id="zeros"),
        pytest.param(lambda store, byte: b"\xa5" * (len(store.log) - byte), id="noise"),
        pytest.param(lambda store, byte: store.log[byte - SECTOR : len(store.log) - SECTOR], id="sectors shifted"),
        pytest.param(lambda store, byte: bytes(SECTOR) + store.log[byte + SECTOR :], id="one sector never written"),
    ],
)
def test_law_7_what_a_disk_leaves_behind_the_tear_is_not_taken_for_more(
    store: Store, tmp_path: Path, behind: Callable[[Store, int], bytes]
) -> None:
    """Sectors reach a disk in any order: there may be something behind a part that never arrived."""
    first, last = store.whole[-2][0], store.whole[-1][0]
    for byte in range(first + SECTOR, last - SECTOR, 3 * SECTOR):
        log = store.log[:byte] + behind(store, byte)
        assert len(log) == len(store.log)
        url = left(store, tmp_path, log)
        with open_reader(url, ACCOUNT) as reader:
            expected = whole_before(store, byte) if log != store.log else store.whole[-1][1]
            assert reader.head().position == expected, byte


def test_law_7_a_store_with_a_torn_log_is_verified_and_written_on(store: Store, tmp_path: Path) -> None:
    first, last = store.whole[-2][0], store.whole[-1][0]
    for byte in (first + 1, (first + last) // 2, last - 1):
        url = left(store, tmp_path, store.log[:byte])
        assert verify(url, ACCOUNT).ok
        loop = VirtualLoop()
        ledger = opened(url, loop)
        assert ledger.state.epoch == 2
        written = ledger.record(PositionSet(symbol="AAPL", side="long", quantity=9, ticket="1"))
        assert written.head > store.whole[-2][1]
        ledger.close()
        loop.close()
        report = verify(url, ACCOUNT)
        assert report.ok, report.faults
        assert report.events == written.head
