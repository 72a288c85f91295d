"""The drivers against the lab host's commands, which were written from the manual pages alone."""

import asyncio

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from tests.host.configurations import configurations

from zoneweaver.domain.errors import CommandFailed
from zoneweaver.domain.network import LinkClass
from zoneweaver.domain.sizes import Size
from zoneweaver.domain.zone import ZoneConfig, attr, device
from zoneweaver.domain.zonestate import ZoneState
from zoneweaver.host import bhyvectl, dladm, svcs, zfs, zoneadm, zonecfg, zpool
from zoneweaver.host.run import Host
from zoneweaver.host.zonexml import ConfigFiles

TAGS = zfs.Tags(task="T1", zone="web")


async def refused(host: Host, command: object) -> str:
    with pytest.raises(CommandFailed) as caught:
        await host.run(command)  # type: ignore[arg-type]
    return caught.value.stderr


async def test_datasets_are_made_looked_at_and_destroyed(host: Host) -> None:
    """What is made carries its tags, is found in one survey beside what is missing, and is told apart from others'."""
    await host.run(zfs.create_filesystem("rpool/t", TAGS))
    assert zfs.said_exists(await refused(host, zfs.create_filesystem("rpool/t", TAGS)))
    assert zfs.said_no_parent(await refused(host, zfs.create_filesystem("rpool/no/such", TAGS)))
    await host.run(zfs.create_volume("rpool/t/a", size=Size.parse("1G"), sparse=True, tags=TAGS))
    await host.run(zfs.snapshot("rpool/t/a@x"))
    await host.run(zfs.clone("rpool/t/a@x", "rpool/t/b", zfs.Tags(task="T2", zone="db")))
    await host.run(zfs.copy("rpool/t/a@x", "rpool/t/c"))

    names = ["rpool", "rpool/t", "rpool/t/a", "rpool/t/b", "rpool/t/c", "rpool/t/a@x", "rpool/none", "nopool/x"]
    found = await host.ask(zfs.survey(names))
    assert sorted(found) == sorted(names[:6])
    assert {name for name in found if found[name].owned_by("T1")} == {"rpool/t", "rpool/t/a"}
    assert {name for name in found if found[name].owned_for_zone("db")} == {"rpool/t/b"}
    assert found["rpool/t/c"].below_owned("T1")
    assert (found["rpool/t/b"].origin, found["rpool/t/a@x"].clones) == ("rpool/t/a@x", ("rpool/t/b",))
    assert (found["rpool/t/a"].volsize, found["rpool/t/c"].volsize) == (2**30, 2**30)
    assert (found["rpool/t"].mountpoint, found["rpool/t"].mounted) == ("/rpool/t", True)

    await host.run(zfs.adopt("rpool/t/c", tags=TAGS, volsize=Size.parse("2G")))
    adopted = (await host.ask(zfs.survey(["rpool/t/c"])))["rpool/t/c"]
    assert (adopted.owned_by("T1"), adopted.volsize) == (True, 2 * 2**30)

    below = await host.ask(zfs.survey(["rpool/t"], recursive=True))
    assert list(below) == ["rpool/t", "rpool/t/a", "rpool/t/b", "rpool/t/c"]
    everything = await host.ask(zfs.survey(["rpool/t"], recursive=True, snapshots=True))
    assert {"rpool/t/a@x", "rpool/t/c@x"} == set(everything) - set(below)

    stderr = await refused(host, zfs.destroy("rpool/t"))
    assert {"rpool/t/a", "rpool/t/b", "rpool/t/c"} <= set(zfs.dependents(stderr))
    assert zfs.dependents(await refused(host, zfs.destroy("rpool/t/a@x"))) == ("rpool/t/b",)
    await host.run(zfs.destroy("rpool/t/b"))
    await host.run(zfs.destroy("rpool/t", recursive=True))
    assert zfs.said_missing(await refused(host, zfs.destroy("rpool/t")))


async def test_links_are_made_looked_at_and_deleted(host: Host) -> None:
    """A switch and a card on it come, are found with padded addresses, and go in the right order."""
    await host.run(dladm.create_etherstub("stub7"))
    await host.run(dladm.create_vnic("t0", over="stub7", mac="02:08:20:0a:0b:0c", vid=7))
    assert dladm.said_exists(await refused(host, dladm.create_vnic("t0", over="stub7")))
    vnic = dladm.Vnic(link="t0", over="stub7", mac="02:08:20:0a:0b:0c", vid=7)
    assert vnic in await host.ask(dladm.show_vnics())
    assert await host.ask(dladm.find_vnic("t0")) == vnic
    assert await host.ask(dladm.find_vnic("none0")) is None
    stub = await host.ask(dladm.find_link("stub7"))
    assert stub is not None
    assert stub.kind is LinkClass.ETHERSTUB
    assert await host.ask(dladm.find_link("none0")) is None
    assert {"stub7", "t0"} <= {link.link for link in await host.ask(dladm.show_links())}
    assert dladm.said_busy(await refused(host, dladm.delete_etherstub("stub7")))
    await host.run(dladm.delete_vnic("t0"))
    await host.run(dladm.delete_etherstub("stub7"))
    assert dladm.said_missing(await refused(host, dladm.delete_vnic("t0")))


async def test_pools_and_services_are_looked_at(host: Host) -> None:
    """The lab host has one healthy pool and the zones service."""
    (pool,) = await host.ask(zpool.list_pools())
    assert (pool.name, pool.health) == ("rpool", zpool.Health.ONLINE)
    assert pool.size
    service = await host.ask(svcs.find("svc:/system/zones:default"))
    assert service is not None
    assert service.state is svcs.ServiceState.ONLINE
    assert await host.ask(svcs.find("svc:/no/such:default")) is None


async def test_a_zone_is_configured_installed_and_taken_away(host: Host) -> None:
    """A zone goes up and down its states, and the index, the list and the files say the same."""
    files = ConfigFiles(host)
    root = "rpool/zones/web" if "rpool/zones" in await host.ask(zfs.survey(["rpool/zones"])) else "rpool/web"
    config = ZoneConfig(
        globals=(("brand", "bhyve"), ("zonepath", f"/{root}"), ("ip-type", "exclusive")),
        resources=(attr("ram", "2G"), attr("password", "hunter2 = (x)"), device("/dev/zvol/rdsk/rpool/none")),
    )
    assert await host.ask(zoneadm.find("web")) is None
    await host.run(zonecfg.create("web", config))
    assert zonecfg.refused_create(await refused(host, zonecfg.create("web", config)))
    assert (await host.ask(zonecfg.export("web"))).same_as(config)
    read = files.read("web")
    assert read is not None
    assert read.same_as(config)
    assert files.index()["web"] == (ZoneState.CONFIGURED, f"/{root}", None)

    await host.run(zoneadm.install("web"))
    assert zoneadm.already_installed(await refused(host, zoneadm.install("web")))
    line = await host.ask(zoneadm.find("web"))
    assert line is not None
    assert (line.state, line.zonepath, line.brand) == (ZoneState.INSTALLED, f"/{root}", "bhyve")
    assert line in await host.ask(zoneadm.list_zones())
    assert files.index()["web"] == (ZoneState.INSTALLED, f"/{root}", line.uuid)
    assert zoneadm.already_halted((await host.run(zoneadm.halt("web"))).stderr)
    assert zoneadm.not_running(await refused(host, zoneadm.shutdown("web")))
    assert bhyvectl.no_such_machine(await refused(host, bhyvectl.force_poweroff("web")))

    assert zonecfg.refused_create(await refused(host, zonecfg.create("web", config)))
    completed = await host.run(zonecfg.create("web", ZoneConfig(globals=config.globals)))
    assert completed.exit_status == 0
    assert zonecfg.refused_create(completed.stderr)

    await host.run(zoneadm.uninstall("web"))
    assert zoneadm.already_configured(await refused(host, zoneadm.uninstall("web")))
    await host.run(zonecfg.delete("web"))
    assert await host.ask(zoneadm.find("web")) is None
    assert files.index() == {}
    assert files.read("web") is None
    assert zonecfg.unknown_zone(await refused(host, zonecfg.export("web").command))


@settings(
    max_examples=15,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # shrinking would run thousands of commands
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(before=configurations, after=configurations)
def test_a_difference_said_to_the_host_gives_what_was_meant(host: Host, before: ZoneConfig, after: ZoneConfig) -> None:
    """From any configuration to any other, one run does it, and export and file agree on what is there then."""

    async def follow() -> None:
        files = ConfigFiles(host)
        await host.run(zonecfg.create("diff", before))
        try:
            there = await host.ask(zonecfg.export("diff"))
            assert there.same_as(before)
            command = zonecfg.change("diff", there, after)
            if command is not None:
                await host.run(command)
            exported = await host.ask(zonecfg.export("diff"))
            assert exported.same_as(after)
            read = files.read("diff")
            assert read is not None
            assert read.same_as(exported)
        finally:
            await host.run(zonecfg.delete("diff"))

    asyncio.run(follow())
