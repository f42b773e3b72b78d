"""Are incidents imported into a server, and handed over from it, as from a file?"""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.shell import Shell
from incident.told import brought, fails, fill, is_sound, jsonl, pos, sees
from journal.databases import PostgresStore
from trueup import InputError
from trueup.incident import write_bundle
from trueup.journal import open_reader, verify

ACCOUNT = "import:recording"
STORY: list[object] = [
    sees(0, pos("A"), pos("B", side="short")),
    fill(20, "x1", "A"),
    fails(40),
    sees(60, pos("A", "2"), pos("B", side="short")),
    sees(90, pos("A", "2")),
    sees(120, pos("A", "2")),
]


def test_law_5_a_recording_goes_on_behind_its_last_line(postgres: PostgresStore) -> None:
    first = brought(postgres.url, STORY[:3])
    assert first.taken == 3
    again = brought(postgres.url, STORY)
    assert (again.before, again.taken, again.refused_count) == (3, 3, 0)
    assert brought(postgres.url, jsonl(STORY)).events == 0
    assert set(is_sound(postgres.url, ACCOUNT).book) == {"A"}
    with pytest.raises(InputError, match="another recording"):
        brought(postgres.url, STORY[1:])


def test_law_8_a_bundle_from_a_server_reads_like_it(
    postgres: PostgresStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    brought(postgres.url, STORY)
    with open_reader(postgres.url, ACCOUNT) as reader:
        head = reader.head()
        for name, first in (("whole.zip", 1), ("part.zip", 12)):
            write_bundle(reader, tmp_path / name, first=first, last=head.position)
            url = f"bundle:///{tmp_path / name}"
            assert verify(url, ACCOUNT, head=head).faults == ()
            with open_reader(url, ACCOUNT) as bundle:
                after = bundle.begins_after
                assert list(bundle.sealed(after=after)) == list(reader.sealed(after=after))
            assert Shell(capsys)("replay", "--store", url).status == 0
