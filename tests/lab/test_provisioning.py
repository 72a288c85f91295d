"""From a bare zone to a configured server: the whole pipeline, through a real SSH server that stands for the guest."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncssh
import pytest
from tests.guest.ssh_guest import SshGuest
from tests.lab import worlds
from tests.lab.agents import TERMINAL, Lab, wait_for
from tests.lab.test_configuration import archive, uploaded
from tests.lab.zygote import Zygote

from labhost.world import World

pytestmark = pytest.mark.slow

STAGES = ("extract", "boot", "setup", "wait_ssh", "sync", "provision")
OPERATIONS = ("zfs_create_dataset", "zone_start", "zone_setup", "zone_wait_ssh", "zone_sync", "zone_provision")
PASSWORD = "STARTcloud24@!"
SECRET = "s3cret-of-the-script"
GIB = 1 << 30


@contextmanager
def answering(guest: SshGuest) -> Iterator[SshGuest]:
    """Let a guest's SSH answer from a thread for the length of the block."""
    loop = asyncio.new_event_loop()
    ready, over = threading.Event(), asyncio.Event()

    async def serve() -> None:
        async with guest.up():
            ready.set()
            await over.wait()
            guest.cut()

    def run() -> None:
        asyncio.set_event_loop(loop)
        loop.run_until_complete(serve())
        for task in asyncio.all_tasks(loop):
            task.cancel()
            with suppress(asyncio.CancelledError, asyncssh.Error, OSError):
                loop.run_until_complete(task)
        loop.close()

    thread = threading.Thread(target=run)
    thread.start()
    assert ready.wait(10), "the guest's SSH does not answer"
    try:
        yield guest
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(20)


@dataclass
class Site:
    """A lab with scripted guests, a guest's SSH, and a folder that is the guest's disk as far as files go."""

    lab: Lab
    guest: SshGuest
    disk: Path
    log: Path = field(init=False)

    def __post_init__(self) -> None:
        self.log = self.disk / "log"

    def zone(self, name: str, **more: Any) -> None:
        """Make a zone with a disk and a network card."""
        body = {"name": name, "brand": "bhyve", "boot_volume": {"size": "1G"}, **more}
        body.setdefault("nics", [{"physical": f"{name}0", "global_nic": "igb0"}])
        self.lab.do("POST", "/zones", body)

    def files(self) -> dict[str, bytes]:
        """What the artifact holds."""
        return {
            "site/one.sh": f'echo "one $WHO $API_TOKEN"; echo one >>{self.log}\n'.encode(),
            "site/two.sh": f"echo two >>{self.log}\n".encode(),
            "site/fails.sh": b"echo it breaks; exit 3\n",
            "site/slow.sh": f"echo began >>{self.log}; exec sleep 300\n".encode(),
        }

    def configuration(self, *scripts: str, **more: Any) -> dict[str, Any]:
        """A configuration that runs these scripts of the artifact."""
        return {
            "recipe_id": "debian-netplan",
            "mode": "shell",
            "artifact_id": uploaded(self.lab, archive(**self.files())),
            "credentials": {"username": "startcloud", "password": PASSWORD},
            "ip": "127.0.0.1",
            "ssh_port": self.guest.port,
            "sync_folders": [{"source": "site", "dest": str(self.disk / "vagrant")}],
            "provisioners": [
                {
                    "type": "shell",
                    "scripts": [str(self.disk / "vagrant" / script)],
                    "env": {"WHO": "me", "API_TOKEN": SECRET},
                }
                for script in scripts
            ],
            "variables": {"prefix": 24, "gateway": "10.190.190.1", "dns": "8.8.8.8"},
            **more,
        }

    def configured(self, name: str, *scripts: str, **more: Any) -> None:
        """Make a zone, and say how it is to be provisioned."""
        self.zone(name)
        answer = self.lab.ask("PUT", f"/zones/{name}", {"provisioning": self.configuration(*scripts, **more)})
        assert answer.status == 200, answer

    def begin(self, name: str, query: str = "", body: Any = None) -> Mapping[str, Any]:
        """Ask for the pipeline; it must be accepted."""
        answer = self.lab.post(f"/zones/{name}/provision{query}", body)
        assert answer.status == 202, answer
        assert answer.headers["location"] == f"/tasks/{answer.body['task_id']}"
        return dict(answer.body)

    def provision(self, name: str, query: str = "", body: Any = None) -> Mapping[str, Any]:
        """Run the pipeline to its end and return its status."""
        begun = self.begin(name, query, body)
        self.lab.wait(begun["task_id"], seconds=60)
        return self.status(name)

    def status(self, name: str) -> Mapping[str, Any]:
        """How far it is."""
        return dict(self.lab.get(f"/zones/{name}/provision/status"))

    def logged(self) -> list[str]:
        """What the scripts wrote on the guest's disk."""
        return self.log.read_text().split() if self.log.exists() else []

    def output(self, name: str, stage: str) -> str:
        """What a stage of the last pipeline said."""
        task = next(row for row in self.status(name)["tasks"] if row["metadata"]["stage"] == stage)
        return self.lab.output(task["id"])

    def host(self, *argv: str) -> str:
        """Say something to the host by hand."""
        return worlds.say(self.lab.world, *argv)

    def snapshots(self, name: str) -> list[str]:
        """The zone's snapshots."""
        listed = self.host("zfs", "list", "-H", "-o", "name", "-t", "snapshot", "-r", f"rpool/zones/{name}")
        return sorted(line.removeprefix(f"rpool/zones/{name}/") for line in listed.splitlines())

    def tree(self, name: str) -> Path:
        """Where the zone's artifact is unpacked."""
        return Path(self.lab.world.host(f"/rpool/zones/{name}/provisioning"))


@pytest.fixture
def site(zygote: Zygote, tmp_path: Path) -> Iterator[Site]:
    """A new lab host whose zones speak on their consoles, with an agent that has rsync."""
    place = worlds.place()
    world = World.create(str(place / "world"), **{**worlds.FAST, "time_scale": 0.005}, guest="scripted")
    flags = {
        "provisioning.ssh.timeout_seconds": 20,
        "provisioning.ssh.poll_interval_seconds": 0.2,
    }
    lab = Lab(zygote, world, place / "home", flags=flags).start()
    lab.new_key()
    lab.settled()
    disk = tmp_path / "disk"
    disk.mkdir()
    try:
        with answering(SshGuest(password=PASSWORD)) as guest:
            yield Site(lab, guest, disk)
    finally:
        lab.discard()


def test_a_bare_zone_becomes_a_server(site: Site) -> None:
    """All six stages, answered and shown as the document has it; snapshots before and after; nobody tells a secret."""
    site.configured("web", "one.sh", "two.sh")
    worlds.write(site.lab.world, "rpool/zones/web/root", "a bare system")
    begun = site.begin("web", "?from=extract", {"skip_recipe": True})
    ids = begun["pipeline_tasks"]
    assert list(ids) == list(STAGES)
    assert {name: value for name, value in begun.items() if name not in {"task_id", "pipeline_tasks"}} == {
        "success": True,
        "zone_name": "web",
        "operation": "zone_provision",
        "status": "pending",
        "message": "Provisioning pipeline started",
    }
    row = site.lab.wait(begun["task_id"], seconds=60)
    status = site.status("web")
    assert row["status"] == "completed", (status, site.lab.seen())
    assert status["progress"] == {**dict.fromkeys(STAGES, "completed"), "setup": "skipped"}
    assert (status["status"], status["current_stage"], status["error"]) == ("completed", None, None)
    assert status["last_provisioned_at"] is not None
    assert status["pipeline_task_id"] == begun["task_id"]
    assert [task["operation"] for task in status["tasks"]] == list(OPERATIONS)
    assert [task["id"] for task in status["tasks"]] == list(ids.values())
    assert all(task["parent_task_id"] == begun["task_id"] for task in status["tasks"])
    assert [task["depends_on"] for task in status["tasks"]] == [None, *list(ids.values())[:-1]]
    assert site.logged() == ["one", "two"]
    assert (site.disk / "vagrant" / "one.sh").read_bytes() == site.files()["site/one.sh"]
    wanted = ["provisioning@post-provision", "provisioning@pre-provision", "root@post-provision", "root@pre-provision"]
    assert site.snapshots("web") == wanted
    said = site.output("web", "provision")
    assert "one me ********" in said
    for page in ("/tasks?limit=100", "/zones/web/provision/status", "/zones/web", "/audit"):
        shown = str(site.lab.get(page))
        assert SECRET not in shown
        assert PASSWORD not in shown
    for path in site.lab.home.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert SECRET.encode() not in content or path.parent.name == "artifacts", path
            assert PASSWORD.encode() not in content, path
    again = site.provision("web")
    assert (again["status"], again["progress"]["boot"], again["progress"]["setup"]) == (
        "completed",
        "skipped",
        "skipped",
    )
    assert "lets startcloud in already" in site.output("web", "setup")
    assert site.snapshots("web") == wanted
    assert site.logged() == ["one", "two"] * 2
    assert again["last_provisioned_at"] > status["last_provisioned_at"]
    site.lab.do("DELETE", "/zones/web?cleanup_datasets=true")
    site.zone("web")
    anew = site.status("web")
    assert (anew["status"], anew["last_provisioned_at"], anew["tasks"]) == ("not_started", None, [])


def test_the_recipe_sets_the_guest_up_when_ssh_does_not_answer(site: Site) -> None:
    """From the boot on, on its console; the transcript is the stage's output."""
    port = _nobodys_port()
    site.configured("web", "one.sh", ssh_port=port)
    begun = site.begin("web")
    setup = site.lab.wait(begun["pipeline_tasks"]["setup"], seconds=60)
    assert setup["status"] == "completed", (setup, site.output("web", "setup"))
    told = lambda: "connection refused" in site.output("web", "wait_ssh") or None  # noqa: E731
    wait_for(told, "why SSH does not answer", 20, site.lab.seen)
    with answering(SshGuest(password=PASSWORD, port=port)):
        assert site.lab.wait(begun["task_id"], seconds=60)["status"] == "completed", site.lab.seen()
    said = site.output("web", "setup")
    assert "60-zoneweaver" in said
    assert PASSWORD not in said
    assert "login:" in said


def _nobodys_port() -> int:
    """Return a port at which nobody answers."""
    with answering(SshGuest(password=PASSWORD)) as other:
        return other.port


@pytest.mark.parametrize("stage", ["setup", "wait_ssh"])
def test_what_waits_for_the_guest_is_cancelled(site: Site, stage: str) -> None:
    """At once: the console is free, the zone runs on, and the pipeline can be begun anew."""
    site.configured("web", "one.sh", ssh_port=_nobodys_port())
    begun = site.begin("web", body={"skip_recipe": stage == "wait_ssh"})
    busy = lambda: site.output("web", stage) or None  # noqa: E731
    wait_for(busy, f"the beginning of {stage}", 30, site.lab.seen)
    left = list(begun["pipeline_tasks"].values())[STAGES.index(stage) :]
    assert site.lab.post("/zones/web/provision/cancel").body["cancelled_tasks"] == left
    assert site.lab.wait(begun["task_id"], seconds=20)["status"] == "cancelled"
    assert site.status("web")["progress"] == {
        **dict.fromkeys(STAGES, "cancelled"),
        "extract": "completed",
        "boot": "completed",
        **({"setup": "skipped"} if stage == "wait_ssh" else {}),
    }
    assert site.lab.ask("GET", "/zones/web/console").status == 409
    assert site.lab.get("/zones/web")["system_status"] == "running"
    again = site.begin("web")
    assert site.lab.post("/zones/web/stop?force=true&cancel_provisioning=true").status == 202
    assert site.lab.wait(again["task_id"], seconds=20)["status"] == "cancelled"
    site.lab.settled()
    assert site.lab.get("/zones/web")["system_status"] == "installed"


def test_a_failure_ends_it_and_the_way_back_is_there(site: Site) -> None:
    """The first provisioner that fails; the rollback takes disk and files back, and the zone runs on."""
    site.configured("web", "one.sh", "fails.sh", "two.sh", recipe_id="cloud-init-wait")
    status = site.provision("web")
    assert (status["status"], status["current_stage"]) == ("failed", "zone_provision")
    assert status["error"].startswith("Provisioner 2 (shell): Script ")
    assert "it breaks" in status["error"]
    assert site.logged() == ["one"]
    told = status["tasks"][-1]["progress_info"]
    assert [entry.get("error") is None for entry in told["provisioners"]] == [True, False]
    assert status["last_provisioned_at"] is None
    assert site.snapshots("web") == ["provisioning@pre-provision", "root@pre-provision"]
    (site.tree("web") / "added").write_text("x")
    worlds.write(site.lab.world, "rpool/zones/web/root", "what the provisioners did")
    plan = site.lab.post("/zones/web/provision/rollback?dry_run=true").body["plan"]
    assert [step["step"] for step in plan] == [
        "halt",
        "dataset rpool/zones/web/provisioning",
        "dataset rpool/zones/web/root",
        "boot",
    ]
    row = site.lab.do("POST", "/zones/web/provision/rollback")
    assert row["operation"] == "zone_provision_rollback"
    assert not (site.tree("web") / "added").exists()
    volume = Path(site.lab.world.host("/dev/zvol/rdsk/rpool/zones/web/root"))
    assert b"what the provisioners did" not in volume.read_bytes()[:16384]
    assert site.lab.get("/zones/web")["system_status"] == "running"
    worlds.write(site.lab.world, "rpool/zones/web/root", "what stays")
    site.lab.do("POST", "/zones/web/provision/rollback", {"include_disks": False})
    assert b"what stays" in volume.read_bytes()[:16384]


def test_it_is_cancelled_wherever_it_is(site: Site) -> None:
    """What runs in the guest is stopped, the rest ends, and while it goes on nothing else is done to the zone."""
    site.configured("web", "slow.sh", "two.sh")
    assert site.lab.post("/zones/web/provision/cancel").body["cancelled_tasks"] == []
    begun = site.begin("web", body={"skip_recipe": True})
    second = site.lab.post("/zones/web/provision")
    assert (second.status, second.body["code"]) == (409, "provisioning")
    wait_for(lambda: site.logged() or None, "the script's beginning", 30, site.lab.seen)
    for method, path, body in (
        ("POST", "/zones/web/stop", None),
        ("POST", "/zones/web/halt", None),
        ("POST", "/zones/web/restart", None),
        ("PUT", "/zones/web", {"ram": "2G"}),
        ("DELETE", "/zones/web", None),
        ("POST", "/zones/web/provision/rollback", None),
    ):
        answer = site.lab.ask(method, path, body)
        assert (answer.status, answer.body["code"]) == (409, "provisioning"), (path, answer)
        assert answer.body["details"] == {"pipeline_task_id": begun["task_id"]}
    assert site.status("web")["current_stage"] == "zone_provision"
    answer = site.lab.post("/zones/web/provision/cancel")
    assert (answer.status, answer.body["cancelled_tasks"]) == (200, [begun["pipeline_tasks"]["provision"]])
    row = site.lab.wait(begun["task_id"])
    assert row["status"] == "cancelled"
    status = site.status("web")
    assert (status["status"], status["progress"]["provision"]) == ("cancelled", "cancelled")
    wait_for(lambda: _sleeping() or None, "the end of the script", 20, site.lab.seen)
    assert site.logged() == ["began"]
    retried = site.begin("web", "?from=provision")
    wait_for(lambda: len(site.logged()) == 2 or None, "the script's second beginning", 30, site.lab.seen)
    answer = site.lab.ask("DELETE", "/zones/web?cleanup_datasets=true&cancel_provisioning=true")
    assert answer.status == 202, answer
    assert site.lab.wait(answer.body["task_id"], seconds=40)["status"] == "completed", site.lab.seen()
    assert site.lab.task(retried["task_id"])["status"] == "cancelled"
    assert "rpool/zones/web" not in site.host("zfs", "list", "-H", "-o", "name").split()
    assert site.lab.ask("GET", "/zones/web/provision/status").status == 404


def _sleeping() -> bool:
    """Whether no process of this machine sleeps for as long as the script does."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            if path.read_bytes() == b"sleep\x00300\x00":
                return False
    return True


def test_a_plan_says_what_each_stage_would_do(site: Site) -> None:
    """Nothing is queued, nothing is made, and no password is in it; the same by body and by query."""
    site.configured("web", "one.sh")
    before = site.lab.get("/tasks")["total"]
    answer = site.lab.post("/zones/web/provision?dry_run=true")
    assert answer.status == 200, answer
    plan = answer.body["plan"]
    assert list(dict.fromkeys(step["stage"] for step in plan)) == list(STAGES)
    assert ["zoneadm", "-z", "web", "boot"] in [argv for step in plan for argv in step["commands"]]
    assert PASSWORD not in str(plan)
    assert SECRET not in str(plan)
    assert site.lab.post("/zones/web/provision", {"dry_run": True}).body == answer.body
    assert site.lab.get("/tasks")["total"] == before
    assert not site.tree("web").exists()


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"credentials": {}}, 400, "invalid"),
        ({"ip": None}, 400, "no_address"),
    ],
)
def test_what_is_missing_is_said_before_anything_begins(
    site: Site, change: Mapping[str, Any], status: int, code: str
) -> None:
    """The user, the address; and first of all a configuration."""
    site.zone("web")
    answer = site.lab.post("/zones/web/provision")
    assert (answer.status, answer.body["code"]) == (400, "not_configured")
    assert site.lab.post("/zones/nonesuch/provision").status == 404
    assert site.status("web")["status"] == "not_started"
    configuration = {**site.configuration("one.sh"), **change}
    kept = {name: value for name, value in configuration.items() if value is not None}
    assert site.lab.ask("PUT", "/zones/web", {"provisioning": kept}).status == 200
    answer = site.lab.post("/zones/web/provision")
    assert (answer.status, answer.body["code"]) == (status, code), answer
    answer = site.lab.post("/zones/web/provision/rollback")
    assert (answer.status, answer.body["code"]) == (404, "no_snapshot")


def test_a_creation_under_way_is_waited_for(site: Site) -> None:
    """Create, configure and provision can be asked for at once; a profile is below the zone's own."""
    configuration = site.configuration("one.sh", recipe_id="linux-ifconfig")
    profile = {"name": "base", "default_provisioners": configuration.pop("provisioners")}
    assert site.lab.post("/provisioning/profiles", profile).status == 201
    body = {
        "name": "web",
        "brand": "bhyve",
        "boot_volume": {"size": "1G"},
        "provisioning": {**configuration, "profile_id": "base"},
        "start_after_create": True,
    }
    created = site.lab.post("/zones", body)
    assert created.status == 202, created
    status = site.provision("web")
    assert status["status"] == "completed", (status, site.lab.seen())
    assert status["progress"]["boot"] == "skipped"
    assert site.logged() == ["one"]


@pytest.mark.parametrize("stage", STAGES)
def test_a_death_in_any_stage_is_carried_on(site: Site, stage: str) -> None:
    """The agent dies while the stage runs; the next one brings the pipeline to its end."""
    site.configured("web", "one.sh", "two.sh", recipe_id="linux-ifconfig")
    begun = site.begin("web", body={"skip_recipe": stage != "setup"})
    task = begun["pipeline_tasks"][stage]
    wait_for(_begun(site.lab, task), f"the beginning of {stage}", 60, site.lab.seen)
    site.lab.kill()
    site.lab.start()
    assert site.lab.wait(begun["task_id"], seconds=60)["status"] == "completed", site.lab.seen()
    assert site.status("web")["status"] == "completed"
    assert set(site.logged()) == {"one", "two"}


def _begun(lab: Lab, task: str) -> Callable[[], bool | None]:
    """Look whether a task runs, or is through already."""

    def look() -> bool | None:
        found = lab.look(f"SELECT status FROM tasks WHERE id = '{task}'")
        return True if found and found[0][0] in {"running", *TERMINAL} else None

    return look
