"""The plan is the execution: what `?dry_run=true` shows is what is said to the host, word for word."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest
from tests.lab.agents import Lab
from tests.lab.counting import count
from tests.lab.judging import asks, journal, picture, shape, told

pytestmark = pytest.mark.slow

REQUESTS = int(os.environ.get("PLAN_REQUESTS", "1000"))
EVERY = int(os.environ.get("PLAN_EVERY", "4"))
"""Of the creations, modifications and deletions each one in so many is carried out after it was planned."""

SEED = int(os.environ.get("PLAN_SEED", "7"))
ATTRIBUTES: dict[str, Sequence[Any]] = {
    "ram": ["1G", "512M", 2048],
    "vcpus": ["1", 2, "4,sockets=1,cores=2,threads=2"],
    "bootrom": ["BHYVE_RELEASE_CSM", "BHYVE_RELEASE", "BHYVE"],
    "hostbridge": ["i440fx", "q35", "none"],
    "diskif": ["virtio", "nvme", "ahci"],
    "netif": ["virtio", "e1000"],
    "os_type": ["generic", "windows", "openbsd"],
    "vnc": ["on", "off", True, "unix=/tmp/vm.vnc,wait"],
    "acpi": ["on", "off", False],
    "xhci": ["on", "off"],
    "rng": ["on", True],
    "cpu": ["host"],
    "autoboot": [True, False],
    "extra": ["-S -u", "-o a=b # not a comment"],
}
SIZES = ["64M", "1G", "1.5T", 10_000_000, "30G"]
STATEMENTS = ["a", "b c", "d;e", "#f", "$(g)", "h'i", "ü"]


@dataclass
class Wish:
    """One request."""

    method: str
    path: str
    body: dict[str, Any] | None
    carried_out: bool = False


class Wishes:
    """Requests made up from a seed: every option of the API, alone and in company."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.number = 0

    def one_of(self, values: Sequence[Any]) -> Any:
        return self.chance.choice(values)

    def attributes(self, most: int) -> dict[str, Any]:
        names = self.chance.sample(sorted(ATTRIBUTES), self.chance.randint(0, most))
        return {name: self.one_of(ATTRIBUTES[name]) for name in names}

    def disk(self, name: str | None = None) -> dict[str, Any]:
        disk: dict[str, Any] = {}
        if self.chance.random() < 0.8:
            disk["size"] = self.one_of(SIZES)
        if self.chance.random() < 0.3:
            disk["sparse"] = self.chance.random() < 0.5 or disk.get("size") not in SIZES[:2]
        if name is not None and self.chance.random() < 0.5:
            disk["volume_name"] = name
        return disk

    def nic(self) -> dict[str, Any]:
        self.number += 1
        nic: dict[str, Any] = {"physical": f"plan{self.number}"}
        if self.chance.random() < 0.8:
            nic["global_nic"] = "igb0"
            if self.chance.random() < 0.3:
                nic["vlan_id"] = self.chance.randint(1, 4094)
            if self.chance.random() < 0.3:
                nic["mac_addr"] = f"2:8:20:{self.chance.randint(0, 255):x}:{self.chance.randint(0, 255):x}:1"
        if self.chance.random() < 0.2:
            nic["allowed_address"] = f"10.0.{self.number // 250}.{self.number % 250 + 1}/16"
        return nic

    def create(self, name: str) -> Wish:
        body: dict[str, Any] = {"name": name, "brand": "bhyve", **self.attributes(6)}
        kind = self.one_of(["none", "new", "new", "clone", "copy", "existing", "deep"])
        if kind in {"new", "deep"}:
            body["boot_volume"] = self.disk("boot")
        if kind == "deep":
            body["boot_volume"]["dataset"] = self.one_of(["deep/er", "zones/inner", "elsewhere"])
        if kind in {"clone", "copy"}:
            body["source"] = {
                "type": "template",
                "template_dataset": "rpool/templates/omnios-base",
                "clone_strategy": kind,
            }
            body["boot_volume"] = self.one_of([{}, {"size": "20G"}, {"size": "30G"}, {"volume_name": "sys"}])
        if kind == "existing":
            body["boot_volume"] = {"existing_dataset": "rpool/vms/old-server/root"}
            body["force"] = True  # another of these zones may have it
        if self.chance.random() < 0.4:
            body["additional_disks"] = [self.disk(f"data{n}") for n in range(self.chance.randint(1, 3))]
        if self.chance.random() < 0.4:
            body["nics"] = [self.nic() for _ in range(self.chance.randint(1, 3))]
        if self.chance.random() < 0.3:
            body["cdroms"] = [{"path": path} for path in self.chance.sample(["/iso/install.iso", "/iso/third.iso"], 2)]
        if self.chance.random() < 0.2:
            body["cloud_init"] = {
                "enabled": "on",
                "password": f"secret {self.one_of(STATEMENTS)}",
                "dns_domain": "example.com",
            }
        if self.chance.random() < 0.2:
            body["notes"] = self.one_of(STATEMENTS)
        return Wish("POST", "/zones", body)

    def modify(self, name: str) -> Wish:
        body = self.attributes(4)
        self.number += 1
        if self.chance.random() < 0.4:
            body["add_disks"] = [self.disk(f"more{self.number}")]
        if self.chance.random() < 0.4:
            body["add_nics"] = [self.nic()]
        if self.chance.random() < 0.2:
            body["cloud_init"] = {"dns_domain": f"{self.number}.example.com"}
        if not body or set(body) <= {"notes"}:
            body["ram"] = f"{1024 + self.number}M"
        return Wish("PUT", f"/zones/{name}", body)

    def delete(self, name: str) -> Wish:
        return Wish(
            "DELETE", f"/zones/{name}{self.one_of(['', '?cleanup_datasets=true', '?cleanup_datasets=true'])}", None
        )


def test_the_plan_is_what_is_said_to_the_host(lab_of: Any) -> None:
    """Of a thousand requests each has a plan that changes nothing, and those carried out say exactly what it says."""
    lab: Lab = lab_of("empty")
    wishes = Wishes(SEED)
    planned = carried_out = 0
    for wish in plan_of_work(wishes, REQUESTS):
        before = len(journal(lab.world))
        plan = planned_commands(lab, wish)
        planned += 1
        said_by_plan = [entry["argv"] for entry in journal(lab.world)[before:]]
        assert not changing(said_by_plan), (wish, said_by_plan)
        if not wish.carried_out:
            continue
        begin = len(journal(lab.world))
        row = lab.do(wish.method, wish.path, wish.body)
        assert row.get("status") == "completed", (wish, row)
        carried_out += 1
        said = changing([entry["argv"] for entry in journal(lab.world)[begin:]])
        assert in_order(said) == plan, f"{wish}\nplanned {plan}\nsaid    {said}"
    count("plans: asked for", str(planned))
    count("plans: carried out", str(carried_out))
    assert planned >= REQUESTS
    assert carried_out >= REQUESTS * 0.15


def plan_of_work(wishes: Wishes, wanted: int) -> Iterator[Wish]:
    """Wishes to plan, and between them lives of zones that are carried out: made, changed, deleted."""
    made = 0
    while made < wanted:
        life = f"life{made}"
        yield real(wishes.create(life))
        for _ in range(2):
            yield wishes.create(f"only{made}")
            yield wishes.modify(life)
            made += 2
        yield real(wishes.modify(life))
        yield wishes.delete(life)
        end = real(wishes.delete(life))
        yield end
        yield wishes.create(f"after{made}")
        yield wishes.create(f"more{made}")
        made += 5
        for _ in range(EVERY):
            yield wishes.create(f"again{made}")
            made += 1


def real(wish: Wish) -> Wish:
    """Mark a wish as one to be carried out."""
    return replace(wish, carried_out=True)


def planned_commands(lab: Lab, wish: Wish) -> list[list[str]]:
    """The commands of a plan; a plan queues nothing."""
    mark = "&" if "?" in wish.path else "?"
    answer = lab.ask(wish.method, f"{wish.path}{mark}dry_run=true", wish.body)
    assert answer.status == 200, (wish, answer)
    assert answer.body["dry_run"] is True
    assert "secret" not in str(answer.body)
    return [argv for step in answer.body["plan"] for argv in step["commands"]]


def changing(commands: Sequence[list[str]]) -> list[list[str]]:
    """The commands that change something, without what each run has of its own."""
    return [shape(argv) for argv in commands if not asks(argv)]


def in_order(commands: list[list[str]]) -> list[list[str]]:
    """The two ends of a pipe begin as they like; the one that sends is told first."""
    ordered = list(commands)
    for at in range(len(ordered) - 1):
        if ordered[at][1] in {"recv", "receive"} and ordered[at + 1][1] == "send":
            ordered[at : at + 2] = [ordered[at + 1], ordered[at]]
    return ordered


def test_a_plan_changes_nothing(lab: Lab) -> None:
    """After a plan the host, the queue and the audit trail are as before."""
    before, rows = picture(lab.world), lab.look("SELECT count(*) FROM tasks")
    answer = lab.post("/zones?dry_run=true", {"name": "web", "brand": "bhyve", "boot_volume": {"size": "1G"}})
    assert answer.status == 200
    assert picture(lab.world) == before, told(before, picture(lab.world))
    assert lab.look("SELECT count(*) FROM tasks") == rows
    assert [row["name"] for row in lab.get("/zones")["zones"]] == ["other"]
