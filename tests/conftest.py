"""Fixtures for all tests."""

from __future__ import annotations

import atexit
import gc
import logging
import os
import shutil
import signal
import sqlite3
import sys
import tempfile
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing
from pathlib import Path
from typing import Any

import certifi
import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from numpy.typing import NDArray

from flows.local_server.database import copy_template
from sightline.storage import Location, locate
from tests.clocks import Clock

ROOT = Path(__file__).resolve().parent.parent
PLAIN_FOLDERS = [ROOT / "tests" / name for name in ("sightline", "api")]
PREFECT_FOLDERS = [ROOT / "tests" / name for name in ("tasks", "flows", "deployments")]
SHARED_DATA = Path(os.environ.get("SIGHTLINE_SHARED_DATA", ROOT.parent / "shared" / "data"))


# Two tests run concurrently, and threads that compete for cores take many times as long as one thread. Libraries with
# OpenMP (torch, scikit-learn, XGBoost, NumPy) read this when they are imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# A background job of a shell ignores SIGINT, as do the processes that it starts; some tests interrupt processes.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# The modules and the tests stay until the end. With Python's threshold of 700 allocations, searching them for garbage
# takes a tenth of the time.
gc.set_threshold(50_000)


def pytest_collection_finish() -> None:
    gc.freeze()


def pytest_sessionfinish() -> None:
    gc.unfreeze()  # otherwise extension modules report what they own as leaked


# The time of an example depends on the machine, not on the tested code. A revision always gets the same examples;
# ARGS="--hypothesis-profile random" tries others.
settings.register_profile("random", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("sightline", settings.get_profile("random"), derandomize=True)
settings.load_profile("sightline")

# Prefect reads these when it is imported. The user's own Prefect is not touched, and a test that runs a flow without
# the fixture of the server fails, because there is no address of a server and none may be started.
PREFECT_HOME = tempfile.mkdtemp(prefix="sightline-prefect-")
atexit.register(shutil.rmtree, PREFECT_HOME, ignore_errors=True)
for name in [name for name in os.environ if name.startswith("PREFECT_")]:
    del os.environ[name]
# Every client of Prefect reads the trusted certificates, which takes 17 ms for all of them. The tests use none.
CERTIFICATES = Path(PREFECT_HOME) / "certificates.pem"
first, end, _ = Path(certifi.where()).read_text("utf-8").partition("-----END CERTIFICATE-----\n")
CERTIFICATES.write_text(first + end, "utf-8")
os.environ |= {
    "DO_NOT_TRACK": "1",
    # A command in a test leaves no server behind, and does not use the user's.
    "LOCAL_SERVER": "temporary",
    "XDG_STATE_HOME": str(Path(PREFECT_HOME) / "state"),
    "PREFECT_API_SSL_CERT_FILE": str(CERTIFICATES),
    "PREFECT_HOME": PREFECT_HOME,
    "PREFECT_LOGGING_TO_API_ENABLED": "false",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_EPHEMERAL_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_ENABLED": "false",
}

# A server whose database has the tables and the types of blocks already starts in a fraction of the time.
HAS_TABLES = {
    "PREFECT_SERVER_DATABASE_MIGRATE_ON_START": "false",
    "PREFECT_SERVER_REGISTER_BLOCKS_ON_START": "false",
    "PREFECT_SERVER_MEMOIZE_BLOCK_AUTO_REGISTRATION": "false",
}


@pytest.fixture
def no_bundled_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A registry contains only what is published into it."""
    monkeypatch.setattr("sightline.registry.store.files", lambda package: tmp_path / "none")


@pytest.fixture(scope="session")
def prefect_server() -> Iterator[str]:
    """The address of the API of one Prefect server for all tests of a process."""
    from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, get_current_settings, temporary_settings
    from prefect.testing.utilities import prefect_test_harness

    # In memory, if possible: on a busy disk, the writes of a run take longer than the run.
    memory = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(prefix="sightline-prefect-", dir=memory if os.access(memory, os.W_OK) else None))
    # `make setup` prepares the database; creating the tables takes longer than the start of the server.
    prepared = HAS_TABLES if copy_template(folder / "prefect-test.db") else {}
    with ExitStack() as stack:
        # A run with a heartbeat ends up to a second late, when the heartbeat's thread wakes.
        stack.enter_context(temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("prefect.testing.utilities.mkdtemp", lambda: str(folder))
            for name, value in prepared.items():
                patch.setenv(name, value)
            stack.enter_context(prefect_test_harness(server_startup_timeout=120))
        yield str(get_current_settings().api.url)


@pytest.fixture
def prefect_home(prefect_server: str, tmp_path: Path) -> Path:
    """A PREFECT_HOME for a separate server, with existing tables: creating them takes longer than most tests."""
    from prefect.settings import get_current_settings
    from sqlalchemy.engine import make_url

    connection = get_current_settings().server.database.connection_url
    assert connection
    home = tmp_path / "prefect"
    home.mkdir()
    with (
        closing(sqlite3.connect(str(make_url(connection.get_secret_value()).database))) as original,
        closing(sqlite3.connect(home / "prefect.db")) as copy,
    ):
        original.backup(copy)
    return home


_without_server: list[Any] = []


def _no_server() -> AbstractContextManager[Any]:
    """Return Prefect's current settings without the address of a server; changing settings takes 24 ms."""
    from prefect.context import SettingsContext, get_settings_context
    from prefect.settings import PREFECT_API_URL

    current = get_settings_context()
    if not _without_server or _without_server[0] is not current:
        settings = current.settings.copy_with_update(restore_defaults={PREFECT_API_URL})
        _without_server[:] = current, settings
    return SettingsContext(profile=current.profile, settings=_without_server[1])


@pytest.fixture(autouse=True)
def _prefect(request: pytest.FixtureRequest) -> Iterator[None]:
    """Provide the server to integration tests; disable the run logger for others, which call tasks by ``.fn()``."""
    # These tests do not use Prefect, and changing its settings is slow.
    if any(folder in request.path.parents for folder in PLAIN_FOLDERS):
        yield
        return
    # Its console keeps the stream of standard error, which a test may replace.
    import prefect.main  # noqa: F401

    integration = request.node.get_closest_marker("integration")
    with ExitStack() as stack:
        if integration:
            request.getfixturevalue("prefect_server")
        elif "prefect_server" not in request.fixturenames and "prefect" in sys.modules:
            # Forget the server of earlier tests in this process.
            stack.enter_context(_no_server())
        if not integration and any(folder in request.path.parents for folder in PREFECT_FOLDERS):
            from prefect.logging import disable_run_logger

            stack.enter_context(disable_run_logger())
        yield


@pytest.fixture(scope="session")
def shared_data() -> Callable[[str], Path]:
    """Return a function that finds real data outside the project, and skips the test if it is missing."""

    def find(name: str) -> Path:
        path = SHARED_DATA / name
        if not path.exists():
            pytest.skip(f"real data {name} is missing; set SIGHTLINE_SHARED_DATA to its folder")
        return path

    return find


@pytest.fixture(scope="session")
def load_sound() -> Callable[[Path], NDArray[np.float32]]:
    """Read a sound file as mono 16 kHz float samples."""
    import av

    def load(path: Path) -> NDArray[np.float32]:
        resampler = av.AudioResampler(format="flt", layout="mono", rate=16_000)
        with av.open(str(path)) as container:
            frames = [*container.decode(audio=0), None]
            return np.concatenate([part.to_ndarray()[0] for frame in frames for part in resampler.resample(frame)])

    return load


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    """The address of an S3 service on loopback for all tests."""
    from moto import backends
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
    from werkzeug.serving import make_server

    application = DomainDispatcherApplication(create_backend_app)
    services = tuple(backends.list_of_moto_modules())
    lock = threading.Lock()

    def one_at_a_time(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        # Not under the lock: it waits for the effect of another request.
        if environ.get("HTTP_X_AMZ_TARGET") == "AmazonSQS.ReceiveMessage":
            return list(application(environ, start_response))
        # Moto checks a key and then writes it in two steps; S3 does both in one step, which the code relies on.
        with lock:
            return list(application(environ, start_response))

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = make_server("127.0.0.1", 0, one_at_a_time, threaded=True, request_handler=MotoRequestHandler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    with pytest.MonkeyPatch.context() as patch:
        # Moto searches its folder for the services, twice per request.
        patch.setattr(backends, "list_of_moto_modules", lambda: services)
        yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="session")
def s3_environment(s3_server: str) -> dict[str, str]:
    """The AWS variables of the service."""
    return {
        "AWS_ENDPOINT_URL": s3_server,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }


@pytest.fixture(scope="session")
def s3_client(s3_environment: dict[str, str]) -> Any:
    """One client for all tests: creating one takes longer than most tests."""
    from cloudpathlib import S3Client

    with pytest.MonkeyPatch.context() as patch:
        for name, value in s3_environment.items():
            patch.setenv(name, value)
        return S3Client()


@pytest.fixture
def s3_bucket(s3_client: Any, s3_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Location:
    """A new, empty S3 bucket; the AWS variables are set, also for processes that the test starts."""
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)
    for name, value in s3_environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(type(s3_client), "_default_client", s3_client)
    name = f"bucket-{uuid.uuid4().hex}"
    s3_client.client.create_bucket(Bucket=name)
    return locate(f"s3://{name}")


@pytest.fixture(params=["folder", "s3"])
def bucket(request: pytest.FixtureRequest, tmp_path: Path) -> Location:
    """An empty bucket: first a folder, then one on S3."""
    location: Location = tmp_path / "bucket" if request.param == "folder" else request.getfixturevalue("s3_bucket")
    return location


@pytest.fixture
def clock() -> Clock:
    """A clock that the test moves."""
    return Clock()
