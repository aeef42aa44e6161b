"""Composed clips of several people with known truth, and what is measured on them. Used by ``benchmarks.people``."""

from benchmarks._people.clip import FPS, Clip, ComposedFrame, PersonTruth
from benchmarks._people.composer import compose, single

__all__ = ["FPS", "Clip", "ComposedFrame", "PersonTruth", "compose", "single"]
