"""Input that wishes us ill: it is refused with the name of its field, or carried to the host and read back unharmed."""

from __future__ import annotations

import copy
import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree as ET

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.lab.agents import Answer, Lab
from tests.lab.conftest import Setups
from tests.lab.counting import count
from tests.lab.judging import disagreements, picture, told

pytestmark = pytest.mark.slow

AWKWARD = (
    '"', "'", ";", "\n", "\r", "\t", "\0", "\x1b[2J", "\x7f", "#", "$(halt)", "`halt`", "|", "&", "<", ">", "\\", "%s",
    "{}", "[", "]", "(", ")", "=", ",", "*", "~", "..", "/../", "//", "@", "ü", "日本", "\u202e", "\ufffe", "🐧", " ",
    "\ud800", "end", "commit", "exit", "-f", "--", "remove -F attr", "delete -F",
)  # fmt: skip
SPITEFUL = (
    "'",
    ";",
    "\n",
    "\0",
    "#",
    "$(halt)",
    "`halt`",
    "|",
    "&",
    "<",
    "\\",
    "[",
    "(",
    "*",
    "~",
    "ü",
    "日",
    "\x1b",
    '"',
)
"""What no name, size, path of a dataset or address may hold."""

texts = st.lists(
    st.one_of(st.sampled_from(AWKWARD), st.text(st.characters(exclude_categories=()), min_size=1, max_size=8)),
    min_size=1,
    max_size=8,
).map("".join)
printable = st.lists(
    st.sampled_from([piece for piece in AWKWARD if piece.isprintable() and piece != '"']), min_size=1, max_size=6
).map("".join)
"""What zonecfg(8) can carry, and what a shell, a parser of options or a comment would make something of."""

spiteful = st.tuples(
    st.sampled_from(["", "a", "web0", "1G", "rpool/zones", "2:8:20:1:2:3"]), st.sampled_from(SPITEFUL), texts
).map("".join)
numbers = st.one_of(
    st.sampled_from([-1, 2**31, 2**63, 2**64, 10**30, 10**400, -(10**400), 1.5, 1e308, -0.0]),
    st.integers(),
    st.floats(),
)
wrong = st.one_of(
    st.none(),
    st.booleans(),
    numbers,
    texts,
    st.lists(st.integers(), max_size=2),
    st.dictionaries(texts, st.integers(), max_size=2),
)

FREE = {"extra": "extra", "cloud_init.sshkey": "sshkey", "cloud_init.password": "password", "vnc": "vnc"}
"""The fields that take any text which zonecfg(8) can carry, and the attribute that each becomes."""

STRICT = (
    "ram", "vcpus", "cpu", "bootrom", "hostbridge", "diskif", "netif", "os_type", "acpi", "xhci", "rng", "bootorder",
    "cloud_init.enabled", "cloud_init.dns_domain", "cloud_init.resolvers", "name", "brand", "zonepath",
    "boot_volume.pool", "boot_volume.dataset", "boot_volume.volume_name", "boot_volume.size", "existing.existing_dataset",
    "source.template_dataset", "source.clone_strategy", "additional_disks.volume_name", "additional_disks.size",
    "nics.physical", "nics.global_nic", "nics.mac_addr", "nics.allowed_address", "nics.defrouter", "nics.vlan_id",
)  # fmt: skip
"""The fields that are names, sizes, addresses or words of a list."""

some = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])


@pytest.fixture(scope="module")
def lab(setups: Setups) -> Iterator[Lab]:
    """One agent for all of this, with a zone `web` to be changed."""
    made = setups.lab("empty")
    made.do("POST", "/zones", {"name": "web", "brand": "bhyve", "ram": "2G"})
    yield made
    setups.discard(made)


def sent(lab: Lab, method: str, path: str, body: Any) -> Answer:
    """Send JSON, every character beyond ASCII escaped."""
    count("hostile: requests", "1")
    return lab.ask(method, path, raw=json.dumps(body).encode())


def blames(answer: Answer, field: str) -> bool:
    """Whether a refusal names a field, in its sentence and for programs."""
    named = [answer.body.get("details", {}).get("field") or ""]
    named += [problem["field"] for problem in answer.body.get("details", {}).get("problems", ())]
    return answer.status == 400 and any(
        one.split("[")[0].split(".")[0] == field.split(".", maxsplit=1)[0] for one in named
    )


def attributes(lab: Lab, zone: str) -> dict[str, str]:
    """The attributes of a zone as its document on the host holds them."""
    root = ET.parse(lab.world.host(f"/etc/zones/{zone}.xml")).getroot()
    return {attr.get("name", ""): attr.get("value", "") for attr in root.iter("attr")}


def others(lab: Lab, zone: str, attr: str) -> list[str]:
    """Everything in a zone's document but one attribute."""
    root = ET.parse(lab.world.host(f"/etc/zones/{zone}.xml")).getroot()
    return [f"{sorted(root.items())}"] + [
        ET.tostring(child, encoding="unicode").strip()
        for child in root
        if not (child.tag == "attr" and child.get("name") in {attr, "cloud-init"})
    ]


def placed(field: str, value: Any) -> dict[str, Any]:
    """The part of a body in which a field has a value."""
    whole, _, part = field.partition(".")
    if whole == "existing":
        return {"boot_volume": {part: value}}
    if whole == "additional_disks":
        return {whole: [{part: value}]}
    if whole == "nics":
        more = {"allowed_address": "10.0.0.5/24"} if part == "defrouter" else {}
        return {whole: [{"physical": "hostile0", "global_nic": "igb0", **more, part: value}]}
    return {whole: {part: value}} if part else {field: value}


@pytest.mark.parametrize("field", list(FREE))
@given(text=st.one_of(printable, texts))
@some
def test_text_is_refused_or_arrives_unharmed(lab: Lab, field: str, text: str) -> None:
    """What is taken stands in the zone's document letter by letter, and nothing else there has changed."""
    value = f"password={text}" if field == "vnc" else text
    attr = FREE[field]
    before = others(lab, "web", attr)
    answer = sent(lab, "PUT", "/zones/web", placed(field, value))
    if answer.status == 202:
        row = lab.wait(answer.body["task_id"])
        assert row["status"] == "completed", (value, row, lab.output(row["id"]))
        assert attributes(lab, "web")[attr] == value
        count("hostile: values carried unharmed", "1")
    else:
        assert blames(answer, field), (value, answer)
    assert others(lab, "web", attr) == before


@given(notes=texts, tag=texts)
@some
def test_notes_and_tags_come_back_as_they_were_given(lab: Lab, notes: str, tag: str) -> None:
    """Notes and tags stay in the database; what is taken is read back equal."""
    answer = sent(lab, "PUT", "/zones/web", {"notes": notes, "tags": [tag]})
    if answer.status == 400:
        assert blames(answer, "notes") or blames(answer, "tags"), answer
        return
    assert answer.status in {200, 202}, answer
    if answer.status == 202:
        assert lab.wait(answer.body["task_id"])["status"] == "completed"
    zone = lab.get("/zones/web")["zone_info"]
    assert (zone["notes"], zone["tags"]) == (notes, [tag])


@pytest.mark.parametrize("field", STRICT)
@given(text=spiteful)
@settings(some, max_examples=25)
def test_a_name_that_is_none_is_refused_by_its_field(lab: Lab, field: str, text: str) -> None:
    """Names, sizes, addresses and words of a list are refused where they hold what they cannot hold."""
    answer = sent(lab, "POST", "/zones", {"name": "hostile", "brand": "bhyve", **placed(field, text)})
    named = "boot_volume" if field.startswith("existing") else field
    assert blames(answer, named), (text, answer)


@given(path=st.one_of(printable, spiteful).map(lambda text: "/iso/" + text))
@some
def test_a_path_is_refused_or_arrives_unharmed(lab: Lab, path: str) -> None:
    """An image by any printable name is attached as it is called; what is no such path is refused."""
    zone = "images"
    body = {"name": zone, "brand": "bhyve", "cdroms": [{"path": path}]}
    plan = sent(lab, "POST", "/zones?dry_run=true", body)
    if plan.status == 400:
        assert blames(plan, "cdroms"), (path, plan)
        return
    image = Path(lab.world.host(path))
    image.parent.mkdir(parents=True, exist_ok=True)
    image.write_bytes(b"\0" * 4096)
    lab.do("POST", "/zones", body)
    root = ET.parse(lab.world.host(f"/etc/zones/{zone}.xml")).getroot()
    assert [(one.get("special"), one.get("directory")) for one in root.iter("filesystem")] == [(path, path)]
    assert attributes(lab, zone)["cdrom"] == path
    count("hostile: values carried unharmed", "1")
    lab.do("DELETE", f"/zones/{zone}?cleanup_datasets=true")
    image.unlink()


def fields(
    schema: dict[str, Any], whole: dict[str, Any], place: tuple[str | int, ...] = ()
) -> Iterator[tuple[str | int, ...]]:
    """The place of every field that a schema knows, at any depth."""
    schema = whole["components"]["schemas"][schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
    for name, inner in schema.get("properties", {}).items():
        yield (*place, name)
        yield from fields(inner, whole, (*place, name))
    if "items" in schema:
        yield from fields(schema["items"], whole, (*place, 0))


def put(body: dict[str, Any], place: tuple[str | int, ...], value: Any) -> dict[str, Any]:
    """A body with a value at a place."""
    made: Any = copy.deepcopy(body)
    at = made
    for part, then in itertools.pairwise(place):
        if isinstance(part, int):
            if not at:
                at.append([] if isinstance(then, int) else {})
            at = at[0]
        else:
            at = at.setdefault(part, [] if isinstance(then, int) else {})
    at[place[-1]] = value
    return dict(made)


@pytest.mark.parametrize(("verb", "model"), [("POST", "CreateZone"), ("PUT", "ModifyZone")])
@given(data=st.data())
@settings(some, max_examples=150)
def test_a_value_of_another_kind_does_no_harm(lab: Lab, verb: str, model: str, data: st.DataObject) -> None:
    """Whatever stands where a field is expected, the answer is a plan, a refusal by name, or the state of the host."""
    whole = lab.get("/openapi.json")
    places = sorted(set(fields({"$ref": f"#/{model}"}, whole)), key=str)
    assert len(places) > 40
    place = data.draw(st.sampled_from(places))
    body = {"name": "hostile", "brand": "bhyve"} if verb == "POST" else {}
    path = "/zones?dry_run=true" if verb == "POST" else "/zones/web?dry_run=true"
    answer = sent(lab, verb, path, put(body, place, data.draw(wrong)))
    assert answer.status in {200, 400, 404, 409}, answer
    if answer.status == 400:
        assert answer.body["error"]
        assert answer.body["code"] in {"no_changes", "invalid_json"} or blames(answer, str(place[0])), (place, answer)


@pytest.mark.parametrize(("verb", "model"), [("POST", "CreateZone"), ("PUT", "ModifyZone")])
def test_an_unknown_field_is_refused_at_any_depth(lab: Lab, verb: str, model: str) -> None:
    """Beside each field that is known one that is not is 400 and named with its place."""
    whole = lab.get("/openapi.json")
    places = {place[:-1] for place in fields({"$ref": f"#/{model}"}, whole)}
    assert len(places) >= 5
    for place in places:
        body = {"name": "hostile", "brand": "bhyve"} if verb == "POST" else {"ram": "1G"}
        path = "/zones" if verb == "POST" else "/zones/web"
        answer = sent(lab, verb, path, put(body, (*place, "sizze"), "1"))
        assert answer.status == 400, (place, answer)
        assert "sizze" in str(answer.body), (place, answer)


@given(name=texts)
@some
def test_a_path_that_names_no_zone_changes_nothing(lab: Lab, name: str) -> None:
    """Every verb on a made-up name is 400 or 404, never more."""
    path = f"/zones/{quote(name, safe='', errors='surrogatepass')}"
    for verb, tail in (("GET", ""), ("DELETE", "?cleanup_datasets=true"), ("POST", "/halt"), ("DELETE", "/force")):
        answer = lab.ask(verb, path + tail)
        assert answer.status in {400, 404, 405}, (path, verb, answer)


@pytest.mark.parametrize("value", ["\ud800", "a\udfffb", ["\ud83d"], {"\udc00": 1}])
def test_half_a_character_is_no_json(lab: Lab, value: Any) -> None:
    """A lone surrogate, which no file and no database holds, is refused wherever it stands."""
    answer = sent(lab, "PUT", "/zones/web", {"notes": value})
    assert answer.status == 400
    assert "surrogate" in answer.body["error"]


def test_ten_megabytes_are_refused_and_the_next_request_is_answered(lab: Lab) -> None:
    """A body beyond the limit is 413; notes beyond theirs are 400 and named; the agent goes on."""
    answer = lab.ask("PUT", "/zones/web", raw=b'{"notes": "' + b"x" * (10 << 20) + b'"}')
    assert answer.status == 413, answer
    answer = sent(lab, "PUT", "/zones/web", {"notes": "x" * 65537})
    assert blames(answer, "notes"), answer
    assert lab.get("/health")["status"] == "ok"


@pytest.fixture(scope="module", autouse=True)
def unharmed(lab: Lab) -> Iterator[None]:
    """After all of it the neighbours are as they were, and nothing is under way or left behind."""

    def neighbours() -> dict[str, str]:
        return {key: text for key, text in picture(lab.world).items() if "web" not in key and "/iso" not in key}

    before = neighbours()
    yield
    lab.settled()
    after = neighbours()
    assert before == after, told(before, after)
    assert disagreements(lab) == []
