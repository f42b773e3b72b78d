"""Is a journal at least as long as it once was, and the same up to there?

A head that was exported, and kept elsewhere, shows what nothing inside the store can show: a backup that was put
back too early in time, a tail that was cut off, a history that was recomputed to its end (law 8). Signed, it also
shows who exported it: Ed25519 over `signed_bytes`, so that `openssl pkeyutl` can check it as well.
"""

from __future__ import annotations

import os
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from trueup.errors import InputError, JournalCorrupt, JournalError, TrueupError
from trueup.journal.chain import Head

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

KEY_BYTES_MAX: Final = 10_000
"""The longest key file that is read (law 12)."""


class Headed(Protocol):
    """What is held against a head; `JournalReader` and `JournalWriter` are it."""

    account: str

    def head(self) -> Head: ...
    def digest_at(self, position: int) -> bytes | None: ...


def require_head(reader: Headed, head: Head, *, restored: bool = False) -> bool:
    """Hold a journal against a head that was exported earlier; whether the journal is behind it.

    restored   somebody knows that this is a restored backup: being behind is then no error, but the gate has to
               stay closed until all orders and fills since were looked up

    Raises JournalError when the journal ends before that head and `restored` was not said, JournalCorrupt when it
    holds another event there: a recomputed history, or another journal altogether (law 8).
    """
    own = reader.head()
    if own.position < head.position:
        if restored:
            return True
        raise JournalError(
            f"{reader.account}: the journal ends at {own.position}, and a head exported earlier stands at "
            f"{head.position}: this is a restored backup, or its tail was cut off. What was recorded since is not in "
            "it; if you mean to go on from here, say so (restored, --restored)"
        )
    if head.position and reader.digest_at(head.position) != head.digest:
        raise JournalCorrupt(
            f"{reader.account} at {head.position}: not the event that stood there when the head was exported; its "
            "history was recomputed, or this is another journal. Run `trueup verify --head`"
        )
    return False


# -- signatures --------------------------------------------------------------------------------------------


def signed_bytes(account: str, head: Head) -> bytes:
    """What a signature is over: four lines, `trueup-head/1`, account, position, digest in hex, each ended."""
    return f"trueup-head/1\n{account}\n{head.position}\n{head.digest.hex()}\n".encode()


def sign_head(account: str, head: Head, key: Path) -> tuple[bytes, str]:
    """The 64 bytes of an Ed25519 signature over a head, and the fingerprint of the key that fits.

    key   a private key in PEM, without a passphrase, as `new_key` or `openssl genpkey -algorithm ed25519` writes it

    Raises InputError for a file that is no such key, TrueupError where it cannot be read or `trueup[sign]` is missing.
    """
    private = _private(key)
    return private.sign(signed_bytes(account, head)), fingerprint(private.public_key())


def require_signature(account: str, head: Head, signature: bytes | None, key: Path) -> str | None:
    """Why a head is not what the owner of a key exported; None when it is.

    key   the public key in PEM

    Raises as `sign_head`.
    """
    public = _public(key)
    from cryptography.exceptions import InvalidSignature

    if signature is None:
        return "the head is not signed, and a key was given that it should be signed with"
    try:
        public.verify(signature, signed_bytes(account, head))
    except InvalidSignature:
        return (
            f"the head's signature does not fit it and the key {fingerprint(public)[:16]}: the head was changed, or "
            "somebody else signed it"
        )
    return None


def new_key(path: Path) -> tuple[Path, str]:
    """Make a key pair: the private one at `path`, readable by its owner only, the public one beside it in `.pub`.

    Returns the public one's path and its fingerprint. Never writes over anything. Raises InputError where one of the
    files is there already, TrueupError where they cannot be written or `trueup[sign]` is missing.
    """
    _require_library()
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ed25519

    private = ed25519.Ed25519PrivateKey.generate()
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = private.public_key()
    beside = path.with_name(path.name + ".pub")
    for one in (path, beside):
        if one.exists():
            raise InputError(f"{one} exists; a key is never written over, name another file")
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(pem)
        with beside.open("xb") as file:
            file.write(public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo))
    except OSError as error:
        raise TrueupError(f"{path}: the key cannot be written: {error.strerror or error}") from error
    return beside, fingerprint(public)


def fingerprint(public: Ed25519PublicKey) -> str:
    """SHA-256 of the raw public key, in hex: short enough to be read out over a telephone."""
    return sha256(public.public_bytes_raw()).hexdigest()


def _private(path: Path) -> Ed25519PrivateKey:
    _require_library()
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ed25519

    pem = _pem(path)
    try:
        found = serialization.load_pem_private_key(pem, None)
    except (TypeError, ValueError) as error:
        raise InputError(f"{path}: is no private key in PEM without a passphrase; `trueup head --new-key`") from error
    if not isinstance(found, ed25519.Ed25519PrivateKey):
        raise InputError(f"{path}: is a private key of another kind; heads are signed with Ed25519")
    return found


def _public(path: Path) -> Ed25519PublicKey:
    _require_library()
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ed25519

    pem = _pem(path)
    try:
        found = serialization.load_pem_public_key(pem)
    except ValueError as error:
        raise InputError(f"{path}: is no public key in PEM; give the .pub file that belongs to the key") from error
    if not isinstance(found, ed25519.Ed25519PublicKey):
        raise InputError(f"{path}: is a public key of another kind; heads are signed with Ed25519")
    return found


def _pem(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(KEY_BYTES_MAX)
    except OSError as error:
        raise TrueupError(f"{path}: the key cannot be read: {error.strerror or error}") from error


def _require_library() -> None:
    try:
        import cryptography  # noqa: F401  # pyright: ignore[reportUnusedImport]
    except ImportError as error:
        raise TrueupError(f'signed heads need cryptography ({error}); pip install "trueup[sign]"') from error
