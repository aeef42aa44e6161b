"""A proxy for the Docker socket: ``python -m deployments.docker_proxy``.

The worker and the reconciler need a few calls of the Docker API. Whoever may make any call is root on the machine, so
this proxy permits only those calls, and only for containers of flow runs in this installation's network:

- images: whether one exists, and pulling it, if it is one of the flows' images
- containers: creation with the settings of the work pools, start, logs, waiting, stop, removal, inspection, listing

Nothing is passed on as received: path, query and body are parsed, checked against what is permitted, and written anew.
Docker reads the keys of JSON objects without regard to case and takes the last of repeated ones, so a filter that
forwards the original text can be deceived. Anything unknown gets the status 403.
"""

from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from deployments import RUN_LABEL

__all__ = ["Denied", "Rules", "application", "container", "main"]

_PORT = 2375
_MAX_BODY = 1 << 20
_MIN_VERSION = 40  # 1.40; older versions of the API accept settings in other calls
_HOSTS = ["host.docker.internal:host-gateway"]
_GPUS = {"Driver": "nvidia", "Count": -1, "Capabilities": [["gpu"]]}
_IDENTIFIER = r"[A-Za-z0-9][A-Za-z0-9_.-]*"

_logger = logging.getLogger("deployments.docker_proxy")


class Denied(Exception):
    """A call that is not permitted; the text is the reason."""


class _Failed(Exception):
    """Docker's answer to the question which container a name refers to, if it is an error."""

    def __init__(self, response: httpx.Response) -> None:
        super().__init__(response.status_code)
        self.response = response


@dataclass(frozen=True)
class Rules:
    """What containers of flow runs may use."""

    network: str
    images: frozenset[str]
    binds: frozenset[str]
    """Named volumes with their folder, as in ``NAME:/folder`` or ``NAME:/folder:ro``."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Rules:
        """Read ``SIGHTLINE_NETWORK``, ``…_IMAGE``, ``…_CUDA_IMAGE``, ``…_CACHE`` and ``…_FLOW_SECRETS``."""
        images = (environment["SIGHTLINE_IMAGE"], environment["SIGHTLINE_CUDA_IMAGE"])
        cache, secrets = environment["SIGHTLINE_CACHE"], environment["SIGHTLINE_FLOW_SECRETS"]
        return cls(
            environment["SIGHTLINE_NETWORK"], frozenset(images),
            frozenset({f"{cache}:/cache", f"{cache}:/cache:rw", f"{secrets}:/run/secrets:ro"}),
        )  # fmt: skip


def container(body: bytes, rules: Rules) -> dict[str, Any]:
    """Return the settings of the container to create. Raises :class:`Denied` if they are not permitted."""
    try:
        settings = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Denied(f"the body is not JSON: {error}") from error
    if not isinstance(settings, dict):
        raise Denied("the body is not an object")
    # The name of an empty value may be anything: the value is removed, with the name.
    given: dict[str, Any] = _without_empty(settings)
    _check(given, {
        "Image": lambda value: value in rules.images,
        "Cmd": _is_texts,
        "Env": _is_texts,
        "Labels": lambda value: _is_texts(list(value.values())) and bool(value.get(RUN_LABEL)),
        "Volumes": lambda value: all(map(_is_folder, value)),
        "AttachStdout": _is_true, "AttachStderr": _is_true,
        "HostConfig": lambda value: True,  # below
    }, required={"Image", "Labels", "HostConfig"})  # fmt: skip
    _check(given["HostConfig"], {
        "NetworkMode": lambda value: value == rules.network,
        "Binds": lambda value: all(bind in rules.binds or _is_folder(bind) for bind in value),
        "CapDrop": lambda value: value == ["ALL"],
        "SecurityOpt": lambda value: value in (["no-new-privileges"], ["no-new-privileges:true"]),
        "ReadonlyRootfs": _is_true, "Init": _is_true,
        "Memory": _is_size, "MemorySwap": _is_size, "ShmSize": _is_size, "PidsLimit": _is_size,
        "ExtraHosts": lambda value: value == _HOSTS,
        "DeviceRequests": lambda value: value == [_GPUS],
    }, required={"NetworkMode", "CapDrop", "SecurityOpt", "ReadonlyRootfs", "Memory", "PidsLimit"})  # fmt: skip
    return given


def _check(given: Any, permitted: Mapping[str, Callable[[Any], bool]], required: set[str]) -> None:
    if not isinstance(given, dict):
        raise Denied("the settings are not an object")
    if missing := sorted(required - given.keys()):
        raise Denied(f"{', '.join(missing)} must be set")
    for name, value in given.items():
        try:
            accepted = name in permitted and permitted[name](value)
        except (TypeError, AttributeError):  # a value of another type
            accepted = False
        if not accepted:
            raise Denied(f"{name} may not be {json.dumps(value)[:200]}")


def _without_empty(value: Any) -> Any:
    """Return the value without members that state nothing: null, false, zero, and empty texts, lists and objects.

    Folders of ``Volumes`` have empty objects as their values; those are restored here.
    """
    if isinstance(value, list):
        return [_without_empty(item) for item in value]
    if not isinstance(value, dict):
        return value
    kept = {
        name: {folder: {} for folder in member}
        if name == "Volumes" and isinstance(member, dict)
        else _without_empty(member)
        for name, member in value.items()
    }
    return {name: member for name, member in kept.items() if member}


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _is_folder(value: Any) -> bool:
    """Return whether the value is a folder in the container, for an anonymous volume."""
    return isinstance(value, str) and re.fullmatch(r"/[A-Za-z0-9_./-]*", value) is not None


def _is_true(value: Any) -> bool:
    return value is True


def _is_size(value: Any) -> bool:
    return type(value) is int and value > 0


@dataclass(frozen=True)
class _Call:
    """One permitted call: its path with parameters in braces, and a pattern for each parameter of its query."""

    method: str
    path: str
    query: Mapping[str, str]
    has_body: bool = False


_NUMBER, _FLAG, _TIME = r"\d{1,6}", "0|1|true|false|True|False", r"\d{1,12}(\.\d+)?"
_CALLS = (
    _Call("GET", "/_ping", {}),
    _Call("GET", "/version", {}),
    _Call("GET", "/images/{image}/json", {}),
    _Call("POST", "/images/create", {"fromImage": ".+", "tag": ".+"}),
    _Call("GET", "/containers/json", {
        "all": _FLAG, "limit": "-1", "size": _FLAG, "trunc_cmd": _FLAG, "filters": ".+",
    }),
    _Call("POST", "/containers/create", {"name": _IDENTIFIER}, has_body=True),
    _Call("GET", "/containers/{container}/json", {}),
    _Call("POST", "/containers/{container}/start", {}),
    _Call("GET", "/containers/{container}/logs", {
        "stdout": _FLAG, "stderr": _FLAG, "follow": _FLAG, "timestamps": _FLAG, "tail": f"all|{_NUMBER}",
        "since": _TIME, "until": _TIME,
    }),
    _Call("POST", "/containers/{container}/wait", {"condition": "not-running|next-exit|removed"}),
    _Call("POST", "/containers/{container}/stop", {"t": _NUMBER}),
    _Call("DELETE", "/containers/{container}", {"v": _FLAG, "force": _FLAG, "link": "false|False|0"}),
)  # fmt: skip


def application(rules: Rules, docker: httpx.AsyncBaseTransport) -> Starlette:
    """Return the proxy. ``docker`` sends requests to the engine."""
    # Logs are followed, and the end of a container awaited, for as long as a run takes.
    client = httpx.AsyncClient(transport=docker, base_url="http://docker", timeout=httpx.Timeout(None))

    async def answer(request: Request) -> Response:
        try:
            return await _forward(client, await _permitted(client, request, rules))
        except Denied as reason:
            _logger.warning("denied: %s %s: %s", request.method, request.url.path, reason)
            return JSONResponse({"message": f"docker-proxy: not permitted: {reason}"}, 403)
        except _Failed as failed:
            return Response(failed.response.content, failed.response.status_code, media_type="application/json")
        except httpx.HTTPError as error:
            return JSONResponse({"message": f"docker-proxy: Docker does not respond: {error}"}, 502)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with client:
            yield

    route = Route("/{path:path}", answer, methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
    return Starlette(routes=[route], lifespan=lifespan)


async def _permitted(client: httpx.AsyncClient, request: Request, rules: Rules) -> httpx.Request:
    """Return the request to Docker. Raises :class:`Denied` if it is not permitted."""
    version, call, parameters = _match(request)
    query = _query(request, call)
    if "image" in parameters and parameters["image"] not in rules.images:
        raise Denied(f"{parameters['image']} is not an image of the flows")
    if call.path == "/images/create" and f"{query.get('fromImage')}:{query.get('tag')}" not in rules.images:
        raise Denied(f"{query.get('fromImage')} is not an image of the flows")
    if call.path == "/containers/json":
        query["filters"] = _filters(query.get("filters", "{}"), rules)
    if "container" in parameters:
        parameters["container"] = await _run_container(client, version, parameters["container"], rules)
    path = f"{version}{call.path.format(**parameters)}"
    if not call.has_body:
        return client.build_request(call.method, path, params=query)
    body = json.dumps(container(await _body(request), rules)).encode()
    headers = {"Content-Type": "application/json"}
    return client.build_request(call.method, path, params=query, content=body, headers=headers)


def _match(request: Request) -> tuple[str, _Call, dict[str, str]]:
    """Return the version prefix, the permitted call, and the parameters of its path."""
    raw = request.scope["raw_path"].decode("ascii", "replace")
    prefix = re.match(r"/v1\.(\d{2})(?=/)", raw)
    if prefix and int(prefix[1]) < _MIN_VERSION:
        raise Denied(f"the version of the API is older than 1.{_MIN_VERSION}")
    version = prefix[0] if prefix else ""
    patterns = {"{image}": "(?P<image>[A-Za-z0-9][A-Za-z0-9_./:@-]*)", "{container}": f"(?P<container>{_IDENTIFIER})"}
    for call in _CALLS:
        pattern = call.path
        for name, expression in patterns.items():
            pattern = pattern.replace(name, expression)
        found = re.fullmatch(pattern, raw[len(version) :])
        if found and call.method == request.method:
            return version, call, found.groupdict()
    raise Denied("the call is unknown")


def _query(request: Request, call: _Call) -> dict[str, str]:
    query = dict(request.query_params)
    if len(query) != len(request.query_params.multi_items()):
        raise Denied("a parameter is repeated")
    for name, value in query.items():
        if name not in call.query or not re.fullmatch(call.query[name], value):
            raise Denied(f"{name} may not be {value[:200]}")
    return query


def _filters(text: str, rules: Rules) -> str:
    """Return filters that show only containers of runs in the network, also selected by label and status."""
    try:
        given = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Denied(f"filters are not JSON: {error}") from error
    if not isinstance(given, dict) or given.keys() - {"label", "status"} or not all(map(_is_texts, given.values())):
        raise Denied("only the filters label and status are known")
    return json.dumps({**given, "label": [*given.get("label", []), RUN_LABEL], "network": [rules.network]})


async def _run_container(client: httpx.AsyncClient, version: str, name: str, rules: Rules) -> str:
    """Return the id of the container. Raises :class:`Denied` unless it belongs to a flow run in the network.

    Raises :class:`_Failed` if Docker does not know it.
    """
    response = await client.get(f"{version}/containers/{name}/json")
    if response.status_code != httpx.codes.OK:
        raise _Failed(response)
    found = response.json()
    if not found["Config"]["Labels"].get(RUN_LABEL) or rules.network not in found["NetworkSettings"]["Networks"]:
        raise Denied(f"{name} is not the container of a flow run")
    return str(found["Id"])


async def _body(request: Request) -> bytes:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MAX_BODY:
            raise Denied(f"the body is longer than {_MAX_BODY} bytes")
    return body


async def _forward(client: httpx.AsyncClient, request: httpx.Request) -> Response:
    """Send the request to Docker and stream its response."""
    response = await client.send(request, stream=True)
    kept = {"content-type", "content-length", "api-version", "docker-experimental", "ostype", "server"}
    headers = {name: value for name, value in response.headers.items() if name in kept}

    async def content() -> AsyncIterator[bytes]:
        try:
            async for chunk in response.aiter_raw():
                yield chunk
        finally:
            await response.aclose()

    return StreamingResponse(content(), response.status_code, headers)


def main() -> None:
    """Serve until SIGTERM."""
    import uvicorn

    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    socket = os.environ.get("DOCKER_SOCKET", "/var/run/docker.sock")
    # Each run holds two connections: its logs are followed, and its end is awaited.
    engine = httpx.AsyncHTTPTransport(uds=socket, limits=httpx.Limits(max_connections=None))
    app = application(Rules.from_environment(os.environ), engine)
    # Only the worker and the reconciler share a network with this container.
    uvicorn.run(app, host="0.0.0.0", port=_PORT, log_level="warning", timeout_graceful_shutdown=1)  # noqa: S104


if __name__ == "__main__":
    main()
