"""Uploading, downloading, and what is refused before and after the bytes have come."""

from __future__ import annotations

import hashlib
import tracemalloc
from collections.abc import AsyncIterator
from typing import Any

import anyio
import httpx2
import pytest
from sqlalchemy import Connection
from tests.api.conftest import Api
from tests.host.archives import OK, entry, needs_a_program_for, packed, tar

from zoneweaver.api.artifacts import part_of
from zoneweaver.domain.errors import Invalid, RangeNotSatisfiable, UnsupportedMediaType
from zoneweaver.domain.keys import Scope
from zoneweaver.services.artifacts import Limits
from zoneweaver.store import artifacts

SITE = packed({"site/playbook.yml": b"- hosts: all\n", "site/data": bytes(range(256)) * 40})
SUM = hashlib.sha256(SITE).hexdigest()


async def prepared(client: httpx2.AsyncClient, content: bytes = SITE, name: str = "site.tar.gz", **more: Any) -> Any:
    answer = await client.post("/artifacts/upload/prepare", json={"filename": name, "size": len(content), **more})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def uploaded(client: httpx2.AsyncClient, content: bytes = SITE, name: str = "site.tar.gz", **more: Any) -> Any:
    made = await prepared(client, content, name, **more)
    answer = await client.post(made["upload_url"], content=content)
    assert answer.status_code == 200, answer.text
    return answer.json()


def files(api: Api) -> list[str]:
    folder = api.services.settings.staging_path
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


async def test_a_file_is_sent_in_one_piece(api: Api) -> None:
    """Its checksum, its entries and its task are known afterwards; the file is nobody else's to read."""
    client = await api.client(Scope.WRITE)
    made = await prepared(client, checksum=SUM.upper(), zone_name="web")
    assert made["upload_url"] == f"/artifacts/upload/{made['task_id']}"
    before = (await client.get(made["upload_url"])).json()
    assert (before["received"], before["complete"]) == (0, False)
    assert (await client.get("/artifacts")).json() == {"artifacts": [], "total": 0}
    answer = (await client.post(made["upload_url"], content=SITE)).json()
    assert (answer["complete"], answer["received"], answer["artifact_id"]) == (True, len(SITE), made["artifact_id"])
    shown = (await client.get(f"/artifacts/{made['artifact_id']}")).json()
    assert shown["sha256"] == SUM
    assert (shown["kind"], shown["packing"], shown["entries"]) == ("provisioning", "tar.gz", 2)
    assert shown["unpacked_size"] == 13 + 256 * 40
    assert (shown["zone_name"], shown["used_by"]) == ("web", [])
    (file,) = api.services.settings.staging_path.iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    assert str(file) == shown["path"]
    task = (await client.get(f"/tasks/{made['task_id']}")).json()
    assert (task["operation"], task["metadata"]["artifact_id"]) == ("artifact_upload", made["artifact_id"])
    again = await client.post(made["upload_url"], content=SITE)
    assert (again.status_code, again.json()["code"]) == (409, "upload_complete")
    assert [row["action"] for row in await api.audit()][-2:] == ["artifact.upload", "artifact.prepare"]


@pytest.mark.parametrize("size", [1, 7, 63, 4096, 10**6])
async def test_a_form_is_taken_too(api: Api, size: int) -> None:
    """multipart/form-data with the field `file`, however it is cut into pieces, other fields around it."""
    tricky = tar(entry("note", b"\r\n--zone\r\n\r\n--zon\r\n" * 30))
    form = (
        b'--zone\r\nContent-Disposition: form-data; name="comment"\r\n\r\nhello\r\n'
        b'--zone\r\nContent-Disposition: form-data; name="file"; filename="x.tar"\r\nContent-Type: a/b\r\n\r\n'
        + tricky.replace(b"--zone", b"--zonf")
        + b'\r\n--zone\r\nContent-Disposition: form-data; name="more"\r\n\r\nbye\r\n--zone--\r\n'
    )
    tricky = tricky.replace(b"--zone", b"--zonf")

    async def pieces() -> AsyncIterator[bytes]:
        for at in range(0, len(form), size):
            yield form[at : at + size]

    client = await api.client(Scope.WRITE)
    made = await prepared(client, tricky, "x.tar")
    headers = {"content-type": 'multipart/form-data; boundary="zone"'}
    answer = await client.post(made["upload_url"], content=pieces(), headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.json()["artifact"]["sha256"] == hashlib.sha256(tricky).hexdigest()


@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        ("multipart/form-data", b"", 415),
        ("multipart/form-data; boundary=x", b"--x--\r\n", 400),
        ("multipart/form-data; boundary=x", b"nothing of the kind", 400),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="other"\r\n\r\nhi\r\n--x--',
            400,
        ),
        ("multipart/form-data; boundary=x", b'--x\r\nContent-Disposition: form-data; name="file"\r\n\r\nhi', 400),
        ("multipart/form-data; boundary=x", b"--x\r\n" + b"a" * 70000, 400),
    ],
)
async def test_a_form_without_a_file_is_refused(api: Api, kind: str, body: bytes, status: int) -> None:
    """And one that is none."""
    client = await api.client(Scope.WRITE)
    made = await prepared(client)
    answer = await client.post(made["upload_url"], content=body, headers={"content-type": kind})
    assert answer.status_code == status, answer.text


async def test_a_file_is_sent_in_parts(api: Api) -> None:
    """Each begins where the last one ended, or before; with the last byte it is complete."""
    client = await api.client(Scope.WRITE)
    made = await prepared(client, checksum=SUM)

    async def send(first: int, end: int, **more: str) -> httpx2.Response:
        headers = {"content-range": f"bytes {first}-{end - 1}/{len(SITE)}", **more}
        return await client.post(made["upload_url"], content=SITE[first:end], headers=headers)

    first = (await send(0, 100)).json()
    assert (first["received"], first["complete"]) == (100, False)
    gap = await send(200, 300)
    assert (gap.status_code, gap.json()["details"]["received"]) == (409, 100)
    assert (await client.get(made["upload_url"])).json()["received"] == 100
    assert (await send(50, 150)).json()["received"] == 150
    last = (await send(150, len(SITE))).json()
    assert (last["complete"], last["artifact"]["sha256"]) == (True, SUM)


async def test_what_has_come_is_kept_when_the_client_goes_away(api: Api) -> None:
    """The upload goes on where it broke off, also in another agent."""
    client = await api.client(Scope.WRITE)
    made = await prepared(client, checksum=SUM)
    messages = [
        {"type": "http.request", "body": SITE[:150], "more_body": True},
        {"type": "http.disconnect"},
    ]
    sent: list[Any] = []

    async def receive() -> Any:
        return messages.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": made["upload_url"],
        "query_string": b"",
        "headers": [(b"x-api-key", api.keys[Scope.WRITE].reveal().encode()), (b"content-length", b"%d" % len(SITE))],
        "client": ("192.0.2.7", 1),
    }
    await api.app(scope, receive, send)
    assert sent[0]["status"] == 503
    assert (await client.get(made["upload_url"])).json()["received"] == 150
    rest = {"content-range": f"bytes 150-{len(SITE) - 1}/{len(SITE)}"}
    answer = await client.post(made["upload_url"], content=SITE[150:], headers=rest)
    assert answer.json()["artifact"]["sha256"] == SUM


@pytest.mark.parametrize(
    ("filename", "size", "more", "status", "said"),
    [
        ("site.zip", 10, {}, 400, "must end in one of"),
        ("../site.tar", 10, {}, 400, "plain file name"),
        (".tar", 10, {}, 400, "plain file name"),
        ("a/b.tar", 10, {}, 400, "plain file name"),
        ("site.tar", 0, {}, 400, "size"),
        ("site.tar", 10**12, {}, 413, "at most"),
        ("site.tar", 10, {"checksum": "abc"}, 400, "SHA-256"),
        ("site.tar", 10, {"zone_name": "global"}, 400, "zone name"),
        ("site.tar", 10, {"chekcsum": "a"}, 400, "did you mean checksum"),
    ],
)
async def test_what_cannot_be_taken_is_refused_before_the_first_byte(
    api: Api, filename: str, size: int, more: dict[str, Any], status: int, said: str
) -> None:
    """The type, the size, and whatever is wrong in itself."""
    client = await api.client(Scope.WRITE)
    answer = await client.post("/artifacts/upload/prepare", json={"filename": filename, "size": size, **more})
    assert answer.status_code == status, answer.text
    assert said in answer.json()["error"]


async def test_there_must_be_room_for_all_that_is_coming(api: Api) -> None:
    """What other uploads were promised counts too."""
    service = api.services.artifacts
    service._limits = Limits(size=2**62, reserve=0)
    client = await api.client(Scope.WRITE)
    free = service._staging.free()
    half = {"filename": "disk.raw", "size": free * 6 // 10}
    assert (await client.post("/artifacts/upload/prepare", json=half)).status_code == 200
    answer = await client.post("/artifacts/upload/prepare", json=half)
    assert (answer.status_code, answer.json()["code"]) == (409, "no_space")
    assert answer.json()["details"]["free"] < free // 2 + 2**30


async def test_a_body_that_cannot_be_right_is_not_read(api: Api) -> None:
    """Its length and its range are looked at before the first byte."""
    client = await api.client(Scope.WRITE)
    made = await prepared(client)
    url, size = made["upload_url"], len(SITE)
    assert (await client.post(url, content=SITE + b"x")).status_code == 413
    short = await client.post(url, content=SITE[:-1])
    assert (short.status_code, "Content-Range" in short.json()["error"]) == (400, True)
    for wrong in (f"bytes 0-9/{size + 1}", f"bytes 9-0/{size}", f"bytes 0-{size}/{size}", "bytes */5", "items 0-9/10"):
        answer = await client.post(url, content=SITE[:10], headers={"content-range": wrong})
        assert answer.status_code == 400, wrong
    assert files(api) == []
    unknown = await client.post("/artifacts/upload/none", content=SITE)
    assert (unknown.status_code, unknown.json()["code"]) == (404, "no_such_upload")


async def test_a_body_without_a_length_that_does_not_end_is_refused(api: Api) -> None:
    """As soon as it is longer than was announced; nothing of it stays."""

    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield bytes(1000)

    client = await api.client(Scope.WRITE)
    made = await prepared(client)
    answer = await client.post(made["upload_url"], content=endless())
    assert answer.status_code == 413
    assert files(api) == []


@pytest.mark.parametrize(
    ("name", "content", "more", "said"),
    [
        ("site.tar.gz", SITE, {"checksum": "0" * 64}, "has the SHA-256"),
        ("site.tar.zst", SITE, {}, "is no tar.zst"),
        ("cd.iso", bytes(40000), {}, "is no iso"),
        ("disk.qcow2", b"no disk", {}, "is no qcow2"),
        ("site.tar", tar(OK, entry("../outside", b"x")), {}, "../outside leads out of its folder"),
        ("site.tar", tar(OK)[:600], {}, "cut off"),
    ],
)
async def test_a_file_that_is_not_what_was_promised_is_removed(
    api: Api, name: str, content: bytes, more: dict[str, Any], said: str
) -> None:
    """Another checksum, another type, an evil archive: refused by name, and the upload may begin anew."""
    needs_a_program_for(name)
    client = await api.client(Scope.WRITE)
    made = await prepared(client, content, name, **more)
    answer = await client.post(made["upload_url"], content=content)
    assert answer.status_code == 400, answer.text
    assert said in answer.json()["error"]
    assert files(api) == []
    assert (await client.get(made["upload_url"])).json()["received"] == 0
    assert (await client.get("/artifacts")).json()["total"] == 0


async def test_an_upload_has_one_sender_at_a_time(api: Api) -> None:
    """A second one is told so, and the artifact cannot be deleted meanwhile."""
    client = await api.client(Scope.WRITE)
    made = await prepared(client)
    begun, go_on = anyio.Event(), anyio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield SITE[:10]
        begun.set()
        await go_on.wait()
        yield SITE[10:]

    answers: list[httpx2.Response] = []

    async def first() -> None:
        answers.append(await client.post(made["upload_url"], content=slow()))

    with anyio.fail_after(10):
        async with anyio.create_task_group() as group:
            group.start_soon(first)
            await begun.wait()
            second = await client.post(made["upload_url"], content=SITE)
            assert (second.status_code, second.json()["code"]) == (409, "upload_busy")
            assert (await client.delete(f"/artifacts/{made['artifact_id']}")).status_code == 409
            go_on.set()
    assert answers[0].json()["complete"] is True


async def test_a_large_body_does_not_sit_in_memory(api: Api) -> None:
    """48 MiB pass with a few MiB in hand, and others are answered meanwhile."""
    size = 48 * 1024 * 1024
    client = await api.client(Scope.WRITE)
    made = await prepared(client, b"x" * size, "disk.raw")
    answered = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal answered
        for number in range(size // 65536):
            if number % 100 == 0:
                answered += (await client.get("/health")).status_code == 200
            yield bytes(65536)

    tracemalloc.start()
    try:
        answer = await client.post(made["upload_url"], content=body())
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert answer.json()["complete"] is True
    assert answered == 8
    assert peak < 8 * 1024 * 1024, peak


async def test_a_file_is_downloaded_whole_or_in_part(api: Api) -> None:
    """Range, If-Range, and 416 for what is not there; a key that may only look gets nothing."""
    client = await api.client(Scope.WRITE)
    made = await uploaded(client)
    url = f"/artifacts/{made['artifact_id']}/download"
    whole = await client.get(url)
    assert (whole.status_code, whole.content) == (200, SITE)
    assert whole.headers["content-length"] == str(len(SITE))
    assert whole.headers["content-disposition"] == 'attachment; filename="site.tar.gz"'
    part = await client.get(url, headers={"range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, SITE[10:20])
    assert part.headers["content-range"] == f"bytes 10-19/{len(SITE)}"
    rest = await client.get(url, headers={"range": "bytes=100-", "if-range": whole.headers["etag"]})
    assert (rest.status_code, rest.content) == (206, SITE[100:])
    other = await client.get(url, headers={"range": "bytes=100-", "if-range": '"other"'})
    assert (other.status_code, other.content) == (200, SITE)
    beyond = await client.get(url, headers={"range": f"bytes={len(SITE)}-"})
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, f"bytes */{len(SITE)}")
    assert (await client.head(url)).headers["content-length"] == str(len(SITE))
    reader = await api.client(Scope.READ)
    assert (await reader.get(url)).status_code == 403
    next(api.services.settings.staging_path.iterdir()).unlink()
    assert (await client.get(url)).json()["code"] == "file_missing"


@pytest.mark.parametrize(
    ("text", "part"),
    [
        (None, None),
        ("bytes=0-0", (0, 1)),
        ("bytes=5-", (5, 10)),
        ("bytes=5-99", (5, 10)),
        ("bytes=-3", (7, 10)),
        ("bytes=-99", (0, 10)),
        ("bytes=5-3", None),
        ("bytes=-", None),
        ("bytes=0-1,4-5", None),
        ("items=0-1", None),
    ],
)
def test_a_range_is_read(text: str | None, part: tuple[int, int] | None) -> None:
    """One range of bytes; anything else is passed over."""
    assert part_of(text, 10) == part


@pytest.mark.parametrize("text", ["bytes=10-", "bytes=10-20", "bytes=-0"])
def test_a_range_that_is_not_there(text: str) -> None:
    """Is told, with the size."""
    with pytest.raises(RangeNotSatisfiable):
        part_of(text, 10)


async def test_an_artifact_is_kept_as_long_as_a_zone_names_it(api: Api) -> None:
    """For provisioning, or as its CD-ROM; the zone is named."""
    client = await api.client(Scope.WRITE)
    site = (await uploaded(client))["artifact_id"]
    iso = await uploaded(client, bytes(32769) + b"CD001" + bytes(3000), "cd.iso")
    await api.zone("web", provisioning={"artifact_id": site})
    await api.zone("db", configuration={"filesystems": [{"special": iso["artifact"]["path"]}]})
    refused = await client.delete(f"/artifacts/{site}")
    assert (refused.status_code, refused.json()["details"]["zones"]) == (409, ["web"])
    assert "zone web" in refused.json()["error"]
    assert (await client.delete(f"/artifacts/{iso['artifact_id']}")).json()["details"]["zones"] == ["db"]
    assert (await client.get(f"/artifacts/{site}")).json()["used_by"] == ["web"]
    await api.zone("web")
    assert (await client.delete(f"/artifacts/{site}")).status_code == 200
    assert (await client.delete(f"/artifacts/{site}")).status_code == 404
    assert (await client.get(f"/artifacts/{site}")).status_code == 404
    assert files(api) == [f"{iso['artifact_id']}.iso"]


async def test_artifacts_are_listed_and_found(api: Api) -> None:
    """By kind, part of the name and zone, page by page."""
    client = await api.client(Scope.WRITE)
    await uploaded(client, name="one.tar.gz", zone_name="web")
    await uploaded(client, name="two_.tgz")
    await uploaded(client, b"disk", name="disk.raw")

    async def names(query: str) -> list[str]:
        return [row["filename"] for row in (await client.get(f"/artifacts?{query}")).json()["artifacts"]]

    assert await names("") == ["one.tar.gz", "two_.tgz", "disk.raw"]
    assert await names("kind=image") == ["disk.raw"]
    assert await names("name=_") == ["two_.tgz"]
    assert await names("zone_name=web") == ["one.tar.gz"]
    page = (await client.get("/artifacts?limit=1&offset=1")).json()
    assert ([row["filename"] for row in page["artifacts"]], page["total"]) == (["two_.tgz"], 3)


async def test_an_upload_expires(api: Api) -> None:
    """What is not whole in time is forgotten with its bytes; so are files that nothing remembers."""
    client = await api.client(Scope.WRITE)
    made = await prepared(client)
    headers = {"content-range": f"bytes 0-9/{len(SITE)}"}
    assert (await client.post(made["upload_url"], content=SITE[:10], headers=headers)).status_code == 200
    stray = api.services.settings.staging_path / "stray.tar"
    stray.write_bytes(b"x")
    await api.services.artifacts.settle()
    assert files(api) == [f"{made['artifact_id']}.tar.gz"]
    api.services.artifacts._limits = Limits(hours=1e-9)
    await prepared(client)
    assert (await client.get(made["upload_url"])).status_code == 404
    assert files(api) == []


async def test_a_file_survives_a_death_before_it_was_noted(api: Api) -> None:
    """All bytes are there, but nobody wrote it down: a last part of none is not needed, the same part again is enough."""
    client = await api.client(Scope.WRITE)
    made = await prepared(client)
    folder = api.services.settings.staging_path
    folder.mkdir(exist_ok=True)
    (folder / f"{made['artifact_id']}.tar.gz").write_bytes(SITE)
    headers = {"content-range": f"bytes {len(SITE) - 10}-{len(SITE) - 1}/{len(SITE)}"}
    answer = await client.post(made["upload_url"], content=SITE[-10:], headers=headers)
    assert answer.json()["artifact"]["sha256"] == SUM


async def test_an_artifact_that_goes_while_it_is_checked(api: Api) -> None:
    """Is not found any more; nothing comes back."""
    client = await api.client(Scope.WRITE)
    made = await prepared(client)

    async def body() -> AsyncIterator[bytes]:
        yield SITE[:10]

        def write(c: Connection) -> bool:
            return artifacts.remove(c, made["artifact_id"])

        await api.services.database.run(write)
        yield SITE[10:]

    answer = await client.post(made["upload_url"], content=body())
    assert answer.status_code == 404


def test_the_errors_are_known() -> None:
    """Each of those used here has a status of its own."""
    from zoneweaver.api.errors import status_of

    assert status_of(Invalid("x")) == 400
    assert status_of(RangeNotSatisfiable("x", details={"size": 1})) == 416
    assert status_of(UnsupportedMediaType("x")) == 415
