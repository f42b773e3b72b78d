"""Whose keys are these, where do they come from, and how do they stay out of everything that is written down?"""

from __future__ import annotations

import re
import stat
from pathlib import Path
from typing import Final

from trueup.errors import InputError
from trueup_adapters.logs.secrets import hide

KEY_ID: Final = "APCA_API_KEY_ID"
SECRET_KEY: Final = "APCA_API_SECRET_KEY"
_KEY: Final = re.compile(r"[\x21-\x7e]{8,256}\Z")
_LINE: Final = re.compile(r"\s*(?:export\s+)?([A-Z_]+)\s*=\s*[\"']?([^\"'\s]*)[\"']?\s*\Z")
FILE_BYTES_MAX: Final = 10_000


class Credentials:
    """A key's id and its secret. The secret is shown nowhere: not by repr, not in errors, not in replies kept."""

    __slots__ = ("_secret", "key_id")

    def __init__(self, key_id: str, secret: str) -> None:
        """Raises InputError, which never shows either, for what can be no key."""
        for name, text in ((KEY_ID, key_id), (SECRET_KEY, secret)):
            if not _KEY.match(text):
                raise InputError(f"{name} is missing, or no key of Alpaca's: 8 to 256 characters without space")
        self.key_id = key_id
        self._secret = secret
        hide(secret)  # and in everything else that this process writes

    def __repr__(self) -> str:
        return f"Credentials({self.key_id[:4]!r}..., secret=...)"

    def __reduce__(self) -> str:
        raise TypeError("credentials are not pickled: they would be written down")

    def headers(self) -> dict[str, str]:
        """What every request carries."""
        return {"APCA-API-KEY-ID": self.key_id, "APCA-API-SECRET-KEY": self._secret}

    def scrubbed(self, raw: bytes) -> bytes:
        """`raw` without the key and the secret: a proxy's error page may repeat what it was sent."""
        for text in (self._secret, self.key_id):
            if text.encode() in raw:
                raw = raw.replace(text.encode(), b"***")
        return raw

    def hidden(self, text: str) -> str:
        """`text` without the key and the secret."""
        return text.replace(self._secret, "***").replace(self.key_id, "***")


def from_file(path: Path) -> Credentials:
    """Keys from a file of `NAME=value` lines, as an environment file has them; other names are passed over.

    Raises InputError where it cannot be read, where others than its owner may read it, or where a key is missing.
    """
    try:
        mode = path.stat().st_mode
        raw = path.read_bytes()
    except OSError as error:
        raise InputError(f"the key file {path} cannot be read: {error.strerror or error}") from error
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise InputError(f"the key file {path} is open to others than its owner; chmod 600 it")
    if len(raw) > FILE_BYTES_MAX:
        raise InputError(f"the key file {path} has {len(raw)} bytes; {FILE_BYTES_MAX} are the most that is read")
    found = {line[1]: line[2] for text in raw.decode("utf-8", "replace").splitlines() if (line := _LINE.match(text))}
    missing = [name for name in (KEY_ID, SECRET_KEY) if not found.get(name)]
    if missing:
        raise InputError(f"the key file {path} has no {' and no '.join(missing)}")
    return Credentials(found[KEY_ID], found[SECRET_KEY])
