"""Which bugs are planted? All of the catalogue, in one list."""

from __future__ import annotations

from simulation import plants_of_evidence, plants_of_repeats, plants_of_safety, plants_of_views
from simulation.planting import PLANTS, Plant

__all__ = ["PLANTS", "Plant", "plants_of_evidence", "plants_of_repeats", "plants_of_safety", "plants_of_views"]
