"""Words that nobody in his right mind would say: every command of the host answers them in its own words."""

from __future__ import annotations

import shlex

import pytest
from tests.labhost.zones.conftest import Host

# Digits of other scripts, ways out of the host, names of nothing, files that are not there, and far too much.
LINES = """
zfs create -o mountpoint=/../x rpool/m
zfs create rpool/..
zfs create rpool/a/../b
zfs snapshot rpool@
zfs create -V ² rpool/v
zfs create -V 1٣ rpool/v
zfs create -s -V 99999P rpool/v
zfs create -s -b ² -V 1M rpool/v
zfs list -d ² rpool
zfs get -d x all rpool
zfs list -s
zfs set quota=² rpool
zfs destroy rpool/zones@%
zfs destroy rpool/zones@a%b
zfs destroy ''
zfs rollback rpool@none
zfs send rpool
zfs recv
zfs recv rpool/new
zfs rename rpool rpool
zfs clone rpool@none rpool/c
zpool create x /../y
dladm create-vnic -l igb0 -v ² web0
dladm create-vnic -l igb0 web²
dladm create-vnic -l '' web0
dladm create-vlan -l igb0 -v ² v0
dladm create-bridge -p ² b
dladm set-linkprop -p mtu=² igb0
dladm set-linkprop -p = igb0
dladm show-link -p -o ''
dladm show-linkprop -p a=b
dladm delete-vnic ''
ipadm create-addr -T static -a 10.0.0.²/24 igb0/a
ipadm create-addr -T static -a 10.0.0.1/² igb0/a
ipadm create-addr -T static -a '' igb0/a
ipadm create-addr -T static -a 10.0.0.1/24 /
ipadm set-ifprop -p mtu=² -m ipv4 igb0
ipadm show-addr ''
route add 10.0.0.0/² 192.0.2.1
route add '' ''
routeadm -e ''
svcs -o ² x
svcs '['
svcadm enable ''
svcadm enable -s '*none*'
svccfg import /../x
svccfg -s none setprop a=b
ipnat -n -f /../etc/passwd
ipf -n -f /../x
dhcpd -t -cf /../x
zoneadm -u zz list
zoneadm -z ../x boot
zoneadm -z web move /../x
zoneadm -z web move ''
zoneadm -z web clone ''
zoneadm -z web clone web
zoneadm -z web boot -²
zonecfg -z web export -f /nonexistent/x
zonecfg -z web -f /nonexistent
zonecfg -z web create -a /../x
zonecfg -z web set hostid=²
zonecfg -z web 'add net; set vlan-id=²; cancel'
zonecfg -z web 'add capped-cpu; set ncpus=²; cancel'
zonecfg -z web 'add capped-memory; set physical=²G; cancel'
zonecfg -z web 'add dedicated-cpu; set ncpus=²-³; cancel'
zonecfg -z web select
zlogin -e '' web
zlogin ../x
bhyvectl --vm=
bhyvectl --vm=../x --force-poweroff
pfexec ''
"""


@pytest.mark.parametrize("line", LINES.strip().splitlines())
def test_nonsense_is_refused_in_words(shared: Host, line: str) -> None:
    """Something that cannot be is an exit code and a sentence, never a failure of the program itself."""
    if "web" not in shared.ok("zoneadm", "list", "-c").split():
        shared.configure("web")
    said = shared.run(*shlex.split(line))
    assert 0 < said.code < 128, said
    assert said.err + said.out
    assert "Traceback" not in said.err
