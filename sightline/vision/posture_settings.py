"""The original system's settings for the posture model: the version and the classes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sightline.errors import InvalidSetting

if TYPE_CHECKING:
    from sightline.registry import ModelRecord
    from sightline.settings import Settings

__all__ = ["check_classes", "pinned"]


def pinned(model: str, config: Settings) -> str:
    """Return ``posture`` with the version that EMBED_MODEL_KEY and XGB_MODEL_KEY name, and other models unchanged.

    Raises :class:`InvalidSetting` if a key names a pickle, or if the two keys name different versions.
    """
    keys = {"EMBED_MODEL_KEY": config.embed_model_key, "XGB_MODEL_KEY": config.xgb_model_key}
    configured = {name: key for name, key in keys.items() if key}
    if model != "posture" or not configured:
        return model
    for name, key in configured.items():
        if key.lower().endswith((".pth", ".pt", ".pkl")):
            raise InvalidSetting(
                f"{name}={key}: a pickle can run code and is not loaded. Import it with `sightline import-model "
                "NETWORK.pth --head TREES.pkl --as posture`, and name a file of the version, as in "
                "posture/3/backbone.safetensors; or unset the variable"
            )
    versions = {key.rpartition("/")[0] for key in configured.values()}
    if len(versions) > 1:
        pair = " and ".join(f"{name}={key}" for name, key in configured.items())
        raise InvalidSetting(f"{pair} name different versions. Name one version in both")
    return versions.pop().removeprefix("models/")


def check_classes(record: ModelRecord, config: Settings) -> None:
    """Raise :class:`InvalidSetting` if CLASSES contradicts the classes in the posture model's record.

    In the original system, CLASSES named the classes; now the record does.
    """
    configured = config.classes
    if record.name != "posture" or configured is None:
        return
    if tuple(name for name in configured if name in record.classes) != record.classes:
        raise InvalidSetting(
            f"CLASSES is {', '.join(configured)}, and the classes of {record.label} are {', '.join(record.classes)}, "
            "in this order. Correct CLASSES, or unset it: the model's record has the classes"
        )
