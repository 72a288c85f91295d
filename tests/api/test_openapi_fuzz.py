"""Whatever the description allows, and whatever it does not: the agent never breaks, and answers as described."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import (
    content_type_conformance,
    negative_data_rejection,
    not_a_server_error,
    response_schema_conformance,
    status_code_conformance,
)
from tests.api.conftest import composed
from tests.api.test_streams import free_port

from zoneweaver import settings as agent_settings
from zoneweaver.api import openapi, server
from zoneweaver.domain.keys import Scope
from zoneweaver.store import keys
from zoneweaver.store.database import Database
from zoneweaver.store.seal import Seal

pytestmark = pytest.mark.slow

EXAMPLES = 25
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    negative_data_rejection,
]

DESCRIPTION = openapi.document()
for streaming in ("/events", "/tasks/{id}/stream"):  # they do not end
    del DESCRIPTION["paths"][streaming]
SCHEMA = schemathesis.openapi.from_dict(DESCRIPTION)


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """Serve the application over plain HTTP from a thread; yield its URL and an admin key."""
    home: Path = tmp_path_factory.mktemp("agent")
    port = free_port()
    environ = {
        "ZONEWEAVER_HOME": str(home),
        "ZONEWEAVER_SERVER__HTTPS_PORT": "0",
        "ZONEWEAVER_SERVER__HTTP_PORT": str(port),
        "ZONEWEAVER_SERVER__BIND_ADDRESS": "127.0.0.1",
    }
    used = agent_settings.load(environ=environ)
    ready, plain, stop = threading.Event(), [], []

    async def main() -> None:
        database = Database.open(used.database_url, Seal.load(home))
        api = composed(used, database)
        await api.zone("web")
        _, key = await database.run(lambda c: keys.create(c, name="fuzz", description="", scope=Scope.ADMIN))
        (bound,) = server.make(api.app, used)
        over = anyio.Event()
        token = anyio.lowlevel.current_token()
        stop.append(lambda: anyio.from_thread.run_sync(over.set, token=token))
        async with anyio.create_task_group() as group:
            group.start_soon(bound.serve)
            await bound.answering()
            plain.append(key)
            ready.set()
            await over.wait()
            bound.stop()
        database.close()

    thread = threading.Thread(target=anyio.run, args=(main,))
    thread.start()
    assert ready.wait(20), "the server did not start"
    yield f"http://127.0.0.1:{port}", plain[0]
    stop[0]()
    thread.join(20)
    assert not thread.is_alive()


@SCHEMA.parametrize()
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.filter_too_much, HealthCheck.too_slow],
)
def test_an_operation_answers_as_described(case: schemathesis.Case[Any], agent: tuple[str, str]) -> None:
    """No 5xx, only described statuses, media types and shapes, and nothing wrong is accepted."""
    url, key = agent
    case.call_and_validate(base_url=url, headers={"X-API-Key": key}, checks=CHECKS, timeout=20)
