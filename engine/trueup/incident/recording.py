"""How is a recording read line by line in constant memory, and how is it recognised again?

Every line is known by its number and by the SHA-256 over all that stood before it and in it. The journal keeps that
beside each line's input, so that a second run finds the place, and notices when it is not the same file (law 5).
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterator
from typing import BinaryIO, Final

import msgspec

from trueup.incident.lines import Hint, hint_of

LINE_BYTES_MAX: Final = 67_108_864
"""The longest line that is read; a longer one is refused (law 12)."""
AHEAD_LINES_MAX: Final = 500
AHEAD_BYTES_MAX: Final = 4_194_304
"""How far is looked ahead for what has to be known before the first decision."""
_PREFIX: Final = "import/"


class RawLine(msgspec.Struct, frozen=True):
    """One line as it stands in the file."""

    number: int
    """From 1; blank lines count."""
    raw: bytes | None
    """Without its end; None: longer than `LINE_BYTES_MAX`."""
    digest: str
    """Hex SHA-256 over the file up to and with this line, its end being one line feed."""

    @property
    def mark(self) -> str:
        """What the journal keeps of it."""
        return f"{_PREFIX}{self.number}/{self.digest}"


class Mark(msgspec.Struct, frozen=True):
    """The last line that the journal holds."""

    number: int
    digest: str


def mark_of(identity: str) -> Mark | None:
    """The line that an observation's or an inbox item's id names; None for an id of somebody else's."""
    parts = identity.removeprefix(_PREFIX).split("/")
    if not identity.startswith(_PREFIX) or len(parts) != 2 or not parts[0].isdigit():
        return None
    return Mark(int(parts[0]), parts[1])


class Recording:
    """The lines of a stream, once, in order."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._sum = hashlib.sha256()
        self._number = 0
        self._ahead: deque[RawLine] = deque()

    def __iter__(self) -> Iterator[RawLine]:
        while (line := self._next()) is not None:
            yield line

    def skip_to(self, mark: Mark) -> str | None:
        """Pass over the lines that the journal holds already; why this is not their file, None where it is."""
        digest = ""
        while self._number < mark.number:
            line = self._read()
            if line is None:
                return f"it ends after line {self._number}, and line {mark.number} was journalled already"
            digest = line.digest
        if digest != mark.digest:
            return f"its first {mark.number} lines are not those that were journalled"
        return None

    def hints(self) -> list[Hint]:
        """What the lines to come give away, as far as is looked ahead; they are still to come."""
        found: list[Hint] = []
        size = 0
        while len(self._ahead) < AHEAD_LINES_MAX and size < AHEAD_BYTES_MAX and (line := self._read()) is not None:
            self._ahead.append(line)
            size += len(line.raw or b"")
            hint = None if line.raw is None else hint_of(line.raw)
            if hint is not None:
                found.append(hint)
                if hint.tickets is not None:
                    break
        return found

    def has_more(self) -> bool:
        """Whether any line is still to come."""
        return bool(self._ahead)

    def _next(self) -> RawLine | None:
        return self._ahead.popleft() if self._ahead else self._read()

    def _read(self) -> RawLine | None:
        piece = self._stream.readline(LINE_BYTES_MAX)
        if not piece:
            return None
        self._number += 1
        whole = piece.endswith(b"\n") or len(piece) < LINE_BYTES_MAX
        raw = piece.rstrip(b"\r\n") if whole else None
        self._sum.update(piece.rstrip(b"\r\n") if whole else piece)
        while not whole and piece:  # pass over the rest of it, piece by piece
            piece = self._stream.readline(LINE_BYTES_MAX)
            self._sum.update(piece.rstrip(b"\r\n"))
            whole = piece.endswith(b"\n")
        self._sum.update(b"\n")
        return RawLine(self._number, raw, self._sum.hexdigest())
