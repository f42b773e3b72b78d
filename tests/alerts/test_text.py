"""Is any text made harmless, and do news become few messages in which nothing is missing?"""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trueup.decisions import Severity
from trueup_adapters.alerts import Message, News, compose, escaped, harmless
from trueup_adapters.alerts.digest import MESSAGES_MAX
from trueup_adapters.alerts.news import Batch
from trueup_adapters.alerts.plain import cut, size

COMMAND = "trueup audit --store sqlite:///s.db --account mt5:5001"


@given(st.text())
def test_l60_no_text_keeps_a_mention_a_tag_or_a_link(text: str) -> None:
    shown = harmless(text)
    assert not re.search(r"@\w|<|>|`|\]\(|://|[\r\n]", shown)
    assert all(unicodedata.category(one) not in ("Cc", "Cs") for one in shown)
    assert harmless(shown).count("@") == shown.count("@")


@pytest.mark.parametrize(
    "text", ["EURUSD", "drift of quantity, EURUSD #7: book 1.5, broker -2 (policy guarded)", "BTC/USD"]
)
def test_text_that_is_harmless_stays_as_it_is(text: str) -> None:
    assert harmless(text) == text


@given(st.text(), st.integers(2, 40))
def test_what_is_cut_fits_and_begins_alike(text: str, most: int) -> None:
    kept = cut(text, most)
    assert size(kept) <= most
    assert kept == text or text.startswith(kept.rstrip("…").rstrip("\\"))


def test_markdown_is_escaped_mark_by_mark() -> None:
    assert escaped("a*b_c [d](e) \\") == "a\\*b\\_c \\[d\\]\\(e\\) \\\\"


def news(number: int, severity: Severity = "critical", kind: str = "alert", text: str = "something") -> News:
    return News(kind, number, number * 1_000_000_000, severity, "escalated", f"{text} <{number}>")  # type: ignore[arg-type]


def composed(batch: Batch, body_max: int = 2_000, **more: object) -> tuple[Message, ...]:
    given = {"account": "mt5:5001", "command": COMMAND, "body_max": body_max, **more}
    return compose(batch, **given)  # type: ignore[arg-type]


def test_a_few_are_one_message_the_gravest_first_and_what_is_over_last() -> None:
    several = (news(1, "warning"), news(2, kind="resolved"), news(3), news(4, "info"))
    (message,) = composed(Batch(1, 9, several, criticals=1))
    assert message.title == "trueup mt5:5001: 3 alerts, 1 critical, 1 resolved"
    assert [line.split()[0] for line in message.body.splitlines()] == ["critical", "warning", "info", "resolved"]
    assert message.body.splitlines()[0] == "critical 00:00:03Z [3] something ‹3›"
    assert message.severity == "critical"
    assert COMMAND not in message.body, "all of it is there: nobody has to look anything up"


def test_where_nothing_is_left_out_the_last_line_says_what_lists_the_open_breaks() -> None:
    def told(one: News) -> list[str]:
        (message,) = compose(Batch(1, 1, (one,)), account="a:1", command="CMD", body_max=2_000, details="trueup breaks")
        return message.body.splitlines()

    assert told(news(1))[-1] == "open breaks: trueup breaks"
    assert len(told(news(1, kind="resolved"))) == 1, "nothing is open that this message speaks of"


@pytest.mark.parametrize(
    "command", ["trueup audit --store sqlite:////var/a_b.db", "trueup audit --store postgresql://ada:***@db/x"]
)
def test_a_command_can_be_copied_as_it_stands(command: str) -> None:
    many = Batch(1, 900, tuple(news(number) for number in range(1, 400)), (("t", 500),), 900)
    assert f"more: {command} (" in composed(many, command=command)[-1].body
    assert f"breaks: {command}" in composed(Batch(1, 1, (news(1),)), details=command)[-1].body
    hostile = composed(many, command="trueup --store sqlite:///@everyone.db")[-1].body
    assert "@everyone" not in hostile


def test_the_gravity_of_a_message_is_that_of_its_gravest_alert() -> None:
    assert composed(Batch(1, 1, (news(1, kind="resolved"),)))[0].severity == "info"
    assert composed(Batch(1, 1, (news(1, "info"),)))[0].severity == "info"
    assert composed(Batch(1, 2, (news(1, "info"), news(2, "warning"))))[0].severity == "warning"


@given(
    st.lists(st.integers(1, 700), max_size=60, min_size=1),
    st.integers(0, 20_000),
    st.integers(300, 5_000),
    st.integers(1, MESSAGES_MAX),
    st.booleans(),
    st.integers(0, 3),
)
def test_l60_every_one_is_told_or_counted_and_every_message_fits(
    lengths: list[int], more: int, body_max: int, messages_max: int, markdown: bool, lost: int
) -> None:
    several = tuple(
        News("alert", number, 0, "warning", "t", f"N{number}N " + "x*&" * (length // 3))
        for number, length in enumerate(lengths, 1)
    )
    batch = Batch(1, 99, several, (("orphan", more),) if more else ())
    messages = compose(
        batch,
        account="a:1",
        command="CMD",
        body_max=body_max,
        messages_max=messages_max,
        markdown=markdown,
        lost=lost,
        details="trueup breaks --store sqlite:///x.db",
    )
    assert 1 <= len(messages) <= messages_max
    assert all(size(one.title) + 2 + size(one.body) <= body_max and one.body for one in messages)
    body = "\n".join(one.body for one in messages)
    told = {int(number) for number in re.findall(r"N(\d+)N", body)}
    counted = re.search(r"and ([\d,]+) more: CMD", body)
    assert len(told) + (int(counted[1].replace(",", "")) if counted else 0) == len(several) + more
    if lost:
        assert f"{lost} earlier ones were refused" in body


def test_a_channel_of_little_room_still_says_how_many() -> None:
    batch = Batch(1, 500, tuple(news(number) for number in range(1, 101)), criticals=100)
    messages = composed(batch, body_max=160, messages_max=1)
    assert len(messages) == 1
    assert re.search(r"and \d+ more: trueup", messages[0].body)
    assert size(messages[0].title) + size(messages[0].body) <= 160
