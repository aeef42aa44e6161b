"""The service on loopback, with small models, for tests."""

from __future__ import annotations

import socket
import threading
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import uvicorn
from fastapi import FastAPI

from api import create_app
from api.service import Service
from sightline.registry import ImageInput, ModelRecord, Registry
from sightline.settings import Settings
from tests.images import draft, grey

DARK, BRIGHT = (b64encode(grey(brightness)).decode() for brightness in (0, 255))
"""Images for which the models of :func:`tests.images.publish_by_brightness` have a high confidence."""

JSON = {"Content-Type": "application/json"}


def settings_for(models: Path, **changes: Any) -> Settings:
    """Return settings for a registry, independent of the environment."""
    values = {"backend": "torch", "device": "cpu", "api_model_refresh_seconds": 0.1, **changes}
    return Settings(_env_file=None, model_bucket=str(models), **values)  # type: ignore[call-arg]


@dataclass(frozen=True)
class Running:
    """A running service. ``client`` is connected to it, ``url`` is its address."""

    url: str
    app: FastAPI
    client: httpx.Client

    @property
    def service(self) -> Service:
        service: Service = self.app.state.service
        return service

    def metric(self, sample: str, **labels: str) -> float:
        """Return the value of a metric, 0 if nothing has been counted."""
        return self.service.metrics._registry.get_sample_value(f"sightline_{sample}", labels) or 0.0


@contextmanager
def serving(config: Settings, *, ready: bool = True) -> Iterator[Running]:
    """Run the service in a thread on a free port, and wait until it is ready, or only until it is started."""
    app = create_app(config)
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=20))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        try:
            with httpx.Client(base_url=url, trust_env=False, timeout=60) as client:
                await_true(lambda: server.started)
                if ready:
                    await_true(lambda: client.get("/ready").status_code == 200)
                yield Running(url, app, client)
        finally:
            server.should_exit = True
            thread.join(60)
            assert not thread.is_alive()


def await_true(condition: Callable[[], bool], seconds: float = 120) -> None:
    """Wait until the condition is true."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def publish_ranker(registry: Registry, **changes: Any) -> ModelRecord:
    """Publish and promote a ranking model whose score is the crop's mean brightness, from 0 to 1."""
    import onnx
    from onnx import TensorProto, helper

    side = 32
    graph = helper.make_graph(
        [
            helper.make_node("ReduceMean", ["pixels"], ["score"], axes=[1, 2, 3], keepdims=0),
        ],
        "brightness",
        [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["n", 3, side, side])],
        [helper.make_tensor_value_info("score", TensorProto.FLOAT, ["n"])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    fields: dict[str, Any] = {
        "task": "image-ranking",
        "architecture": {"opset": 17},
        "classes": ("bad", "good"),
        "threshold": 0.5,
        "input": ImageInput(width=side, height=side, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0)),
        "parameters": {"arms_bonus": 0.5},
    }
    with TemporaryDirectory() as folder:
        onnx.save(model, str(Path(folder) / "ranker.onnx"))
        record = registry.publish(draft("running-style", **fields | changes), Path(folder))
    registry.promote("running-style", record.version, metric="roc_auc", value=1.0, measure_current=lambda _: 0.0)
    return record
