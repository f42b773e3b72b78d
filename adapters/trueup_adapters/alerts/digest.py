"""How do any number of news become a few messages, each within the channel's limit, with nothing dropped silently?

The gravest come first. What does not fit is counted, and the last message names the command that lists all of it (L60).
Pure.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from typing import Final

import msgspec

from trueup.decisions import Severity
from trueup.report import iso
from trueup_adapters.alerts.news import Batch, News, severity_of
from trueup_adapters.alerts.plain import cut, escaped, harmless, size

MESSAGES_MAX: Final = 5
"""Messages that one batch becomes at most (L60)."""
BODY_MAX: Final = 3_500
"""What a message holds at most where the channel would take more: nobody reads further."""
LINE_MAX: Final = 600
"""Of one alert; longer ones end in an ellipsis, and the audit has all of it."""
TITLE_MAX: Final = 120
_MENTION: Final = re.compile(r"@(?:everyone|here|channel|all)\b|[<>`]|[^\x20-\x7e]", re.IGNORECASE)
NUMBERING: Final = 12
"""Room for ` (5/5)` after the title, a line break, and one to spare."""
OF_NO_BREAK: Final = ("broker-silent", "journal-failing", "book-unread", "book-unwritten", "book-orders-unread")
"""Topics about which a list of the open breaks says nothing."""
TOPICS_MAX: Final = 5
"""Topics that the closing line counts one by one."""


class Message(msgspec.Struct, frozen=True):
    """What is sent in one go."""

    title: str
    body: str
    severity: Severity
    """The gravest of what it tells; `info` where everything in it is over."""


def compose(
    batch: Batch,
    *,
    account: str,
    command: str,
    body_max: int,
    messages_max: int = MESSAGES_MAX,
    markdown: bool = False,
    lost: int = 0,
    details: str = "",
) -> tuple[Message, ...]:
    """The messages that tell a batch: at least one, at most `messages_max`.

    command   what a person can type to list everything, without the limit: `trueup audit --store ...`
    body_max  what the channel takes in one message, title included, in UTF-16 units
    markdown  the channel reads Markdown into everything: marks are escaped
    lost      how many earlier news this channel refused to take: said first
    details   what lists the open breaks: said last, where nothing was left out and there is room
    """
    say = escaped if markdown else str
    command, details = say(_typed(command)), say(_typed(details))
    title = cut(say(harmless(f"trueup {account}: {_headline(batch)}")), min(TITLE_MAX, body_max // 4))
    room = min(body_max, BODY_MAX) - size(title) - NUMBERING
    news = _in_order(batch.news)
    lines = [cut(say(harmless(_line(one))), min(LINE_MAX, room - 1)) for one in news]
    if lost:
        lines.insert(0, cut(f"{lost:,} earlier ones were refused by this channel: {command}", room - 1))
    longest = _closing(batch, batch.count, Counter(one.topic for one in news), command, say)
    bodies, left = _filled(lines, room, messages_max, min(size(longest) + 1, room // 2))
    topics = Counter(dict(batch.more)) + Counter(one.topic for one in news[max(0, len(news) - left) :])
    if topics:
        closing = _closing(batch, topics.total(), topics, command, say)
        free = room - _used(bodies[-1])
        if size(closing) > free and len(bodies) < messages_max:
            bodies.append([])
            free = room
        bodies[-1].append(cut(closing, free))
    elif details and any(one.kind == "alert" and one.topic not in OF_NO_BREAK for one in news):
        hint = f"open breaks: {details}"
        if size(hint) <= room - _used(bodies[-1]):
            bodies[-1].append(hint)
    severity, total = _gravest(batch), len(bodies)
    return tuple(
        Message(title if total == 1 else f"{title} ({number}/{total})", "\n".join(body), severity)
        for number, body in enumerate(bodies, 1)
    )


def _filled(lines: list[str], room: int, messages_max: int, closing: int) -> tuple[list[list[str]], int]:
    """(the lines of each message, how many lines found no place). The last message that is allowed keeps `closing`
    free for the line that says so."""
    bodies: list[list[str]] = [[]]
    for number, line in enumerate(lines):
        if size(line) + 1 > _free(bodies, room, messages_max, closing):
            if len(bodies) < messages_max and bodies[-1]:
                bodies.append([])
            if size(line) + 1 > _free(bodies, room, messages_max, closing):
                return bodies, len(lines) - number
        bodies[-1].append(line)
    return bodies, 0


def _free(bodies: list[list[str]], room: int, messages_max: int, closing: int) -> int:
    return room - _used(bodies[-1]) - (closing if len(bodies) == messages_max else 0)


def _used(body: list[str]) -> int:
    return sum(size(line) + 1 for line in body)


def _in_order(news: tuple[News, ...]) -> list[News]:
    """The gravest alerts first, what is over last; each in the order of the journal."""
    return sorted(news, key=lambda one: (one.kind == "resolved", -severity_of(one.severity), one.position))


def _line(one: News) -> str:
    word = "resolved" if one.kind == "resolved" else one.severity
    return f"{word} {iso(one.at_ns)[11:19]}Z [{one.position}] {one.text}"


def _headline(batch: Batch) -> str:
    resolved = sum(one.kind == "resolved" for one in batch.news)
    alerts = batch.count - resolved
    parts = [f"{alerts:,} alert{'s' if alerts != 1 else ''}"] if alerts else []
    if alerts and batch.criticals:
        parts.append(f"{batch.criticals:,} critical")
    if resolved:
        parts.append(f"{resolved:,} resolved")
    return ", ".join(parts)


def _closing(batch: Batch, count: int, topics: Counter[str], command: str, say: Callable[[str], str]) -> str:
    named = [f"{number:,} {topic}" for topic, number in topics.most_common(TOPICS_MAX)]
    more = ", ..." if len(topics) > TOPICS_MAX else ""
    return f"and {count:,} more: {command} " + say(
        harmless(f"({', '.join(named)}{more}; from position {batch.first} on)")
    )


def _typed(command: str) -> str:
    """A command as a person will copy it: what parts links and mentions would spoil it, and is put in only where the
    command could be taken for one that matters."""
    return harmless(command) if _MENTION.search(command) else command


def _gravest(batch: Batch) -> Severity:
    if batch.criticals:
        return "critical"
    return "warning" if any(one.kind == "alert" and severity_of(one.severity) for one in batch.news) else "info"
