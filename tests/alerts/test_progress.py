"""Is it remembered, channel by channel, how far alerts were told?"""

from __future__ import annotations

from lessons.world import World
from trueup.facts import AlertsDelivered
from trueup.reconciliation.inputs import CHANNELS_MAX
from trueup.reconciliation.saved import load, save


def test_each_channel_has_a_place_of_its_own_and_it_never_goes_back() -> None:
    w = World()
    w.ledger.alerts_delivered("desk", 2, messages=1)
    w.ledger.alerts_delivered("mail", 1, failures=[(2, "HTTP 500")])
    w.ledger.alerts_delivered("desk", 1)
    assert dict(w.state.alerts_delivered) == {"desk": 2, "mail": 1}
    said = [one for one in w.events(AlertsDelivered) if isinstance(one, AlertsDelivered)]
    assert [(one.channel, one.upto, one.messages, one.failures) for one in said] == [
        ("desk", 2, 1, ()),
        ("mail", 1, 0, ((2, "HTTP 500"),)),
        ("desk", 1, 0, ()),
    ]
    assert load(save(w.state)) == w.state
    w.restart()
    assert dict(w.state.alerts_delivered) == {"desk": 2, "mail": 1}, "and a restart knows it"
    w.close()


def test_of_many_channels_the_latest_are_remembered() -> None:
    w = World()
    w.ledger.alerts_delivered("first", 1)
    for number in range(CHANNELS_MAX):
        w.ledger.alerts_delivered(f"c{number}", 1)
    names = [name for name, _ in w.state.alerts_delivered]
    assert len(names) == CHANNELS_MAX
    assert ("first" in names, names[-1]) == (False, f"c{CHANNELS_MAX - 1}")
    w.close()
