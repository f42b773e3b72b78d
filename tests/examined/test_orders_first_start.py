"""What does a first start say when the broker does not answer about orders, which it surely has?"""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace

from trueup import Answer, Capabilities, Policy, Question, Reconciler
from trueup.model import Surface
from trueup.ports import failed
from trueup.testing.broker import ALL_SURFACES, SimulatedBroker
from trueup_adapters.alpaca import AlpacaBroker


class _Deaf(SimulatedBroker):
    """Answers about positions, and fails to about one other surface until it is told not to."""

    def __init__(self, surface: Surface, *, certain: bool) -> None:
        super().__init__(position_mode="netting", surfaces=ALL_SURFACES)
        self.surface: Surface | None = surface
        self._certain = certain

    @property
    def capabilities(self) -> Capabilities:
        return replace(super().capabilities, certain=ALL_SURFACES if self._certain else frozenset())

    async def ask(self, question: Question) -> Answer:
        answer = await super().ask(question)
        return failed("busy") if question.surface == self.surface else answer


def _open(tmp_path: Path, broker: SimulatedBroker) -> Reconciler:
    policy = Policy.adopt(retries_max=2, backoff_s=(0,), confirm_interval_ms=0)
    return Reconciler.open(f"sqlite:///{tmp_path / 's.db'}", account="sim:1", broker=broker, policy=policy)


def test_a_surface_that_is_surely_there_and_fails_is_no_success(tmp_path: Path) -> None:
    for number, surface in enumerate[Surface](("open_orders", "fills")):
        broker = _Deaf(surface, certain=True)
        broker.open("EURUSD", "long", "1")  # a book that is not empty needs no second look
        (tmp_path / str(number)).mkdir()
        with _open(tmp_path / str(number), broker) as rec:
            report = rec.startup_recovery()
            assert report.status == "DEGRADED"
            assert report.errors == (f"{surface}: busy",)
            assert [(one.surface, one.complete) for one in report.observations if one.surface == surface] == [
                (surface, False)
            ]
            asked = [one.surface for one in broker.asked]
            assert asked.count(surface) == 3, "all attempts at one question (L27 is about sends)"
            if surface == "open_orders":
                broker.surface = None
                assert rec.sync_positions().status == "SUCCESS"


def test_one_that_may_not_be_there_is_let_alone(tmp_path: Path) -> None:
    broker = _Deaf("open_orders", certain=False)
    with _open(tmp_path, broker) as rec:
        assert rec.startup_recovery().status == "SUCCESS"
        rec.sync_positions()
    assert [one.surface for one in broker.asked].count("open_orders") == 1


def test_alpaca_surely_has_all_that_it_is_asked_for() -> None:
    capabilities = AlpacaBroker(("PKEXAMINED", "s" * 40)).capabilities
    assert capabilities.certain == capabilities.surfaces == ALL_SURFACES
