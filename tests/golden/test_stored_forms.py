"""Is everything that was ever stored still read as what it was?"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from golden.render import differences, rendered
from golden.write import newest, write
from trueup.events import decode, encode, name_of_event, names
from trueup.facts import FillRecorded
from trueup.journal.items import ITEM_NAME, decode_item, encode_item
from trueup.model import Execution, Moment

HERE = Path(__file__).parent
EVENTS = sorted((HERE / "events").glob("*.bin"))
ITEMS = sorted((HERE / "items").glob("*.bin"))


def stored_name(path: Path) -> str:
    """`observed-1.a.0.bin` holds an `observed/1`."""
    return re.sub(r"-(\d+)\..*", r"/\1", path.name)


def is_newest(path: Path) -> bool:
    stem = path.name.rsplit(".", 2)[0]
    return newest(path.parent, stem, "bin")[1] == path


def written(path: Path) -> object:
    return json.loads(path.with_suffix(".json").read_text("utf-8"))


def test_every_name_that_can_be_stored_has_a_golden() -> None:
    assert {stored_name(path) for path in EVENTS} == set(names())
    assert {stored_name(path) for path in ITEMS} == {ITEM_NAME}
    assert len(ITEMS) >= 4, "every body that an inbox item may have"


@pytest.mark.parametrize("path", EVENTS, ids=lambda path: path.stem)
def test_a_stored_event_is_read_as_what_it_was(path: Path) -> None:
    state = path.read_bytes()
    event = decode(stored_name(path), state)
    assert name_of_event(event) == stored_name(path)
    assert differences(written(path), event) == []
    if is_newest(path):
        assert encode(event) == state, "written again it is the same bytes; a new form needs a new golden"


@pytest.mark.parametrize("path", ITEMS, ids=lambda path: path.stem)
def test_a_stored_item_is_read_as_what_it_was(path: Path) -> None:
    state = path.read_bytes()
    item = decode_item(state)
    assert differences(written(path), item) == []
    if is_newest(path):
        assert encode_item(item) == state


@pytest.mark.parametrize("path", EVENTS, ids=lambda path: path.stem)
def test_a_golden_speaks_of_every_field_that_its_first_one_has(path: Path) -> None:
    """Whatever has a default says something else in some golden of its name, or the golden proves little."""
    event = decode(stored_name(path), path.read_bytes())
    siblings = [decode(stored_name(path), one.read_bytes()) for one in EVENTS if stored_name(one) == stored_name(path)]
    for name, default in zip(event.__struct_fields__[::-1], event.__struct_defaults__[::-1], strict=False):
        assert any(getattr(one, name) != default for one in siblings), f"{name} is {default!r} in all of them"


# -- the comparison itself ---------------------------------------------------------------------------------

FILL = FillRecorded(Moment(1, 2, 3), Execution("x", "EURUSD", 1, fee_asset="EUR"))  # type: ignore[arg-type]


def test_a_difference_is_found_wherever_it_is() -> None:
    same = rendered(FILL)
    assert isinstance(same, dict)
    assert differences(same, FILL) == []
    assert differences(same | {"at": {"at_ns": 1, "tick_ns": 2, "epoch": 4}}, FILL) == [
        ".at.epoch: 4 was written, 3 is read"
    ]
    assert differences(same | {"gone": 1}, FILL) == [".gone is gone"]
    old = {name: value for name, value in same["execution"].items() if name != "fee_asset"}
    assert differences(same | {"execution": old}, FILL) == [".execution.fee_asset is new and not its default: 'EUR'"]
    older = {name: value for name, value in same["execution"].items() if name != "ticket"}
    assert differences(same | {"execution": older}, FILL) == [], "grown by a field with a default"
    assert differences(["a"], ("a", "b")) != []
    assert differences({"a": 1}, {"b": 1}) != []


def test_a_golden_is_never_overwritten(tmp_path: Path) -> None:
    path = HERE / "events" / "alert-raised-1.a.0.bin"
    before = path.read_bytes()
    with pytest.raises(FileExistsError):
        write(path, b"other")
    assert path.read_bytes() == before
    assert newest(path.parent, "alert-raised-1.a", "bin")[0] >= 1
    assert newest(tmp_path, "none", "bin") == (0, None)
