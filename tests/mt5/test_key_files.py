"""Do CURVE keys come from where they are said to be, only from there, and is none of them shown?"""

from __future__ import annotations

from pathlib import Path

import pytest
import zmq
import zmq.auth

from trueup.errors import InputError
from trueup_adapters.mt5.key_files import FILE_BYTES_MAX, curve_of

SERVER = zmq.curve_keypair()[0].decode()
PUBLIC, SECRET = (key.decode() for key in zmq.curve_keypair())


def file(folder: Path, text: str, mode: int = 0o600) -> str:
    path = folder / "mt5.key_secret"
    path.write_text(text)
    path.chmod(mode)
    return str(path)


def refused(server: str | None, secret_file: str | None, **environ: str) -> str:
    with pytest.raises(InputError) as caught:
        curve_of(server, secret_file, environ)
    said = str(caught.value)
    assert SECRET not in said
    return said


def test_nothing_said_is_no_encryption() -> None:
    assert curve_of(None, None, {}) is None
    assert curve_of(None, None, {"GTW_CURVE_SERVER": " ", "GTW_CURVE_SECRET": ""}) is None


def test_keys_from_environment_file_and_certificate(tmp_path: Path) -> None:
    expected = (SERVER, PUBLIC, SECRET)
    assert curve_of(None, None, {"GTW_CURVE_SERVER": SERVER, "GTW_CURVE_SECRET": SECRET}) == expected
    other = {"GTW_CURVE_SERVER": PUBLIC, "GTW_CURVE_SECRET": zmq.curve_keypair()[1].decode()}
    assert curve_of(SERVER, file(tmp_path, f"{SECRET}\n"), other) == expected, "what is said wins over what is set"
    _, secret_file = zmq.auth.create_certificates(tmp_path, "ours")
    public, secret = zmq.auth.load_certificate(secret_file)
    Path(secret_file).chmod(0o600)
    assert secret is not None
    assert curve_of(SERVER, str(secret_file), {}) == (SERVER, public.decode(), secret.decode())


def test_half_a_pair_and_no_key_are_refused(tmp_path: Path) -> None:
    assert "name its file (curve_secret_file, --curve-secret-file), or set GTW_CURVE_SECRET" in refused(SERVER, None)
    assert "give the gateway's public key (curve_server, --curve-server)" in refused(None, file(tmp_path, SECRET))
    assert "server_public is not 40 characters" in refused("short", None, GTW_CURVE_SECRET=SECRET)
    for wrong in ("short", "\u00e9" * 40, "#" * 40):  # the last: its alphabet is right, its number too large
        assert "secret is not 40 characters" in refused(SERVER, None, GTW_CURVE_SECRET=wrong)


def test_a_file_that_cannot_be_used_is_refused(tmp_path: Path) -> None:
    assert "cannot be read" in refused(SERVER, str(tmp_path / "gone"))
    assert "cannot be read" in refused(SERVER, str(tmp_path))
    for mode in (0o640, 0o604):
        assert "open to others than its owner; chmod 600 it" in refused(SERVER, file(tmp_path, SECRET, mode))
    assert "is empty" in refused(SERVER, file(tmp_path, " \n"))
    assert "longer than" in refused(SERVER, file(tmp_path, "x" * (FILE_BYTES_MAX + 1)))
