"""Which CURVE keys does a sidecar use, where are they, and who else can read the secret one?

Two things are said: the gateway's public key, and our own secret key, from which our public one follows. The secret one
comes from a file of its own or from the environment; a flag would show in the list of processes, and a configuration is
shown, stored and committed.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import zmq

from trueup.errors import InputError
from trueup_adapters.logs.secrets import hide
from trueup_adapters.mt5.address import CurveKeys, checked_keys

SERVER: Final = "GTW_CURVE_SERVER"
SECRET: Final = "GTW_CURVE_SECRET"
FILE_BYTES_MAX: Final = 10_000
_CERTIFICATE: Final = re.compile(r'(?m)^\s*secret-key\s*=\s*"([^"\n]*)"\s*$')


def curve_of(server: str | None, secret_file: str | None, environ: Mapping[str, str]) -> CurveKeys | None:
    """The keys of an encrypted connection; None where nobody says any.

    server       the gateway's public key, 40 characters of Z85 text; else GTW_CURVE_SERVER
    secret_file  a file with our secret key: its 40 characters alone, or what `zmq.auth.create_certificates` writes;
                 else GTW_CURVE_SECRET is the key itself

    Raises InputError, which never shows the secret, for one without the other, for what is no key, and for a file that
    cannot be read or is open to others than its owner.
    """
    named = server or environ.get(SERVER, "").strip()
    secret = _in_file(Path(secret_file).expanduser()) if secret_file else environ.get(SECRET, "").strip()
    hide(secret)
    if not named and not secret:
        return None
    if not secret:
        raise InputError(
            f"a gateway's CURVE key is given and no secret key of ours: name its file (curve_secret_file, "
            f"--curve-secret-file), or set {SECRET}"
        )
    if not named:
        raise InputError(
            f"a secret CURVE key is given and not whom to trust: give the gateway's public key (curve_server, "
            f"--curve-server), or set {SERVER}"
        )
    checked_keys((named, named, secret))
    try:
        public = zmq.curve_public(secret.encode()).decode()
    except zmq.ZMQError as error:  # its alphabet is right, and its number too large for a key
        raise InputError("the CURVE key secret is not 40 characters of Z85 text") from error
    return checked_keys((named, public, secret))


def _in_file(path: Path) -> str:
    """The secret key that a file holds."""
    try:
        mode = path.stat().st_mode
        with path.open("rb") as file:
            raw = file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise InputError(f"the CURVE key file {path} cannot be read: {error.strerror or error}") from error
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise InputError(f"the CURVE key file {path} is open to others than its owner; chmod 600 it")
    if len(raw) > FILE_BYTES_MAX:
        raise InputError(f"the CURVE key file {path} is longer than {FILE_BYTES_MAX} bytes; it holds one key")
    text = raw.decode("utf-8", "replace")
    found = _CERTIFICATE.search(text)
    secret = text.strip() if found is None else found[1]
    if not secret:
        raise InputError(f"the CURVE key file {path} is empty; it holds our secret key, 40 characters of text")
    return secret
