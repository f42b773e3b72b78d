"""Does a message reach Discord, Slack, Telegram and mail as harmless text, and is each failure told for what it is?"""

from __future__ import annotations

import email
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.policy import default
from email.utils import format_datetime

import pytest

from alerts.servers import Web, mail, web
from trueup.errors import InputError, TrueupError
from trueup_adapters.alerts import AppriseChannel, Message, News, compose, open_channel
from trueup_adapters.alerts.channels import LATER_MS_MAX
from trueup_adapters.alerts.news import Batch
from trueup_adapters.alerts.plain import size

DISCORD = "discord://417429632418316298/JHZ7lQml277CDHmQKMHI8qBe7bk2ZwO5UKjCiOAF7711o33MyqU344Qpgv7YTpadV"
SLACK = "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ"
TELEGRAM = "tgram://123456789:abcdefg_hijklmnopqrstuvwxyz1234567890/12345678"
EVIL = (
    "@everyone <!here> <@123> <@&9> <#5> @here **bold** _it_ [x](http://evil.example) <b>html</b> `code` & \u202eback"
)
HELLO = Message("a title", "a body", "warning")


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Web]:
    """One web server in place of all three."""
    from apprise.plugins.discord import NotifyDiscord
    from apprise.plugins.slack import NotifySlack
    from apprise.plugins.telegram import NotifyTelegram

    with web() as found:
        monkeypatch.setattr(NotifyDiscord, "notify_url", found.url)
        monkeypatch.setattr(NotifySlack, "webhook_url", found.url)
        monkeypatch.setattr(NotifyTelegram, "notify_url", f"{found.url}/bot")
        yield found


def evil(channel: AppriseChannel) -> tuple[Message, ...]:
    batch = Batch(7, 7, (News("alert", 7, 0, "critical", "escalated", EVIL),), criticals=1)
    return compose(
        batch, account="mt5:5001", command="trueup audit", body_max=channel.body_max, markdown=channel.markdown
    )


def fine(address: str) -> tuple[int, dict[str, str], bytes]:
    """What the service answers when all is well."""
    return 200, {}, b"ok" if address == SLACK else b'{"ok": true}'


def texts(value: object) -> str:
    """All text in a JSON value."""
    if isinstance(value, dict):
        return "\n".join(texts(one) for one in value.values())
    if isinstance(value, list):
        return "\n".join(texts(one) for one in value)
    return value if isinstance(value, str) else ""


def test_l60_discord_gets_text_that_pings_nobody(service: Web) -> None:
    channel = open_channel("desk", DISCORD)
    assert channel.markdown
    (message,) = evil(channel)
    assert channel.send(message).state == "sent"
    (body,) = service.wait_for(1)
    content = body["content"]
    assert content.startswith("trueup mt5:5001: 1 alert, 1 critical")
    assert not re.search(r"@(everyone|here)|<[@#!]|(?<!\\)\*\*|(?<!\\)_it|(?<!\\)\[x|https?://", content), content
    assert "everyone" in content, "it still says what it says"
    assert not body.get("allow_mentions")


@pytest.mark.parametrize("address", [SLACK, TELEGRAM])
def test_l60_slack_and_telegram_get_text_without_markup(service: Web, address: str) -> None:
    channel = open_channel("desk", address)
    service.answers = [fine(address)]
    (message,) = evil(channel)
    assert channel.send(message).state == "sent"
    said = texts(service.wait_for(1)[-1])
    assert "everyone" in said
    assert not re.search(r"@(everyone|here)|<[@#!&]|<b>html|https?://e|\u202e", said), said


def test_mail_arrives_as_plain_text() -> None:
    with mail() as server:
        channel = open_channel(
            "post", f"mailto://127.0.0.1:{server.port}?from=trueup@desk.example&to=ops@desk.example&format=text"
        )
        (message,) = evil(channel)
        assert channel.send(message).state == "sent"
        (raw,) = server.messages
        parsed = email.message_from_string(raw, policy=default)
        assert parsed["To"] == "ops@desk.example"
        assert "1 alert, 1 critical" in parsed["Subject"]
        body = parsed.get_body(("plain",))
        assert body is not None
        assert "everyone" in body.get_content()
        assert not parsed.get_body(("html",))
        server.refuse = "451 try again later"
        outcome = channel.send(message)
        assert (outcome.state, outcome.wait_ms) == ("later", None)
        assert outcome.why


def test_a_mail_server_that_is_not_there_is_tried_later() -> None:
    outcome = open_channel("post", "mailto://127.0.0.1:1?from=a@b.example&to=c@d.example").send(HELLO)
    assert outcome.state == "later"
    assert outcome.why


@pytest.mark.parametrize("address", [DISCORD, SLACK, TELEGRAM])
def test_a_service_that_asks_to_wait_is_asked_once_and_heard(service: Web, address: str) -> None:
    channel = open_channel("desk", address)
    service.answers = [(429, {"Retry-After": "7.5"}, b"{}")]
    outcome = channel.send(HELLO)
    assert (outcome.state, outcome.wait_ms) == ("later", 7_500)
    assert "429" in outcome.why
    assert len(service.requests) == 1, "a plugin that tries again at once would only make it worse"
    service.answers = [fine(address)]
    assert channel.send(HELLO).state == "sent", "and the refusal is forgotten"


@pytest.mark.parametrize(
    ("headers", "body", "wait_ms"),
    [
        ({}, b'{"retry_after": 1.25}', 1_250),
        ({}, b'{"parameters": {"retry_after": 3}}', 3_000),
        ({}, b'{"retry_after": -1}', None),
        ({}, b'{"retry_after": true}', None),
        ({}, b"[1]", None),
        ({}, b"not json", None),
        ({"Retry-After": "soon"}, b'{"retry_after": 1}', None),
        ({"Retry-After": "999999999"}, b"", LATER_MS_MAX),
        ({"Retry-After": format_datetime(datetime(2001, 1, 1, tzinfo=UTC), usegmt=True)}, b"", 0),
    ],
)
def test_waits_in_every_form(service: Web, headers: dict[str, str], body: bytes, wait_ms: int | None) -> None:
    service.answers = [(429, headers, body)]
    assert open_channel("desk", SLACK).send(HELLO).wait_ms == wait_ms


def test_a_wait_until_a_moment(service: Web) -> None:
    until = datetime.now(UTC) + timedelta(seconds=100)
    service.answers = [(503, {"Retry-After": format_datetime(until, usegmt=True)}, b"")]
    wait_ms = open_channel("desk", SLACK).send(HELLO).wait_ms
    assert wait_ms is not None
    assert 90_000 < wait_ms <= 100_000


@pytest.mark.parametrize(
    ("status", "state"), [(400, "refused"), (413, "refused"), (401, "later"), (404, "later"), (500, "later")]
)
def test_a_message_that_is_refused_is_told_from_a_service_that_is_ill(service: Web, status: int, state: str) -> None:
    service.answers = [(status, {}, b"{}")]
    outcome = open_channel("desk", SLACK).send(HELLO)
    assert outcome.state == state
    assert str(status) in outcome.why


def test_whatever_a_plugin_raises_is_a_failure_and_shows_nothing() -> None:
    channel = open_channel("desk", SLACK)

    def explode(**_: object) -> bool:
        raise RuntimeError("slack://T1JJ3T3L2/SECRET")

    channel._plugin.notify = explode
    outcome = channel.send(HELLO)
    assert (outcome.state, outcome.why) == ("later", "RuntimeError")


@pytest.mark.parametrize(
    "address",
    ["", "nonsense", "discord://only-an-id-SECRETSECRET", "nosuch://SECRETSECRET@host", "tgram://SECRETSECRET"],
)
def test_an_address_that_is_none_is_refused_without_being_shown(
    address: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(InputError, match="alert channel desk") as caught:
        open_channel("desk", address)
    assert "SECRET" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


def test_an_address_is_in_no_repr(service: Web, capfd: pytest.CaptureFixture[str]) -> None:
    channel = open_channel("desk", SLACK)
    service.answers = [(500, {}, b"")]
    channel.send(HELLO)
    assert repr(channel) == "AppriseChannel('desk', Slack)"
    assert capfd.readouterr() == ("", ""), "and apprise prints nothing either"


def test_without_apprise_one_sentence_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "apprise", None)
    with pytest.raises(TrueupError, match=r'pip install "trueup\[alerts\]"'):
        open_channel("desk", SLACK)


@pytest.mark.parametrize("address", [DISCORD, SLACK, TELEGRAM])
def test_l60_ten_thousand_are_five_messages_within_the_limit(service: Web, address: str) -> None:
    channel = open_channel("desk", address)
    news = tuple(News("alert", n, 0, "critical", "orphan-order", f'orphan & "{n}" {EVIL}') for n in range(1, 501))
    batch = Batch(1, 10_000, news, (("orphan-order", 9_500),), 10_000)
    messages = compose(
        batch,
        account="mt5:5001",
        command="trueup audit --limit 10000",
        body_max=channel.body_max,
        markdown=channel.markdown,
    )
    assert 1 < len(messages) <= 5
    for message in messages:
        assert size(message.title) + 2 + size(message.body) <= channel.body_max
        service.answers = [fine(address)]
        assert channel.send(message).state == "sent"
    bodies = service.wait_for(len(messages))
    assert len(bodies) == len(messages), "apprise split none of them"
    told = sum(texts(one).count("orphan &") for one in bodies)
    closing = re.search(
        r"and ([\d,]+) more: trueup audit \\?-?-?-?limit|and ([\d,]+) more: trueup audit", texts(bodies[-1])
    )
    assert closing
    assert told + int((closing[1] or closing[2]).replace(",", "")) == 10_000, "nothing is dropped silently"
    for one in bodies:
        assert len(texts(one).encode("utf-16-le")) // 2 <= channel.body_max + 300
