"""How do people hear of what the journal raised as alerts?

Reading order:
    silence   whether the broker has fallen silent, and is back
    news      what of the journal a person should hear: alerts, alerted breaks that are over, silence
    outage    whether our own journal cannot be written: told directly, for it cannot be journalled
    plain     text from outside made harmless: no mention, no markup, no link
    digest    any number of news as a few messages, each within a channel's limit
    witness   what a web service answered to a message: its status, and how long it asks us to wait
    channels  one channel through apprise: Discord, Slack, Telegram, mail and a hundred more
    messenger a thread for each channel: reads the journal, sends, and journals what was told
"""

from trueup_adapters.alerts.channels import AppriseChannel, Channel, Sent, open_channel
from trueup_adapters.alerts.digest import Message, compose
from trueup_adapters.alerts.messenger import Messenger, Rule, Standing
from trueup_adapters.alerts.news import News, Pending, severity_of
from trueup_adapters.alerts.plain import escaped, harmless

__all__ = [
    "AppriseChannel",
    "Channel",
    "Message",
    "Messenger",
    "News",
    "Pending",
    "Rule",
    "Sent",
    "Standing",
    "compose",
    "escaped",
    "harmless",
    "open_channel",
    "severity_of",
]
