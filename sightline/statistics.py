"""Statistics that serving and training share."""

from __future__ import annotations

__all__ = ["Z_95", "wilson_interval"]

Z_95 = 1.959963984540054
"""The number of standard deviations on either side of the mean that hold 95 % of a normal distribution."""


def wilson_interval(share: float, count: int) -> tuple[float, float]:
    """Return the 95 % interval of a share among ``count`` independent observations.

    E. Wilson, Probable Inference, the Law of Succession, and Statistical Inference (1927).
    """
    spread = Z_95**2 / count
    half = Z_95 * (share * (1 - share) / count + spread / (4 * count)) ** 0.5
    low, high = ((share + spread / 2 + side) / (1 + spread) for side in (-half, half))
    return max(low, 0.0), min(high, 1.0)
