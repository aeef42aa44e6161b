"""The page of a patient's model: the gate of its training, its evaluation, and a prediction for one session."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from demo.template import class_colours, file_links, plot_links, render
from sightline.emotion import load_keywords
from sightline.registry import ModelRecord

__all__ = ["write_patient"]

_PLOTS = ("confusion_matrix", "feature_importance")


def write_patient(
    training: dict[str, Any], prediction: dict[str, Any], model: ModelRecord, folder: Path, page: Path
) -> None:
    """Write the page of a ``train-emotion`` and a ``predict-emotion`` result, given as JSON objects.

    ``folder`` contains the model's files. All files must be in the page's folder.
    """
    sessions = json.loads((folder / "training_sessions.json").read_bytes())["sessions"]
    verdict = model.metrics["verdict"]
    render(
        "emotions.html.j2",
        page,
        patient=training["patient"],
        gate=training["gate"],
        promotion=training["model"]["why"],
        model=model,
        metrics=model.metrics,
        verdict=verdict[0].upper() + verdict[1:],
        accuracies=[
            ("Random forest", model.metrics["accuracy"]),
            ("Logistic regression", model.metrics["logistic_accuracy"]),
            (f"Always predicting {model.metrics['dummy']}", model.metrics["dummy_accuracy"]),
        ],
        interval=model.metrics["accuracy_interval"],
        sessions=sessions,
        prediction=prediction,
        ranked=sorted(prediction["probabilities"].items(), key=lambda pair: -pair[1]),
        colours=class_colours(list(load_keywords().emotions)),
        plots=plot_links(folder, _PLOTS, page),
        files=file_links({name: folder / name for name in ("record.json", *model.files)}, page),
    )
