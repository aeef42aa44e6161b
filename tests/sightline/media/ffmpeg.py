"""FFmpeg's command line as the reference of tests: the binary of the package imageio-ffmpeg."""

from __future__ import annotations

import subprocess
from pathlib import Path

import imageio_ffmpeg
import numpy as np


def run(*arguments: str | Path) -> bytes:
    """Run FFmpeg and return its standard output."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True).stdout


def mono(path: Path, *options: str) -> np.ndarray:
    """Return the sound as FFmpeg mixes it to mono: 16-bit samples at 16 kHz, as floats in -1..1."""
    raw = run("-i", path, *options, "-ac", "1", "-ar", "16000", "-f", "s16le", "-")
    return np.frombuffer(raw, "<i2").astype(np.float32) / 32768


def mean_power(samples: np.ndarray) -> float:
    """Return the mean power in dB of full scale."""
    return float(10 * np.log10(np.mean(samples.astype(np.float64) ** 2) + 1e-12))
