"""The client of the HTTP API: whom it trusts, what it asks twice, how it waits."""

from __future__ import annotations

import datetime as dt
import ipaddress
import socket
import threading
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tests.cli.agents import Command, Events, Stub, row, stub

from zoneweaver.client import Client, InConflict, NotThere, Refusal, Unreachable, Untrusted


def certificate(place: Path) -> Path:
    """Make a certificate for this machine that nobody signed, with its key in the same file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "agent")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return place


def test_the_agents_own_certificate_is_trusted_on_its_host(
    zw: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """The certificate in the state folder is enough, and another one at the address is not taken for it."""
    kept = certificate(tmp_path / "home" / "ssl" / "server.crt")
    with stub(certificate=kept) as agent:
        agent.on("GET", "/zones", (200, {"zones": [], "total": 0}))
        monkeypatch.setenv("ZONEWEAVER_URL", agent.url)
        assert zw("zones", "list").status == 0
        certificate(kept)
        ran = zw("zones", "list")
    assert ran.status == 3
    assert "certificate that is not trusted" in ran.err
    assert "ZONEWEAVER_CERTIFICATE" in ran.err


def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path):
    """Without the file there is no trust, and nothing is sent."""
    with stub(certificate=certificate(tmp_path / "a.pem")) as agent, Client(url=agent.url) as client:
        with pytest.raises(Untrusted):
            client.get("/zones")
        assert agent.requests == []


@pytest.mark.parametrize(("status", "kind"), [(404, NotThere), (409, InConflict), (413, Refusal)])
def test_refusals_are_types_with_facts(agent: Stub, status: int, kind: type[Refusal]):
    """An error carries the agent's sentence, slug and details."""
    agent.on("GET", "/x", (status, {"error": "No", "code": "why", "details": {"field": "name"}}))
    with Client(url=agent.url) as client, pytest.raises(kind) as caught:
        client.get("/x")
    assert (caught.value.message, caught.value.code, caught.value.details) == ("No", "why", {"field": "name"})
    assert caught.value.status == status


def test_a_request_whose_connection_dies_is_asked_again_with_the_same_key():
    """The second attempt carries the first one's Idempotency-Key, so that nothing is done twice."""
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            for answer in (b"", b"HTTP/1.1 202 Accepted\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}"):
                connection, _ = server.accept()
                with connection:
                    heard.append(connection.recv(65536))
                    connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        with Client(url=f"http://127.0.0.1:{server.getsockname()[1]}") as client:
            assert client.send("POST", "/zones").status == 202
        thread.join()
    keys = [next(line for line in text.split(b"\r\n") if line.lower().startswith(b"idempotency-key")) for text in heard]
    assert len(keys) == 2
    assert keys[0] == keys[1]


def test_waiting_has_a_deadline(agent: Stub):
    """After the given seconds the wait ends and says that the task goes on."""
    agent.on("GET", "/tasks/t-1", (200, row("running", 5)))
    agent.on("GET", "/tasks/t-1/stream", Events([row("running", 5)]))
    with Client(url=agent.url) as client, pytest.raises(TimeoutError, match="it goes on"):
        client.wait_for("t-1", seconds=0.3)


def test_a_task_that_is_not_there_is_not_waited_for(agent: Stub):
    """An unknown id is told at once."""
    agent.on("GET", "/tasks/t-1", (404, {"error": "Task not found"}))
    with Client(url=agent.url) as client, pytest.raises(NotThere, match="Task not found"):
        client.wait_for("t-1")


def test_what_is_no_address_is_said():
    """A URL without a scheme is refused with an example of a good one."""
    with pytest.raises(Unreachable, match="it should look like https://"):
        Client(url="agent:5001")
