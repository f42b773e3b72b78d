"""What happens to processes, disks and clocks in the simulated world?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from trueup.errors import JournalError
from trueup.ledger import Claim, Ledger
from trueup.simulation.answers import Said, told
from trueup.simulation.disk import Died
from trueup.simulation.loop import MS, VirtualClock

if TYPE_CHECKING:
    from trueup.simulation.world import World


def kill(world: World) -> None:
    if world.process is not None and world.process.alive:
        world.tally.fault("kill")
        world.process.die()


def power_cut(world: World, transactions: int) -> None:
    """The machine stops: what was never synced is gone."""
    if world.process is None or not world.process.alive:
        return
    world.tally.fault("power_cut")
    world.process.die()
    if world.beside is not None:
        world.beside.stop()
    before = world.disk.written[-1].position if world.disk.written else 0
    left = world.disk.lose_tail(transactions)
    if left < before:
        world.tally.fault("lost_tail")
        world.forget_after(left)
    world.tell(f"power cut: the journal ends at {left}, before it was {before}")
    world.looked_at()


def restart(world: World, which: int) -> None:
    """The process is started anew, under other rules."""
    policies = (world.settings.policy, *world.settings.policies)
    if world.process is not None and world.process.alive:
        world.policy = policies[which % len(policies)]
        world.tally.fault("restart_with_another_policy")
        world.process.die()


def disk(world: World, kind: int, times: int) -> None:
    """The coming appends go wrong."""
    trouble = ("refused", "unsure", "die_before", "die_after")[kind]
    world.disk.troubles.extend([trouble] * times)  # type: ignore[list-item]


def disk_full(world: World, ms: int) -> None:
    world.disk.full = True
    world.tally.fault("disk_full")
    world.tell("the disk is full")

    def freed() -> None:
        world.disk.full = False
        world.tell("there is room on the disk again")

    world.loop.after_ms(ms, freed)


def wall_jump(world: World, ms: int) -> None:
    world.wall.offset_ns += ms * MS
    world.tally.fault("wall_jump")
    world.tell(f"the wall clock is set by {ms} ms")


def rival(world: World) -> None:
    """A second process wants to be the writer, and must not become it."""
    if world.process is None or not world.process.alive or world.process.rec is None:
        return
    world.tally.fault("rival")
    try:
        writer = world.disk.writer()
    except JournalError:
        world.tell("a second process was kept out")
        return
    writer.close()
    world.errors.append("two processes hold one account")


def thief(world: World) -> None:
    """The lock was lost, and a second process appends; the first must notice, and step down."""
    process = world.process
    if process is None or not process.alive or process.rec is None:
        return
    world.tally.fault("stolen_lock")
    writer = world.disk.thief()
    try:
        clock = VirtualClock(world.loop, world.wall, zero_ns=99)
        claim = Claim(policy=world.policy, position_mode=world.settings.mode, process="thief")
        world.disk.committed(Ledger(writer, clock, claim).state.position)
    finally:
        writer.close()
    world.tell("another process appended behind the writer's back")


def snapshot(world: World) -> None:
    process = world.process
    if process is None or not process.alive or process.ledger is None:
        return
    try:
        process.ledger.save_snapshot()
    except JournalError:
        return  # the disk has trouble just now, and a snapshot is only a convenience
    except Died:
        process.die()
        return
    world.tally.cover("snapshots")


def dry_run(world: World) -> None:
    process = world.process
    if process is not None and process.alive and process.rec is not None:
        world.tally.cover("dry runs")
        process.also(process.rec.detect_drift())


def ask_now(world: World) -> None:
    process = world.process
    if process is not None and process.alive and process.rec is not None:
        process.also(process.rec.sync_positions())


def relayed(world: World, ms: int, again: int) -> None:
    """Somebody hands in an answer that they got themselves, under an id of its own, and then again (law 5).

    ms      how long after the first time
    again   how often more
    """
    process = world.process
    if process is None or not process.alive or process.ledger is None:
        return
    said = Said(len(world.said), "positions", world.loop.now_ns, process.number)
    answer = told(world.exchange.spoken(world.exchange.at(world.loop.now_ns)), None, said.number, 0)
    said.answer = answer
    said.received_ns = world.loop.now_ns
    world.said.append(said)
    asking = process.ledger.asking()
    identity = f"relay-{said.number}"

    def hand_in(first: bool) -> None:
        now = world.process
        if now is None or not now.alive or now.ledger is None or (now is not process and said.position is None):
            return  # of another tenure it may only be a repeat
        if now.hand_in(answer, asking, identity) and not first:
            world.tally.fault("redelivered_answer")

    hand_in(first=True)
    for number in range(1, again + 1):
        world.loop.after_ms(ms * number, lambda: hand_in(first=False))


def reconnect(world: World) -> None:
    if world.process is not None and world.process.alive:
        world.process.broker.disconnect()
