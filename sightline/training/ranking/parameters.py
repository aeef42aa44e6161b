"""The parameters of the running-style ranking's stages."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from sightline.ranking import PrepareParameters

__all__ = ["RankingBackbone", "RankingParameters"]

RankingBackbone: TypeAlias = Literal["resnet18", "efficientnet_lite0", "efficientnet_lite2", "convnext_tiny"]
"""The backbones of which there are ImageNet weights."""


class RankingParameters(BaseModel):
    """All parameters of the stages, with their defaults.

    ``prepared``: whether the data are already crops of lower bodies. ``pretrained``: ImageNet weights or random ones.
    ``backbone``: the network that embeds the lower bodies; versions of earlier releases have ResNet18.
    ``image_size``: the side of the backbone's square input, in pixels. ``validation``: the share of the source photos
    in the validation split. ``patience``: training stops after this many epochs without a better validation loss.
    ``arms_bonus``: the bonus for raised arms, stored in the model's record.
    """

    model_config = ConfigDict(frozen=True, allow_inf_nan=False, extra="forbid")

    prepared: bool = False
    min_confidence: Annotated[float, Field(ge=0, le=1)] = 0.8
    blur_threshold: Annotated[float, Field(ge=0)] = 100.0
    pretrained: bool = True
    backbone: RankingBackbone = "resnet18"
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
        """The minimum confidence and sharpness of a person."""
        return PrepareParameters(min_confidence=self.min_confidence, blur_threshold=self.blur_threshold)
