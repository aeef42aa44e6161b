"""Labelled synthetic pressure maps for demonstrations."""

from __future__ import annotations

from collections import Counter
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from sightline.storage import locate, uri_of
from tasks.support.flow import sightline_flow
from tasks.training import write_pressure_maps


class SynthesisResult(BaseModel):
    """The number of maps, their folder, and the number of each posture."""

    model_config = ConfigDict(frozen=True)

    folder: str
    maps: int
    postures: dict[str, int]


@sightline_flow(name="synthesize-pressure-maps", flow_run_name="synthesize {count} maps")
def synthesize_pressure_maps(
    folder: str,
    *,
    count: Annotated[int, Field(ge=1, le=9999)] = 600,
    people: Annotated[int, Field(ge=1, le=99)] = 10,
    seed: Annotated[int, Field(ge=0)] = 42,
) -> SynthesisResult:
    """Generate labelled synthetic pressure maps of a bed, for demonstrations.

    Args:
        folder: The destination: a folder or an s3:// prefix.
        count: The number of maps, cycling through the five postures.
        people: The number of different people.
        seed: The random seed; the same seed gives the same maps.
    """
    names = write_pressure_maps(folder, count, people, seed)
    postures = Counter(name.partition("_")[0] for name in names)
    return SynthesisResult(folder=uri_of(locate(folder)), maps=len(names), postures=dict(postures))
