"""What every test may ask for: PostgreSQL, and the one event loop that is used."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import tempfile
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
from hypothesis import settings
from tests.lab import counting

if TYPE_CHECKING:
    from collections.abc import Iterator

TOOL = Path(__file__).parent.parent / "tools" / "postgres"
GIVEN = "ZONEWEAVER_TEST_POSTGRES"
RUN = "ZONEWEAVER_TEST_RUN"

settings.register_profile("quick", deadline=None, max_examples=50)
settings.register_profile("soak", deadline=None, max_examples=5000)
settings.load_profile("quick")


def pytest_configure(config: pytest.Config) -> None:
    """Name the folder that this run and its workers share; a worker finds it named already."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # Begun in the background by a shell without job control: what tests interrupt would not hear it.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if not hasattr(config, "workerinput"):
        os.environ[RUN] = tempfile.mkdtemp(prefix="zw-", dir="/tmp")
        os.environ[f"{RUN}_PID"] = str(os.getpid())


def pytest_unconfigure(config: pytest.Config) -> None:
    """End what this run started."""
    if not hasattr(config, "workerinput") and RUN in os.environ:
        folder = Path(os.environ.pop(RUN))
        subprocess.run([TOOL, "stop", folder / "pg"], check=False, capture_output=True)
        shutil.rmtree(folder, ignore_errors=True)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tell how much was tried."""
    if RUN in os.environ:
        for line in counting.summary(Path(os.environ[RUN])):
            terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Everything runs on asyncio; trio has no event loop on illumos."""
    return "asyncio"


@pytest.fixture(scope="session")
def postgres_url() -> str:
    """SQLAlchemy URL of a PostgreSQL server: the one given in the environment, else one of this run's own.

    It is started by the first test that asks, is shared by the workers, and ends with the run. A machine where it
    cannot start fails the test.
    """
    given = os.environ.get(GIVEN)
    if given:
        return given
    folder = Path(os.environ[RUN])
    folder.chmod(0o755)
    with (folder / "pg.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = subprocess.run(
            [TOOL, "start", folder / "pg", os.environ[f"{RUN}_PID"]],
            check=False,
            capture_output=True,
            text=True,
            timeout=300,
        )
    if done.returncode != 0:
        pytest.fail(f"no PostgreSQL for this test: {done.stderr.strip()}", pytrace=False)
    return done.stdout.strip().splitlines()[-1]


@pytest.fixture
def postgres_database(postgres_url: str) -> Iterator[str]:
    """SQLAlchemy URL of an empty database that belongs to this test alone."""
    name = f"test_{uuid.uuid4().hex}"
    server = postgres_url.replace("postgresql+psycopg://", "postgresql://", 1)
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    head, _, tail = postgres_url.rpartition("/zoneweaver")
    yield f"{head}/{name}{tail}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
