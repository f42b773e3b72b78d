"""What does the library's own test suite need to be imported without the extra package that its AES cipher uses?

`eventsourcing.tests.persistence` imports `eventsourcing.cipher`, hence pycryptodome, which trueup does not depend
on. Where that is missing, this stands in for it: keyed and authenticated, so that the suite's assertions keep
their meaning, and of no use for keeping secrets.
"""

from __future__ import annotations

import hmac
import os
import sys
from base64 import b64decode, b64encode
from hashlib import sha256
from importlib.util import find_spec
from types import ModuleType

from eventsourcing.persistence import Cipher
from eventsourcing.utils import Environment


class AESCipher(Cipher):
    CIPHER_KEY = "CIPHER_KEY"

    @staticmethod
    def create_key(num_bytes: int) -> str:
        return b64encode(os.urandom(num_bytes)).decode()

    def __init__(self, environment: Environment) -> None:
        key = environment.get(self.CIPHER_KEY)
        if not key:
            raise OSError(f"{self.CIPHER_KEY!r} not in env")
        self._key = b64decode(key)

    def encrypt(self, plaintext: bytes) -> bytes:
        return hmac.digest(self._key, plaintext, sha256) + bytes(b ^ self._key[0] for b in plaintext)

    def decrypt(self, ciphertext: bytes) -> bytes:
        plaintext = bytes(b ^ self._key[0] for b in ciphertext[32:])
        if hmac.digest(self._key, plaintext, sha256) != ciphertext[:32]:
            raise ValueError("another key")
        return plaintext


def install() -> None:
    """Make the suite importable."""
    if find_spec("Crypto") is None and "eventsourcing.cipher" not in sys.modules:
        module = ModuleType("eventsourcing.cipher")
        AESCipher.__module__ = module.__name__  # topics name classes by their module
        module.AESCipher = AESCipher  # type: ignore[attr-defined]
        sys.modules[module.__name__] = module
