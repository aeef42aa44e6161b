"""A page that shows a patient's model: what let the training through, how good it is, and what it says of a session."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from demo.template import class_colours, link, render
from sightline.emotion import load_keywords
from sightline.registry import ModelRecord

__all__ = ["write_patient"]

_PLOTS = ("confusion_matrix.png", "feature_importance.png")


def write_patient(
    training: dict[str, Any], prediction: dict[str, Any], model: ModelRecord, folder: Path, page: Path
) -> None:
    """Write the page of a ``train-emotion`` result and a ``predict-emotion`` result, given as their JSON objects.

    ``folder`` is the one of the ``model``. Everything must lie in the folder of the page.
    """
    kept = json.loads((folder / "training_sessions.json").read_bytes())["sessions"]
    render(
        "emotions.html.j2",
        page,
        patient=training["patient"],
        gate=training["gate"],
        promotion=training["model"]["why"],
        model=model,
        metrics=model.metrics,
        verdict=model.metrics["verdict"][0].upper() + model.metrics["verdict"][1:],
        accuracies=[
            ("The forest", model.metrics["accuracy"]),
            ("A logistic regression", model.metrics["logistic_accuracy"]),
            (f"Always saying {model.metrics['dummy']}", model.metrics["dummy_accuracy"]),
        ],
        interval=model.metrics["accuracy_interval"],
        sessions=kept,
        prediction=prediction,
        ranked=sorted(prediction["probabilities"].items(), key=lambda pair: -pair[1]),
        colours=class_colours(list(load_keywords().emotions)),
        plots=[(name.removesuffix(".png").replace("_", " "), link(folder / name, page)) for name in _PLOTS],
        files=[(name, link(folder / name, page), str(folder / name)) for name in ("record.json", *model.files)],
    )
