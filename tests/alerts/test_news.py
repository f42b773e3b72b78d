"""What of a journal is told: each alert once, and the end of what was alerted?"""

from __future__ import annotations

from immutables import Map
from msgspec.structs import replace

from lessons.world import World, held, row
from trueup import Policy
from trueup.decisions import AlertRaised, Decision, ProtectionMoved
from trueup.reconciliation.state import NEVER, Guard, State
from trueup_adapters.alerts.news import KEPT_MAX, TOLD_MAX, Batch, Pending


def pending_of(w: World, *, upto: int = 0, **more: object) -> Pending:
    found = Pending(upto=upto, **more)  # type: ignore[arg-type]
    for recorded in w.journal():
        if recorded.position > upto:
            found.read(recorded.position, recorded.event)
    return found


def told(batch: Batch | None) -> list[tuple[str, str]]:
    return [] if batch is None else [(one.kind, one.topic) for one in batch.news]


def escalating(count: int = 1) -> World:
    """Breaks that wait for a human."""
    w = World(held("HELD", "1"), policy=Policy.guarded())
    w.sees(row("HELD", "1"), *(row(f"S{n}", "1") for n in range(count)), times=2)
    return w


def test_an_alert_is_told_and_so_is_its_end() -> None:
    w = escalating()
    pending = pending_of(w)
    batch = pending.take()
    assert batch is not None
    assert told(batch) == [("alert", "escalated")]
    assert (batch.criticals, batch.count, batch.first) == (1, 1, batch.news[0].position)
    assert pending.take() is None
    upto = w.state.position
    w.sees(row("HELD", "1"), times=2)
    again = pending_of(w, upto=upto)
    assert again.take() is None, "of what was alerted before, it knows nothing by itself"
    for recorded in w.journal():
        if recorded.position > upto:
            pending.read(recorded.position, recorded.event)
    end = pending.take()
    assert told(end) == [("resolved", "resolved")]
    assert end is not None
    assert "recovery, S0, is cleared" in end.news[0].text
    assert end.news[0].severity == "critical"
    w.close()


def test_after_a_restart_the_fold_says_what_was_alerted() -> None:
    w = escalating()
    state, upto = w.state, w.state.position
    w.sees(row("HELD", "1"), times=2)
    pending = Pending(upto=upto)
    pending.know(state)
    for recorded in w.journal():
        if recorded.position > upto:
            pending.read(recorded.position, recorded.event)
    assert told(pending.take()) == [("resolved", "resolved")]
    w.close()


def test_the_end_of_what_nobody_was_told_of_is_not_told() -> None:
    w = World(held("HELD", "1"), policy=Policy.adopt())
    w.sees(row("HELD", "1"), row("NEW", "1"), times=2)
    assert pending_of(w).take() is None, "corrected without any alert"
    w.close()
    w = escalating()
    w.sees(row("HELD", "1"), times=2)
    assert told(pending_of(w, resolved=False).take()) == [("alert", "escalated")]
    w.close()


def test_more_breaks_than_an_alert_lists_are_watched_for_their_end() -> None:
    w = escalating(130)
    alert = next(one for one in w.events(AlertRaised) if isinstance(one, AlertRaised))
    assert len(alert.breaks) == 100
    w.sees(row("HELD", "1"), times=2)
    batch = pending_of(w).take()
    assert told(batch).count(("resolved", "resolved")) == 130
    w.close()


def test_a_mass_absence_and_its_end() -> None:
    w = World(*(held(f"S{n}", "1") for n in range(4)))
    w.sees(*(row(f"S{n}", "1") for n in range(4)))
    w.sees()
    w.sees(*(row(f"S{n}", "1") for n in range(4)))
    batch = pending_of(w).take()
    assert told(batch) == [("alert", "mass-absence"), ("resolved", "mass-absence")]
    w.close()
    w = World(*(held(f"S{n}", "1") for n in range(4)))
    w.sees(*(row(f"S{n}", "1") for n in range(4)))
    w.sees()
    state, upto = w.state, w.state.position
    w.says("ack", what="mass-absence", why="so")
    pending = Pending(upto=upto)
    pending.know(state)
    for recorded in w.journal()[upto:]:
        pending.read(recorded.position, recorded.event)
    assert told(pending.take()) == [("resolved", "mass-absence")]
    w.close()


def alert(severity: str, topic: str = "t") -> AlertRaised:
    return AlertRaised(1, 0, b"", severity, topic, "text")  # type: ignore[arg-type]


def test_the_threshold() -> None:
    for threshold, count in (("info", 4), ("warning", 3), ("critical", 2)):
        pending = Pending(upto=0, threshold=threshold)  # type: ignore[arg-type]
        for position, severity in enumerate(("info", "warning", "critical", "unheard-of"), 1):
            pending.read(position, alert(severity))
        batch = pending.take()
        assert batch is not None
        assert len(batch.news) == count, "a severity that this version does not know is told"
        assert batch.criticals == 1


def test_l60_of_very_many_some_are_kept_and_all_are_counted() -> None:
    pending = Pending(upto=0)
    for position in range(1, 10_001):
        pending.read(position, alert("critical", "orphan" if position % 2 else "other"))
    assert (pending.waiting, pending.first) == (10_000, 1)
    batch = pending.take()
    assert batch is not None
    assert (len(batch.news), batch.count, batch.criticals, batch.upto) == (KEPT_MAX, 10_000, 10_000, 10_000)
    assert sum(number for _, number in batch.more) == 10_000 - KEPT_MAX
    assert (pending.waiting, pending.first) == (0, 0)


def test_what_is_watched_is_bounded() -> None:
    pending = Pending(upto=0)
    for position in range(TOLD_MAX + 10):
        pending.read(position, AlertRaised(1, 0, b"", "critical", "t", "text", (f"b{position}",)))
    assert len(pending._told) == TOLD_MAX
    assert "b9" not in pending._told


def test_a_decision_of_a_kind_that_is_unknown_says_nothing() -> None:
    class Unheard(Decision, frozen=True, array_like=True, tag="unheard/1"):
        pass

    pending = Pending(upto=0)
    pending.read(7, Unheard(1, 0, b""))
    assert (pending.upto, pending.take()) == (7, None)


def guarded(state: str, key: str = "EURUSD") -> ProtectionMoved:
    return ProtectionMoved(1, 0, b"", key, key, None, state, 3, "so")  # type: ignore[arg-type]


def test_a_position_without_a_stop_and_its_end() -> None:
    pending = Pending(upto=0)
    for position, state in enumerate(("unprotected", "placing", "protected"), 1):
        pending.read(position, guarded(state))
    assert pending.take() is None, "nobody was alerted of it"
    pending.read(4, guarded("critical"))
    pending.read(5, alert("critical", "unprotected"))
    assert told(pending.take()) == [("alert", "unprotected")]
    pending.read(6, guarded("protected", "GBPUSD"))
    pending.read(7, guarded("protected"))
    batch = pending.take()
    assert told(batch) == [("resolved", "unprotected")]
    assert batch is not None
    assert batch.news[0].text == "EURUSD is protected again: so"


def test_after_a_restart_the_fold_says_which_positions_were_alerted_of() -> None:
    guards = {key: Guard.first(key, key, None, NEVER) for key in ("A", "B")}
    grave = replace(guards["B"], state="critical")
    pending = Pending(upto=0)
    pending.know(replace(State(), guards=Map({"A": guards["A"], "B": grave})))
    pending.read(1, guarded("protected", "A"))
    pending.read(2, guarded("protected", "B"))
    batch = pending.take()
    assert batch is not None
    assert [one.text for one in batch.news] == ["B is protected again: so"]
