"""Streams over a real server with TLS: events and tasks as they happen."""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import anyio
import httpx2
import pytest
import wsproto
from tests.api.conftest import Api
from tests.api.test_tasks import claimed, finish, queued, wrote
from wsproto.events import AcceptConnection, CloseConnection, RejectConnection, RejectData, Request, TextMessage

from zoneweaver import settings
from zoneweaver.api import server, streams
from zoneweaver.api.app import App
from zoneweaver.api.route import Call, Route, Stream
from zoneweaver.domain.keys import Scope
from zoneweaver.testing.waiting import until

DEADLINE = 10


def free_port() -> int:
    """Return a port that nobody has at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Served:
    api: Api
    port: int
    context: ssl.SSLContext

    @asynccontextmanager
    async def client(self, scope: Scope | None = Scope.READ) -> AsyncIterator[httpx2.AsyncClient]:
        headers = {}
        if scope is not None:
            await self.api.client(scope)
            headers = {"x-api-key": self.api.keys[scope].reveal()}
        async with httpx2.AsyncClient(
            base_url=f"https://localhost:{self.port}", verify=self.context, headers=headers, timeout=DEADLINE
        ) as client:
            yield client

    @asynccontextmanager
    async def events(self, path: str, **headers: str) -> AsyncIterator[AsyncIterator[dict[str, Any]]]:
        async with self.client() as client, client.stream("GET", path, headers=headers) as answer:
            assert answer.status_code == 200, await answer.aread()
            assert answer.headers["content-type"] == "text/event-stream"
            async with aclosing(parsed(answer)) as events:
                yield events


async def parsed(answer: httpx2.Response) -> AsyncGenerator[dict[str, Any], None]:
    """Yield each event with its kind, id and data; comments as `{"comment": text}`."""
    event: dict[str, Any] = {}
    async for line in answer.aiter_lines():
        if not line:
            if event:
                yield event
            event = {}
        elif line.startswith(":"):
            event["comment"] = line[1:].strip()
        else:
            name, _, value = line.partition(": ")
            event[name] = json.loads(value) if name == "data" else value


@pytest.fixture
async def served(api: Api) -> AsyncIterator[Served]:
    port = free_port()
    environ = {
        "ZONEWEAVER_HOME": str(api.home),
        "ZONEWEAVER_SERVER__HTTPS_PORT": str(port),
        "ZONEWEAVER_SERVER__BIND_ADDRESS": "127.0.0.1",
    }
    used = settings.load(environ=environ)
    (bound,) = server.make(api.app, used)
    async with anyio.create_task_group() as group:
        group.start_soon(bound.serve)
        await bound.answering()
        context = ssl.create_default_context(cafile=str(used.cert_path))
        yield Served(api, port, context)
        api.services.tasks.events.close()
        bound.stop()


async def test_the_certificate_is_good_for_localhost(served: Served) -> None:
    """A client that trusts the certificate needs no exception, by name and by address; the key is private."""
    async with served.client(None) as client:
        assert (await client.get("/health")).json()["status"] == "ok"
        assert (await client.get(f"https://127.0.0.1:{served.port}/health")).status_code == 200
    assert (served.api.home / "ssl" / "server.key").stat().st_mode & 0o777 == 0o600


async def test_a_large_body_gets_its_answer_over_a_real_connection(served: Served) -> None:
    """10 MiB: the client reads 413 and may go on with the same connection."""
    async with served.client(Scope.ADMIN) as client:
        answer = await client.post("/zones", content=b" " * 10_485_760, headers={"content-type": "application/json"})
        assert answer.status_code == 413
        assert (await client.get("/zones")).status_code == 200


async def test_a_stream_begins_at_once(served: Served) -> None:
    """Its first bytes come before anything happens."""
    async with served.events("/events") as events:
        with anyio.fail_after(DEADLINE):
            assert (await anext(events))["comment"] == "zoneweaver"


async def test_changes_of_tasks_and_zones_are_heard(served: Served) -> None:
    """Both by default; only what was asked for with topics."""
    async with served.events("/events") as events, served.events("/events?topics=zone:web") as of_web:
        await anext(events)
        await anext(of_web)
        await until(_listeners(served), lambda count: count == 2, what="two listeners")
        task_id = await queued(served.api, "other")
        await served.api.zone("web")
        with anyio.fail_after(DEADLINE):
            first, second, web = await anext(events), await anext(events), await anext(of_web)
        assert (first["event"], first["data"]["id"], first["data"]["status"]) == ("task", task_id, "pending")
        assert (second["event"], second["data"]["name"]) == ("zone", "web")
        assert web["id"] == second["id"]


def _listeners(served: Served) -> Any:
    async def count() -> int:
        return len(served.api.services.tasks.events)

    return count


async def test_a_listener_goes_on_where_it_stopped(served: Served) -> None:
    """With Last-Event-ID what happened in between comes first; with an unknown one, `missed`."""
    async with served.events("/events?topics=tasks") as events:
        await anext(events)
        await until(_listeners(served), lambda count: count == 1, what="a listener")
        await queued(served.api, "a")
        with anyio.fail_after(DEADLINE):
            seen = await anext(events)
    missed = await queued(served.api, "b")
    async with served.events("/events?topics=tasks", **{"last-event-id": seen["id"]}) as events:
        await anext(events)
        with anyio.fail_after(DEADLINE):
            assert (await anext(events))["data"]["id"] == missed
    async with served.events("/events", **{"last-event-id": "elsewhere-1"}) as events:
        await anext(events)
        with anyio.fail_after(DEADLINE):
            assert (await anext(events))["event"] == "missed"


async def test_a_client_that_leaves_is_forgotten(served: Served) -> None:
    """Its subscription is gone soon after, although nothing happens that could be sent."""
    async with served.events("/events") as events:
        await anext(events)
        await until(_listeners(served), lambda count: count == 1, what="a listener")
    await until(_listeners(served), lambda count: count == 0, what="no listener")


async def test_there_is_room_for_so_many_listeners_only(served: Served) -> None:
    """One more is told to come back later."""
    served.api.services.tasks.most_subscribers = 1
    async with served.events("/events") as events:
        await anext(events)
        await until(_listeners(served), lambda count: count == 1, what="a listener")
        async with served.client() as client:
            answer = await client.get("/events")
            assert answer.status_code == 429
            assert answer.headers["retry-after"] == "1"


@pytest.mark.parametrize("topics", ["", ",", "everything", "task:", "zone", "tasks,x:y"])
async def test_unknown_topics_are_400(api: Api, topics: str) -> None:
    """The sentence names them."""
    client = await api.client(Scope.READ)
    assert (await client.get(f"/events?topics={topics}")).status_code == 400


async def test_a_task_is_followed_to_its_end(served: Served) -> None:
    """Output from before and after the connection, each piece once and in order, then the end."""
    task_id = await queued(served.api)
    await claimed(served.api)
    await wrote(served.api, task_id, "one", "two")
    async with served.events(f"/tasks/{task_id}/stream") as events:
        await anext(events)
        with anyio.fail_after(DEADLINE):
            row = await anext(events)
            assert (row["event"], row["data"]["status"]) == ("task", "running")
            before = [await anext(events), await anext(events)]
        await wrote(served.api, task_id, "three", "four")
        await finish(served.api, task_id)
        with anyio.fail_after(DEADLINE):
            rest = [event async for event in events]
    output = [event for event in [*before, *rest] if event["event"] == "output"]
    assert [event["data"]["data"] for event in output] == ["one", "two", "three", "four"]
    assert output[0]["data"]["type"] == "output"
    assert rest[-2]["data"]["status"] == "completed"
    assert (rest[-1]["event"], rest[-1]["data"]["status"]) == ("status", "completed")


async def test_following_goes_on_behind_the_last_piece_of_output(served: Served) -> None:
    """Also between two pieces of one moment, and when the task has ended meanwhile."""
    task_id = await queued(served.api)
    await claimed(served.api)
    await wrote(served.api, task_id, "one", "two")
    async with served.events(f"/tasks/{task_id}/stream") as events:
        with anyio.fail_after(DEADLINE):
            _, _, first = await anext(events), await anext(events), await anext(events)
    assert first["data"]["data"] == "one"
    await wrote(served.api, task_id, "three")
    await finish(served.api, task_id)
    async with served.events(f"/tasks/{task_id}/stream", **{"last-event-id": first["id"]}) as events:
        with anyio.fail_after(DEADLINE):
            rest = [event async for event in events]
    assert [event["data"]["data"] for event in rest if event.get("event") == "output"] == ["two", "three"]
    assert rest[-1]["event"] == "status"


async def test_a_position_that_was_never_given_out_is_400(served: Served) -> None:
    """Last-Event-ID of some other stream."""
    task_id = await queued(served.api)
    async with served.client() as client:
        answer = await client.get(f"/tasks/{task_id}/stream", headers={"last-event-id": "7"})
        assert answer.status_code == 400


async def test_silence_is_broken_by_comments(api: Api) -> None:
    """Nothing for a while: a comment, so that nobody takes the other for gone; then what comes, comes."""
    go_on, sent = anyio.Event(), []

    async def frames() -> AsyncGenerator[bytes, None]:
        yield streams.OPENING
        await go_on.wait()
        yield b"data: 1\n\n"

    async def listen(_: Call) -> Stream:
        return streams.event_stream(frames, silence=0.01)

    async def receive() -> dict[str, Any]:
        await anyio.sleep_forever()
        return {}

    async def send(message: Any) -> None:
        sent.append(message.get("body", b""))
        if sent[-2:] == [streams.ALIVE, streams.ALIVE]:
            go_on.set()

    route = Route(method="GET", path="/listen", summary="Listen", handler=listen, tag="streams", scope=None)
    scope = {"type": "http", "method": "GET", "path": "/listen", "query_string": b"", "headers": []}
    with anyio.fail_after(DEADLINE):
        await App(api.services, [route])(scope, receive, send)
    assert sent[1] == streams.OPENING
    assert [chunk for chunk in sent if chunk not in {streams.OPENING, streams.ALIVE}] == [b"", b"data: 1\n\n", b""]


@asynccontextmanager
async def opened(served: Served, path: str, **headers: str) -> AsyncIterator[tuple[Any, Any]]:
    """Open a WebSocket; yield a function that returns the next event, and one that sends."""
    connection = wsproto.WSConnection(wsproto.ConnectionType.CLIENT)
    stream = await anyio.connect_tcp(
        "localhost", served.port, ssl_context=served.context, tls_standard_compatible=False
    )
    async with stream:
        pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
        await stream.send(connection.send(Request(host="localhost", target=path, extra_headers=pairs)))
        waiting: list[Any] = []

        async def event() -> Any:
            while not waiting:
                connection.receive_data(await stream.receive())
                waiting.extend(connection.events())
            return waiting.pop(0)

        async def say(what: Any) -> None:
            await stream.send(connection.send(what))

        with anyio.fail_after(DEADLINE):
            yield event, say


async def test_a_task_is_followed_over_a_websocket_with_a_ticket(served: Served) -> None:
    """The same moments as JSON messages, opened by a ticket; closed at the end."""
    task_id = await queued(served.api)
    await claimed(served.api)
    await wrote(served.api, task_id, "one")
    path = f"/tasks/{task_id}/stream"
    async with served.client() as client:
        ticket = (await client.post("/tickets", json={"path": path})).json()["ticket"]
    async with opened(served, f"{path}?ticket={ticket}") as (event, _):
        assert isinstance(await event(), AcceptConnection)
        said = []
        for _ in range(2):
            message = await event()
            assert isinstance(message, TextMessage)
            said.append(json.loads(message.data))
        await finish(served.api, task_id)
        while isinstance(message := await event(), TextMessage):
            said.append(json.loads(message.data))
        assert isinstance(message, CloseConnection)
    assert [item["type"] for item in said] == ["task", "output", "task", "status"]
    assert said[1]["data"] == "one"
    async with opened(served, f"{path}?ticket={ticket}") as (event, _):
        refused = await event()
        assert isinstance(refused, RejectConnection)
        assert refused.status_code == 401


async def test_a_websocket_without_a_key_is_refused_in_json(served: Served) -> None:
    """401 before anything is opened, and 404 for a task that is not there."""
    await served.api.client(Scope.READ)
    plain = served.api.keys[Scope.READ].reveal()
    for headers, path, status in (
        ({}, "/tasks/none/stream", 401),
        ({"x-api-key": plain}, "/tasks/none/stream", 404),
        ({"x-api-key": plain}, "/zones", 400),
        ({"x-api-key": plain}, "/nothing", 404),
    ):
        async with opened(served, path, **headers) as (event, _):
            refused = await event()
            assert isinstance(refused, RejectConnection)
            assert refused.status_code == status
            body = b""
            while isinstance(part := await event(), RejectData):
                body += part.data
                if part.body_finished:
                    break
            assert json.loads(body)["message"]


async def test_a_websocket_that_leaves_is_forgotten(served: Served) -> None:
    """Its subscription is gone when the client closes."""
    task_id = await queued(served.api)
    await served.api.client(Scope.READ)
    key = {"x-api-key": served.api.keys[Scope.READ].reveal()}
    async with opened(served, f"/tasks/{task_id}/stream", **key) as (event, say):
        assert isinstance(await event(), AcceptConnection)
        await event()
        await until(_listeners(served), lambda count: count == 1, what="a listener")
        await say(CloseConnection(code=1000))
        await until(_listeners(served), lambda count: count == 0, what="no listener")
