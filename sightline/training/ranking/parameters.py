"""What a training of the running-style ranking can be told, stage by stage."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from sightline.ranking import PrepareParameters

__all__ = ["RankingParameters"]


class RankingParameters(BaseModel):
    """Every parameter of the stages, with the default that counts where nothing else is said.

    ``prepared``: whether the data are lower bodies already. ``pretrained``: ImageNet's weights, or random ones.
    ``image_size``: the side of the backbone's square input, in pixels. ``validation``: the share of the source photos
    that decides when to stop. ``patience``: epochs without a better validation loss after which training stops.
    ``arms_bonus``: what raised arms add, which the model's record keeps.
    """

    model_config = ConfigDict(frozen=True, allow_inf_nan=False, extra="forbid")

    prepared: bool = False
    min_confidence: Annotated[float, Field(ge=0, le=1)] = 0.8
    blur_threshold: Annotated[float, Field(ge=0)] = 100.0
    pretrained: bool = True
    image_size: Annotated[int, Field(ge=32, le=1024)] = 224
    featurize_batch_size: Annotated[int, Field(ge=1)] = 32
    epochs: Annotated[int, Field(ge=1)] = 10
    batch_size: Annotated[int, Field(ge=1)] = 32
    lr: Annotated[float, Field(gt=0)] = 0.001
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.5
    validation: Annotated[float, Field(gt=0, le=0.5)] = 0.2
    patience: Annotated[int, Field(ge=1)] = 3
    arms_bonus: Annotated[float, Field(ge=0, le=1)] = 0.1
    seed: Annotated[int, Field(ge=0)] = 42

    @property
    def prepare(self) -> PrepareParameters:
        """What a person must come up to."""
        return PrepareParameters(min_confidence=self.min_confidence, blur_threshold=self.blur_threshold)
