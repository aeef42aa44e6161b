"""What the posture model's own settings, which the original system had, say of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sightline.errors import InvalidSetting

if TYPE_CHECKING:
    from sightline.registry import ModelRecord
    from sightline.settings import Settings

__all__ = ["check_classes", "pinned"]


def pinned(model: str, config: Settings) -> str:
    """``posture`` at the version that EMBED_MODEL_KEY and XGB_MODEL_KEY name, where they are set; others as they are.

    Raises :class:`InvalidSetting` for a key of a pickle, and for two of two versions.
    """
    keys = {"EMBED_MODEL_KEY": config.embed_model_key, "XGB_MODEL_KEY": config.xgb_model_key}
    given = {name: key for name, key in keys.items() if key}
    if model != "posture" or not given:
        return model
    for name, key in given.items():
        if key.endswith((".pth", ".pt", ".pkl")):
            raise InvalidSetting(
                f"{name}={key}: a pickle can run code, and is not loaded. Train the model again with "
                "`sightline train-image-classifier posture DATA`, or unset the variable"
            )
    versions = {key.rpartition("/")[0] for key in given.values()}
    if len(versions) > 1:
        raise InvalidSetting(f"{' and '.join(f'{name}={key}' for name, key in given.items())} are of two versions")
    return versions.pop().removeprefix("models/")


def check_classes(record: ModelRecord, config: Settings) -> None:
    """CLASSES gave the posture model's numbers their names; the record does that, and the two must agree.

    Raises :class:`InvalidSetting`.
    """
    asked = config.classes
    if record.name != "posture" or asked is None:
        return
    if tuple(name for name in asked if name in record.classes) != record.classes:
        raise InvalidSetting(
            f"CLASSES is {', '.join(asked)}, and the classes of {record.label} are {', '.join(record.classes)}, in "
            "this order. Correct CLASSES, or unset it: the model's record has them"
        )
