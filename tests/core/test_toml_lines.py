"""Is a key of a TOML text found on its line, in tables, lists of tables and tables of tables?"""

from __future__ import annotations

import pytest

from trueup.toml_lines import Path, line_of, meant

TEXT = """\
top = 1
[account]
name = "a"
"quoted.key" = 2
sub.inner = 3

[[broker]]
name = "one"

[[broker]]
name = "two"
[broker.limits]
most = 3
[[broker]]
[broker.limits]
most = 4
[a . "b c"]
d = 5
"""
LINES = {text: number for number, text in enumerate(TEXT.splitlines(), 1)}


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("top",), 1),
        (("account",), 2),
        (("account", "name"), 3),
        (("account", "quoted.key"), 4),
        (("account", "sub", "inner"), 5),
        (("account", "sub"), 2),
        (("account", "nothing"), 2),
        (("broker",), 7),
        (("broker", 0), 7),
        (("broker", 0, "name"), 8),
        (("broker", 1), 10),
        (("broker", 1, "name"), 11),
        (("broker", 1, "nothing"), 10),
        (("broker", 1, "limits"), 12),
        (("broker", 1, "limits", "most"), 13),
        (("broker", 2, "limits", "most"), 16),
        (("broker", 2, "name"), 14),
        (("broker", 3, "name"), 7),
        (("a", "b c", "d"), 18),
        (("a",), None),
        (("nothing",), None),
    ],
)
def test_a_value_stands_on_its_line_or_at_the_nearest_table_around_it(path: Path, line: int | None) -> None:
    assert line_of(TEXT, path) == line


def test_a_key_that_nobody_knows_is_told_with_the_one_that_was_perhaps_meant() -> None:
    known = ["confirmations", "confirmations_total", "dust"]
    assert meant("knob", "confirmatons", "confirmatons", known) == (
        "there is no knob 'confirmatons'; did you mean 'confirmations'?"
    )
    assert meant("knob", "policy.weather", "weather", known) == "there is no knob 'policy.weather'"
