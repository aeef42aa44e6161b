"""The channel layouts of sound: a name for those that a file does not name, and a guard against a fault of PyAV."""

from __future__ import annotations

import ctypes
import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

_LAYOUTS = {1: "mono", 2: "stereo", 3: "2.1", 4: "4.0", 5: "5.0", 6: "5.1", 7: "6.1", 8: "7.1"}
"""FFmpeg's layout for a number of channels, if the file names none."""

_UNKNOWN = re.compile(r"\d+ channels|ambisonic")
_CUSTOM = re.compile(r"\d+ channels \(|ambisonic")


def known_layout(layout: Any) -> str | None:
    """Return the name of the PyAV layout, or FFmpeg's default for its channels; None if there is none."""
    protect_layout(layout)
    return _LAYOUTS.get(layout.nb_channels) if _UNKNOWN.match(layout.name) else str(layout.name)


def protect_layout(layout: Any) -> None:
    """Keep a layout with its own order of channels for ever.

    PyAV 18 frees the order when the layout object ends, and FFmpeg frees it again with the frame or the codec.
    """
    if _CUSTOM.match(layout.name):
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(layout))


def samples_of(frame: Any) -> NDArray[Any]:
    """Return the samples of a PyAV frame as floats, full scale is -1..1, shape = (n, channels)."""
    import av

    channels = frame.layout.nb_channels
    if frame.format.is_planar and channels == 8:  # PyAV 18 reads beyond the planes of such a frame
        [frame] = av.AudioResampler("flt").resample(frame)
    samples = frame.to_ndarray()
    samples = np.asarray(samples.T if frame.format.is_planar else samples.reshape(-1, channels))
    if samples.dtype.kind == "f":
        return samples
    full = float(np.iinfo(samples.dtype).max) + 1
    return np.asarray(samples / full if samples.dtype.kind == "i" else samples / (full / 2) - 1)
