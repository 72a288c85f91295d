"""Rights profiles and pfexec(1), services and svcs(1): every statement of sections 9 and 10."""

from __future__ import annotations

from tests.labhost.conformance.statements import Section, Statement, proved, tried, untried

RIGHTS = "exec_attr(5), pfexec(1); illumos usr/src/lib/libsecdb/{exec_attr.txt,prof_attr.txt,auth_attr.txt}"
SMF = "smf(7), svcs(1), svcadm(8), svccfg(8); illumos usr/src/cmd/svc; omnios-build build/*/files/*.xml"
PROFILES = {
    "zoneadm": ("Zone Management", "zoneadm -z z{n} verify"),
    "zonecfg": ("Zone Security", "zonecfg -z z{n} set pool=a"),
    "zfs": ("ZFS File System Management", "zfs create rpool/d{n}"),
    "zpool": ("ZFS Storage Management", "zpool create p{n} /var/tmp/disk"),
    "dladm": ("Network Management", "dladm create-etherstub stub{n}"),
    "ipadm": ("Network Management", "ipadm set-ifprop -p forwarding=on -m ipv4 igb0"),
    "routeadm": ("Network Management", "routeadm -u"),
}


def profile(command: str, name: str, line: str) -> Statement:
    """State that a command is run as root under one profile, and says itself what is missing under another."""
    return tried(f"{command} is in {name}", f"""
$ installed z{{n}}
$ disk /var/tmp/disk
$ profiles 1000 'Maintenance'
$ pfexec {line}
> …
! …
= 1
$ profiles 1000 '{name}'
$ pfexec {line}
$ profiles
""")  # fmt: skip


SECTIONS = (
    Section("9", "privileges", f"{RIGHTS}; illumos usr/src/cmd/pfexec", (
        *(profile(command, name, line) for command, (name, line) in PROFILES.items()),
        tried("zlogin is in Zone Management", """
$ installed z{n}
$ profiles 1000 'Maintenance'
$ pfexec zlogin -C z{n}
! zlogin: You lack sufficient privilege to run this command (all privs required)
= 1
$ profiles 1000 'Zone Management'
$ pfexec zlogin -C z{n}
! zlogin: failed to get user terminal settings: …
! …
= 1
$ profiles
"""),
        tried("Zone Management is not enough for zonecfg", """
$ configured z{n}
$ profiles 1000 'Zone Management'
$ pfexec zonecfg -z z{n} set pool=a
! z{n}: cannot set in read-only mode.
= 1
$ profiles
"""),
        tried("Primary Administrator is enough for everything", """
$ installed z{n}
$ profiles 1000 'Primary Administrator'
$ pfexec zonecfg -z z{n} set pool=a
$ pfexec zoneadm -z z{n} boot
$ pfexec bhyvectl --vm=z{n} --force-reset
$ profiles
"""),
        tried("bhyvectl is in no other profile", """
$ booted z{n}
$ profiles 1000 'Zone Management' 'Zone Security'
$ pfexec bhyvectl --vm=z{n} --force-poweroff
! vm_open: z{n}: Permission denied
= 1
$ profiles
$ state z{n}
> running
"""),
        tried("without a profile the command is run, and complains itself", """
$ installed z{n}
$ profiles 1000 'Maintenance'
$ pfexec zoneadm -z z{n} boot
! zoneadm: zone 'z{n}': only a privileged user may boot a zone.
= 1
$ profiles
"""),
        tried("a command that is not there", """
$ pfexec /none/{n}
! pfexec: unable to execute /none/{n}: No such file or directory
= 1
"""),
        tried("the authorisation is that of the real user", """
$ installed z{n}
$ unauthorised me z{n}
$ zoneadm -z z{n} boot
! zoneadm: zone 'z{n}': User me is not authorized to boot this zone.
= 1
$ unauthorised
"""),
        tried("services are changed by authorisation", """
$ world euid=1000
$ svcadm enable ipv4-forwarding
! svcadm: ipv4-forwarding: Permission denied.
= 1
$ svcs -H -o fmri ipv4-forwarding
> svc:/network/ipv4-forwarding:default
$ world euid=
"""),
        untried("dd, cp and mkisofs are in no profile", "they are this machine's, and run with its caller's rights"),
    )),
    Section("10", "services", SMF, (
        tried("columns are asked for, and padded", """
$ svcs -H -o STATE,FMRI ssh
> online         svc:/network/ssh:default
"""),
        tried("a pattern that fits nothing is an error, of svcs and svcadm in the same words", """
$ svcs -H -o STATE,FMRI none{n}
! svcs: Pattern 'none{n}' doesn't match any instances
= 1
$ svcadm enable none{n}
! svcadm: Pattern 'none{n}' doesn't match any instances
= 1
"""),
        proved("enable is asynchronous, -s waits, and a change in progress has an asterisk",
               "smf/test_services: enabling_is_asynchronous_without_s"),
        tried("a manifest is imported by hand, and its instance is disabled until it is enabled", """
$ put /lib/svc/manifest/application/a{n}.xml "<?xml version='1.0'?>"
  "<!DOCTYPE service_bundle SYSTEM '/usr/share/lib/xml/dtd/service_bundle.dtd.1'>"
  "<service_bundle type='manifest' name='a{n}'><service name='application/a{n}' type='service' version='1'>"
  "<create_default_instance enabled='false'/></service></service_bundle>"
$ svccfg import /lib/svc/manifest/application/a{n}.xml
$ svcs -H -o state a{n}
> disabled
$ svcadm enable -s a{n}
$ svcs -H -o state a{n}
> online
$ svcadm disable -s a{n}
$ svcs -H -o state a{n}
> disabled
"""),
        proved("exit 96 of a method ends in maintenance, which is cleared",
               "smf/test_services: a_missing_configuration_ends_in_maintenance clearing_what_is_well_is_an_error"),
        untried("contracts, the child model, restarts and the environment of methods",
                "a lab host runs no methods of its own but those of the services it emulates"),
    )),
)  # fmt: skip
