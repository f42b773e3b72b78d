"""Does the command line say one whole sentence, and one line of JSON, where it cannot do anything?"""

from __future__ import annotations

from pathlib import Path

from cli.shell import Shell


def test_no_word_at_all_is_told_in_a_whole_sentence(shell: Shell) -> None:
    ended = shell()
    assert ended.status == 2
    assert ended.err == "trueup: no command was given. See `trueup --help`\n"


def test_a_store_that_cannot_be_read_gives_the_report_of_a_failed_pass(shell: Shell, tmp_path: Path) -> None:
    """Whoever reads the sidecar's lines gets one, as when another writer holds the account."""
    junk = tmp_path / "junk.db"
    junk.write_bytes(b"this is no database at all. " * 400)
    url = f"sqlite:///{junk}"
    ended = shell("run", "--once", "--json", "--account", "mt5:1", "--broker", "tcp://127.0.0.1:9", "--store", url)
    assert ended.status == 3
    report = ended.json
    assert (report["account"], report["status"], report["gate"]) == ("mt5:1", "FAILED", "closed")
    assert "not an SQLite database" in report["errors"][0]
    assert len(ended.err.splitlines()) == 1
