"""What do a file's bytes say, whichever of the known formats they are in?

JSON in our own format, a gateway's raw reply in either dialect, or CSV. What is none of them, or a reply that failed,
is unusable: nothing is concluded from it, least of all that nothing is held (law 4, L01, L47, L48).
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from trueup.model import BrokerPosition, side_of
from trueup.policy import Policy
from trueup_adapters.files.objects import is_reply, opened, sheet_of_object
from trueup_adapters.files.sheet import FILE_BYTES_MAX, Row, Sheet, UnusableFile
from trueup_adapters.files.tables import looks_like_table, sheet_of_table
from trueup_adapters.mt5.positions import Reading
from trueup_adapters.mt5.wire import positions_answer

_BOM: Final = b"\xef\xbb\xbf"


def read_sheet(path: Path, policy: Policy) -> Sheet:
    """What the file at `path` says. Raises UnusableFile, AccountsDiffer."""
    try:
        with path.open("rb") as file:
            raw = file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise UnusableFile(f"{path}: cannot be read: {error.strerror or error}") from error
    return sheet_of(raw, name=str(path), policy=policy)


def sheet_of(raw: bytes, *, name: str, policy: Policy) -> Sheet:
    """What a file's bytes say; `name` is what messages call it, and its ending decides between formats.

    Raises UnusableFile, AccountsDiffer. Pure.
    """
    if len(raw) > FILE_BYTES_MAX:
        raise UnusableFile(f"{name}: is longer than {FILE_BYTES_MAX:,} bytes; that is the most that is read")
    raw = raw.removeprefix(_BOM)
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UnusableFile(
            f"{name}: is not UTF-8 text ({error.reason} at byte {error.start}); save it as such"
        ) from error
    if not text.strip():
        raise UnusableFile(f"{name}: is empty, which says nothing; a book that holds nothing has an empty list")
    ending = name.lower().rpartition(".")[2]
    if ending == "csv" or (ending != "json" and looks_like_table(text)):
        return sheet_of_table(text, name, policy)
    content = opened(text, name)
    if is_reply(content):
        return _sheet_of_reply(raw, name, policy)
    return sheet_of_object(content, name, policy)


def _sheet_of_reply(raw: bytes, name: str, policy: Policy) -> Sheet:
    """What a gateway's reply says, read exactly as the adapter reads it live."""
    reading = Reading("hedging", policy.strategies, policy.canonical, {})
    answer = positions_answer(raw, reading)
    if answer.completeness not in ("complete", "partial"):
        raise UnusableFile(f"{name}: {answer.why}")
    return Sheet(
        name=name,
        rows=tuple(_row(place, position) for place, position in enumerate(answer.positions.values(), 1)),
        refused=tuple(answer.refused),
    )


def _row(place: int, position: BrokerPosition) -> Row:
    return Row(
        number=place,
        symbol=position.symbol,
        spelling=position.spelling or position.symbol,
        side=side_of(position.signed_quantity),
        quantity=position.signed_quantity.copy_abs(),
        ticket=position.ticket,
        price=position.price,
        stop=position.stop,
        strategy=position.strategy,
        opened_at=position.opened_at,
    )
