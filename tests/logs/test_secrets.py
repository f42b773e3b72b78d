"""Does a secret stay out of everything that a sidecar produces: stdout, stderr, journal, views, metrics, alerts?"""

from __future__ import annotations

import gzip
import io
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import urllib.request
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.servers import web
from cli.gateways import POLICY, gateway, line_of
from trueup_adapters.logs import Log, hidden, hide, hide_address, hide_environment, hide_password, secrets
from trueup_adapters.logs.secrets import MASK, SECRETS_MAX, SHORTEST


@pytest.fixture(autouse=True)
def _forgetting() -> Iterator[None]:
    """What a test hides is known in this test only."""
    before = dict(secrets._known)
    yield
    secrets._known.clear()
    secrets._known.update(before)
    secrets._pattern = None
    if before:
        hide(next(iter(before)))


@given(st.text(min_size=SHORTEST, max_size=40).filter(lambda text: not set(text) & set(MASK)), st.text(), st.text())
def test_a_secret_is_hidden_wherever_it_stands(secret: str, before: str, after: str) -> None:
    hide(secret)
    assert secret not in hidden(before + secret + after).replace(MASK, "") or secret in before + after


def test_its_other_forms_are_hidden_too() -> None:
    hide('p"w\\d%20x/y')
    assert hidden(json.dumps({"k": 'p"w\\d%20x/y'})) == '{"k": "***"}'
    hide("s%40cret-value")
    assert hidden("s@cret-value") == MASK


def test_passwords_in_addresses_need_not_be_told() -> None:
    assert hidden("postgresql://ada:hunter2@db/x failed") == "postgresql://ada:***@db/x failed"
    assert hidden("GET https://h/x?token=abc&y=1") == "GET https://h/x?token=***&y=1"
    assert hidden("tcp://127.0.0.1:5555 at 12:30") == "tcp://127.0.0.1:5555 at 12:30"
    assert hidden("postgresql://user@host/db") == "postgresql://user@host/db"


def test_addresses_environment_and_passwords() -> None:
    hide_address("discord://4174296324183/JHZ7lQml277CDHmQK?x=localhost")
    assert (
        hidden("id 4174296324183, token JHZ7lQml277CDHmQK, discord, localhost")
        == f"id {MASK}, token {MASK}, discord, localhost"
    )
    hide_environment(
        {
            "APCA_API_SECRET_KEY": "abcdefgh1",
            "MY_TOKEN": "abcdefgh2",
            "HOME": "/home/abcdefgh3",
            "PGPASSWORD": "abcdefgh4",
        }
    )
    assert hidden("abcdefgh1 abcdefgh2 abcdefgh3 abcdefgh4") == f"{MASK} {MASK} abcdefgh3 {MASK}"
    hide_address("mailtos://ada:opendoor@smtp.example.org?to=x")
    assert hidden("opendoor smtp ada 587") == f"{MASK} smtp ada 587"
    hide_password("tcp://u:opensesame@h:1")
    hide_password(None)
    assert hidden("opensesame") == MASK


def test_what_is_too_short_and_what_is_too_much() -> None:
    for short in ("abc4", "trueup", "", None):
        hide(short)
    assert hidden("abc4, trueup, postgresql://trueup:trueup@db/x") == "abc4, trueup, postgresql://trueup:***@db/x"
    hide("tr4up")
    assert hidden("tr4up") == MASK
    for number in range(SECRETS_MAX + 5):
        hide(f"secret-number-{number:05}")
    assert len(secrets._known) <= SECRETS_MAX
    assert hidden(f"secret-number-{SECRETS_MAX:05}") == MASK


def test_a_log_hides_before_it_renders() -> None:
    hide('se"cret')
    for form in ("text", "json"):
        stream = io.StringIO()
        Log(stream, form).say("info", "x", what='it is se"cret')
        assert "cret" not in stream.getvalue()


# -- the whole sidecar ---------------------------------------------------------------------------------------------

CANARY = "xq7canary93zz"
"""Stands in every place where a secret may be."""


def everything(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Every file, as it is and as far as it can be unpacked."""
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or path.name == "t.toml":
            continue
        raw = path.read_bytes()
        yield path.name, raw
        if raw.startswith(b"SQLite format 3\x00"):
            with sqlite3.connect(path) as database:
                for (table,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
                    for row in database.execute(f'SELECT * FROM "{table}"'):
                        for cell in row:
                            blob = cell if isinstance(cell, bytes) else str(cell).encode()
                            yield f"{path.name}:{table}", blob
                            yield f"{path.name}:{table} unpacked", unpacked(blob)


def unpacked(blob: bytes) -> bytes:
    for start in range(min(len(blob), 64)):
        for wbits in (15, -15, 31):
            try:
                return zlib.decompress(blob[start:], wbits)
            except (zlib.error, gzip.BadGzipFile):
                continue
    return b""


def environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GTW_", "TRUEUP_", "SYNC_"))}
    return kept | {
        "BROKER_API_SECRET": f"{CANARY}-env",
        "DESK_URL": "",
        "PGPASSWORD": f"{CANARY}-pg",
    }


@pytest.mark.parametrize("form", ["text", "json"])
def test_the_canary_is_in_nothing_that_a_sidecar_produces(form: str, tmp_path: Path) -> None:
    with web() as service, gateway() as (url, control):
        control.open("EURUSD", "buy", "1", "1.1")
        port = service.url.rpartition(":")[2]
        config = tmp_path / "t.toml"
        config.write_text(
            f'account = "mt5:1"\nbroker = "{url}"\nstore = "sqlite:///{tmp_path}/s.db"\nsync_interval_s = 1\n'
            f'{POLICY}\non_recovery = "alert"\n'
            "[metrics]\nport = 0\n"
            f'[logs]\nformat = "{form}"\nlevel = "debug"\n'
            "[[alerts.channels]]\nname = 'desk'\nurl_env = 'DESK_URL'\n"
            f"[[alerts.channels]]\nname = 'file'\nurl = 'json://user:{CANARY}-file@127.0.0.1:{port}/{CANARY}-path'\n"
        )
        given = environment() | {"DESK_URL": f"json://127.0.0.1:{port}/{CANARY}-desk"}
        command = [sys.executable, "-m", "trueup", "run", "--config", str(config), "--json"]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path, env=given
        ) as process:
            try:
                said = [json.dumps(line_of(process))]
                service.answers = [(500, {}, f"go away {CANARY}-file".encode())] * 2
                control.open("GBPUSD", "buy", "1", "1.1")
                service.wait_for(3, within_s=30)
                said += [json.dumps(line_of(process)) for _ in range(2)]
                assert process.stderr is not None
                errors = process.stderr.readline()
                found = re.search(r"http://127\.0\.0\.1:\d+/metrics", errors)
                assert found, errors
                with urllib.request.urlopen(found[0], timeout=10) as reply:
                    metrics = reply.read().decode()
                process.send_signal(signal.SIGTERM)
                out, rest = process.communicate(timeout=30)
                assert process.returncode == 0
            finally:
                process.kill()
    produced = {
        "stdout": "\n".join(said) + out,
        "stderr": errors + rest,
        "metrics": metrics,
        "alerts": json.dumps([body for _, body in service.requests]),
    }
    assert "event=" in produced["stderr"] or '"event"' in produced["stderr"]
    assert "trueup_alerts_waiting" in metrics
    assert "for a human" in produced["alerts"]
    assert {where for where, text in produced.items() if CANARY in text} == set()
    assert {name for name, blob in everything(tmp_path) if CANARY.encode() in blob} == set()


@pytest.mark.parametrize(
    "arguments",
    [
        (
            "run",
            "--account",
            "a:1",
            "--store",
            "sqlite:///s.db",
            "--broker",
            f"tcp://user:{CANARY}@10.0.0.1:5555",
            "--once",
        ),
        ("run", "--account", "a:1", "--store", f"postgresql://ada:{CANARY}@127.0.0.1:1/none", "--once", "--json"),
        ("run", "--account", "a:1", "--store", f"nosuch://ada:{CANARY}@h/x", "--once"),
        ("status", "--store", f"postgresql://ada:{CANARY}@127.0.0.1:1/none", "--json"),
        (
            "doctor",
            "--account",
            "a:1",
            "--store",
            f"postgresql://ada:{CANARY}@127.0.0.1:1/none",
            "--broker",
            "tcp://127.0.0.1:1",
            "--json",
        ),
        ("run", "--account", "a:1", "--store", "sqlite:///s.db", "--broker", f"alpaca://{CANARY}-env", "--once"),
    ],
)
def test_the_canary_is_in_no_error(arguments: tuple[str, ...], tmp_path: Path) -> None:
    given = environment() | {"GTW_TIMEOUT_MS": "100"}
    done = subprocess.run(
        [sys.executable, "-m", "trueup", *arguments],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=given,
        timeout=60,
        check=False,
    )
    assert done.returncode in (1, 2, 3)
    assert done.stderr or done.stdout
    assert CANARY not in done.stdout + done.stderr


def test_the_canary_is_in_no_traceback(tmp_path: Path) -> None:
    """A broken law leaves with its traceback; what a library put into it is masked all the same."""
    program = (
        "import sys, threading\n"
        "from trueup_adapters.cli import app, main\n"
        "def breaks(*_, **__):\n"
        f"    thread = threading.Thread(target=lambda: 1 / len(dict(x='{CANARY}'[:0] or '')) if False else raising())\n"
        "    thread.start(); thread.join()\n"
        "    raising()\n"
        "def raising():\n"
        "    from trueup.errors import InvariantBroken\n"
        "    import os\n"
        "    raise InvariantBroken('cannot reach ' + os.environ['BROKER_API_SECRET'])\n"
        "app.app = breaks\n"
        "sys.argv = ['trueup']\n"
        "sys.exit(main())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=environment(),
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.count("InvariantBroken: cannot reach ***") == 2, done.stderr
    assert "cannot reach xq7" not in done.stderr
