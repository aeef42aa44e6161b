"""Backbones through torch: on a GPU in float16 or float32, or on the CPU in float32."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch

    from sightline.registry import ImageInput
    from sightline.vision.nets import Backbone

__all__ = ["TorchBackend"]

_BATCH = {"cuda": 256, "cpu": 16}


class TorchBackend:
    """A backbone that torch runs. Not to be called from several threads at once."""

    def __init__(
        self,
        module: Backbone,
        input: ImageInput,  # noqa: A002
        device: Literal["cpu", "cuda"],
        precision: Literal["float32", "float16"],
    ) -> None:
        import torch

        self.name = f"torch-cuda-{precision}" if device == "cuda" else f"torch-{precision}"
        self.embedding_size = module.embedding_size
        self._device = torch.device(device)
        self._batch = _BATCH[device]
        self._dtype = torch.float16 if precision == "float16" else torch.float32
        self._module = module.to(self._device, self._dtype, memory_format=torch.channels_last).eval()  # type: ignore[call-overload]
        if device == "cuda" and precision == "float32":
            # A GPU's convolutions would round float32 to 10 bits, as in float16. The setting applies to the
            # process: torch has no other that is safe with several threads.
            torch.backends.cudnn.allow_tf32 = False
        self._mean, self._std = (
            torch.tensor(values, device=self._device).view(3, 1, 1) * 255 for values in (input.mean, input.std)
        )

    def __call__(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the embeddings, shape = (n, embedding_size), of images, shape = (n, height, width, 3)."""
        import torch

        embeddings = torch.empty((len(pixels), self.embedding_size), pin_memory=self._device.type == "cuda")
        with torch.inference_mode():
            for start in range(0, len(pixels), self._batch):
                block = self._upload(pixels[start : start + self._batch])
                inputs = ((block - self._mean) / self._std).to(self._dtype, memory_format=torch.channels_last)
                # Asynchronous on a GPU: the next block is uploaded while this one is computed.
                embeddings[start : start + len(block)].copy_(self._module(inputs).float(), non_blocking=True)
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        return embeddings.numpy()

    def _upload(self, pixels: NDArray[np.uint8]) -> torch.Tensor:
        import torch

        block = torch.from_numpy(np.require(pixels, requirements=["C", "W"]))  # torch warns about read-only arrays
        if self._device.type == "cuda":
            block = block.pin_memory()
        # Uploaded as bytes: a quarter of the size of floats.
        return block.to(self._device, non_blocking=True).permute(0, 3, 1, 2).float()
