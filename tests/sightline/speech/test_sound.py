import numpy as np
import pytest

from sightline.speech.sound import SAMPLE_RATE, check_samples, checked_blocks, is_silent, pcm16


def test_encoded_silence_is_silent_and_quiet_sound_is_not() -> None:
    dither = np.random.default_rng(0).integers(-2, 3, SAMPLE_RATE) / 32768
    assert is_silent(np.zeros(0))
    assert is_silent(dither)
    assert not is_silent(dither + 0.002 * np.sin(np.arange(SAMPLE_RATE) / 10))


def test_sound_over_full_scale_is_clipped() -> None:
    assert np.frombuffer(pcm16(np.array([1.5, -1.5, 0.0], np.float32)), "<i2").tolist() == [32767, -32767, 0]


@pytest.mark.parametrize(
    "samples",
    [
        np.zeros((2, 100), np.float32),
        np.zeros(100, np.int16),
        np.array([0.0, np.nan]),
        np.array([0.0, np.inf]),
        np.array([np.inf, np.inf]),
    ],
)
def test_invalid_samples_are_rejected(samples: np.ndarray) -> None:
    with pytest.raises(ValueError, match="samples"):
        check_samples(samples)
    with pytest.raises(ValueError, match="samples"):
        list(checked_blocks(iter([np.zeros(10, np.float32), samples])))
