"""Does a signature show who exported a head, and a wrong or missing one that something is wrong?"""

from __future__ import annotations

import json
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from cli.shell import ACCOUNT, Shell, at, recorded
from trueup import InputError, PositionSet, TrueupError
from trueup.journal import Head, new_key, require_signature, sign_head, signed_bytes

HEAD = Head(7, bytes(range(32)))


@pytest.fixture
def store(tmp_path: Path) -> str:
    url = at(tmp_path)
    recorded(url, *(PositionSet(symbol=f"S{n}", side="long", quantity=1, ticket=str(n + 1)) for n in range(3)))
    return url


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "head.key"
    new_key(path)
    return path


def pub(key: Path) -> Path:
    return key.with_name(key.name + ".pub")


def test_a_signed_head_stands_and_says_by_whom(store: str, key: Path, shell: Shell, tmp_path: Path) -> None:
    head = tmp_path / "head.json"
    ended = shell("head", "--store", store, "--sign", key, "--out", head, "--json")
    assert ended.status == 0
    assert set(ended.json) == {"account", "position", "digest", "signature", "key"}
    assert json.loads(head.read_text()) == ended.json
    assert shell("verify", "--store", store, "--head", head, "--key", pub(key)).status == 0
    unchecked = shell("verify", "--store", store, "--head", head)
    assert unchecked.status == 0
    assert "nobody looked by whom" in unchecked.err
    assert shell("verify", "--store", store, "--head", head, "--key", pub(key)).err == ""


@pytest.mark.parametrize("field", ["position", "digest", "signature"])
def test_law_8_a_changed_head_is_a_fault(store: str, key: Path, shell: Shell, tmp_path: Path, field: str) -> None:
    head = tmp_path / "head.json"
    said = shell("head", "--store", store, "--sign", key, "--out", head, "--json").json
    changed = said[field] - 1 if field == "position" else ("0" if said[field][0] != "0" else "1") + said[field][1:]
    head.write_text(json.dumps({**said, field: changed}))
    ended = shell("verify", "--store", store, "--head", head, "--key", pub(key), "--json")
    assert ended.status == 1
    assert ended.json["ok"] is False
    assert any("signature does not fit" in one["why"] for one in ended.json["faults"])


def test_law_8_a_forger_without_the_key_shows(store: str, key: Path, shell: Shell, tmp_path: Path) -> None:
    """Somebody cuts the tail and exports a new head: only the signature tells."""
    new_key(tmp_path / "other.key")
    head = tmp_path / "head.json"
    shell("head", "--store", store, "--sign", tmp_path / "other.key", "--out", head)
    assert shell("verify", "--store", store, "--head", head).status == 0
    ended = shell("verify", "--store", store, "--head", head, "--key", pub(key))
    assert ended.status == 1
    assert "somebody else signed it" in ended.out


def test_law_8_a_missing_signature_is_a_fault_when_a_key_is_given(
    store: str, key: Path, shell: Shell, tmp_path: Path
) -> None:
    head = tmp_path / "head.json"
    assert set(shell("head", "--store", store, "--out", head, "--json").json) == {"account", "position", "digest"}
    ended = shell("verify", "--store", store, "--head", head, "--key", pub(key), "--json")
    assert ended.status == 1
    assert "not signed" in ended.json["faults"][0]["why"]


def test_a_signature_is_of_one_account() -> None:
    assert signed_bytes("mt5:1", HEAD) != signed_bytes("mt5:2", HEAD)
    assert signed_bytes("mt5:1", HEAD) == b"trueup-head/1\nmt5:1\n7\n" + bytes(range(32)).hex().encode() + b"\n"


def test_the_key_is_its_owners_and_never_written_over(tmp_path: Path, shell: Shell) -> None:
    path = tmp_path / "k"
    ended = shell("head", "--new-key", path, "--json")
    assert ended.status == 0
    assert ended.json["public"] == str(pub(path))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    before = path.read_bytes()
    for left in (path, pub(path)):
        assert shell("head", "--new-key", path).status == 2
        assert path.exists() is (left == path) or path.read_bytes() == before
        path.unlink(missing_ok=True)
    assert "sign" in shell("head", "--new-key", tmp_path / "k2").out
    assert shell("head", "--new-key", tmp_path / "no" / "k").status == 3


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl here")
def test_openssl_makes_keys_and_checks_signatures(store: str, shell: Shell, tmp_path: Path) -> None:
    def openssl(*arguments: object) -> bytes:
        return subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True).stdout

    key, public = tmp_path / "o.key", tmp_path / "o.pub"
    openssl("genpkey", "-algorithm", "ed25519", "-out", key)
    openssl("pkey", "-in", key, "-pubout", "-out", public)
    said = shell("head", "--store", store, "--sign", key, "--out", tmp_path / "head.json", "--json").json
    assert shell("verify", "--store", store, "--head", tmp_path / "head.json", "--key", public).status == 0
    (tmp_path / "m").write_bytes(f"trueup-head/1\n{said['account']}\n{said['position']}\n{said['digest']}\n".encode())
    (tmp_path / "s").write_bytes(bytes.fromhex(said["signature"]))
    checked = openssl(
        "pkeyutl", "-verify", "-pubin", "-inkey", public, "-rawin", "-in", tmp_path / "m", "-sigfile", tmp_path / "s"
    )
    assert b"Successfully" in checked


def test_what_is_no_key(key: Path, tmp_path: Path) -> None:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    other = ec.generate_private_key(ec.SECP256R1())
    bad, pem = tmp_path / "bad", serialization.Encoding.PEM
    bad.write_bytes(b"junk")
    with pytest.raises(InputError, match="is no private key"):
        sign_head(ACCOUNT, HEAD, bad)
    with pytest.raises(InputError, match="is no private key"):
        sign_head(ACCOUNT, HEAD, pub(key))
    with pytest.raises(InputError, match="is no public key"):
        require_signature(ACCOUNT, HEAD, bytes(64), key)
    bad.write_bytes(
        other.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"x"))
    )
    with pytest.raises(InputError, match="without a passphrase"):
        sign_head(ACCOUNT, HEAD, bad)
    bad.write_bytes(other.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    with pytest.raises(InputError, match="another kind"):
        sign_head(ACCOUNT, HEAD, bad)
    bad.write_bytes(other.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo))
    with pytest.raises(InputError, match="another kind"):
        require_signature(ACCOUNT, HEAD, bytes(64), bad)
    with pytest.raises(TrueupError, match="cannot be read"):
        sign_head(ACCOUNT, HEAD, tmp_path / "none")


def test_words_that_do_not_belong_together(store: str, key: Path, shell: Shell, tmp_path: Path) -> None:
    assert shell("verify", "--store", store, "--key", pub(key)).status == 2
    assert "--store" in shell("head").err
    (tmp_path / "h").write_text(json.dumps({"account": ACCOUNT, "position": 1, "digest": "00" * 32, "signature": "00"}))
    assert shell("verify", "--store", store, "--head", tmp_path / "h").status == 3


def test_without_the_extra_a_sentence_names_it(
    store: str, key: Path, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "cryptography", None)
    ended = shell("head", "--store", store, "--sign", key)
    assert ended.status == 3
    assert 'pip install "trueup[sign]"' in ended.err
