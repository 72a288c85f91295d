"""zoneadm(8) and the zones service: every statement of section 3."""

from __future__ import annotations

from tests.labhost.conformance.statements import Section, proved, tried, untried

ZONEADM = "zoneadm(8); illumos-omnios usr/src/cmd/zoneadm/{zoneadm.c,zfs.c}"
DAEMON = "illumos-omnios usr/src/cmd/zoneadmd/{zoneadmd.c,vplat.c}"

SECTIONS = (
    Section("3.1", "zoneadm: messages and exit status", f"{ZONEADM}; {DAEMON}", (
        tried("usage is exit code 2", """
$ zoneadm
! …
= 2
$ zoneadm -z z{n} explode
! …
= 2
$ zoneadm boot
! …
= 2
"""),
        tried("there are three styles of messages, all on standard error", """
$ installed z{n}
$ zoneadm -z z{n} install
! zoneadm: zone 'z{n}': is already installed.
= 1
$ zoneadm -z none{n} boot
! zoneadm: none{n}: No such zone configured
= 1
$ zonecfg -z z{n} 'add net; set physical=none{n}; end'
$ zoneadm -z z{n} boot
! zone 'z{n}': failed to add network device: …
! zoneadm: zone 'z{n}': call to zoneadmd failed
= 1
"""),
    )),
    Section("3.2", "zoneadm: list", ZONEADM, (
        tried("eight fields, the id of an inactive zone is a hyphen, the uuid of a configured one empty", """
$ configured z{n}
$ zoneadm -z z{n} list -p
> -:z{n}:configured:/rpool/zones/z{n}::bhyve:excl:…
$ zoneadm -z z{n} install
> A ZFS file system has been created for this zone.
$ zoneadm -z z{n} list -p
> -:z{n}:installed:/rpool/zones/z{n}:…-…-…-…-…:bhyve:excl:…
$ zoneadm -z global list -p
> 0:global:running:/::ipkg:shared:0
"""),
        tried("a colon in the path is escaped", """
$ zonecfg -z z{n} 'create -t bhyve; set zonepath=/rpool/zones/a:{n}'
$ zoneadm -z z{n} list -p
> -:z{n}:configured:/rpool/zones/a\\:{n}::bhyve:excl:…
"""),
        tried("a shared zone is shown as such", """
$ configured z{n} 'set ip-type=shared'
$ zoneadm -z z{n} list -p
> -:z{n}:configured:/rpool/zones/z{n}::bhyve:shared:…
"""),
        tried("-p and -v exclude each other", """
$ zoneadm list -pv
! zoneadm: list -p and -v are mutually exclusive.
= 1
"""),
        tried("with a zone -c, -i and -n are usage", """
$ configured z{n}
$ zoneadm -z z{n} list -c
! usage:\tlist …
= 2
$ zoneadm -z z{n} list -i
! usage:\tlist …
= 2
$ zoneadm -z z{n} list -n
! usage:\tlist …
= 2
"""),
        tried("-v has a header for people", """
$ configured z{n}
$ zoneadm -z z{n} list -v
>   ID NAME             STATUS         PATH                           BRAND    IP   ␠
>    - z{n}…configured     /rpool/zones/z{n}…bhyve    excl ␠
"""),
        tried("a zone that is not there is no zone", """
$ zoneadm -z none{n} list
! zoneadm: none{n}: No such zone configured
= 1
"""),
        proved("no flag shows what runs, -i what is installed, -c all, -n leaves the global zone out",
               "zones/test_zoneadm: the_flags_of_list"),
        proved("active zones come first, ids grow with each boot, a reinstalled zone has another uuid",
               "zones/test_zoneadm: the_list_has_eight_fields_active_zones_first"),
        proved("what cannot be found is ???", "zones/test_zoneadm: the_list_sees_a_changed_configuration"),
        proved("it is quick", "zones/test_zoneadm: listing_a_thousand_zones_is_quick"),
        untried("the list of illumos-gate has seven fields", "the lab host is an OmniOS"),
    )),
    Section("3.3", "zoneadm: states", f"{ZONEADM}; {DAEMON}", (
        proved("each subcommand needs its states, and says so in all others; boot of a running and halt of a halted zone "
               "exit 0", "conformance/test_states: each_command_in_each_state the_global_zone_and_an_unknown_one"),
        tried("shutdown -r boots again under a new id", """
$ booted z{n}
$ zoneadm -z z{n} shutdown -r
$ state z{n}
> running
"""),
        proved("one command at a time: a boot hangs while a halt waits, a second shutdown is refused",
               "zones/test_zoneadm: a_second_command_waits_for_the_first a_second_shutdown_is_refused"),
        tried("only root may do anything but look", """
$ installed z{n}
$ world euid=1000
$ zoneadm -z z{n} boot
! zoneadm: zone 'z{n}': only a privileged user may boot a zone.
= 1
$ zoneadm -z z{n} uninstall -F
! zoneadm: zone 'z{n}': only a privileged user may uninstall a zone.
= 1
$ zoneadm -z z{n} verify
! zoneadm: zone 'z{n}': only a privileged user may verify a zone.
= 1
$ zoneadm -z z{n} list
> z{n}
$ world euid=
"""),
        proved("the authorisation is asked of the person", "zones/test_zoneadm: authorisation_is_asked_of_the_person"),
        tried("attach -F makes a configured zone installed, detach -n shows the manifest", """
$ installed z{n}
$ zoneadm -z z{n} detach -n
> <?xml…
> …
$ zoneadm -z z{n} detach
$ state z{n}
> configured
$ zoneadm -z z{n} attach -F
$ state z{n}
> installed
"""),
        proved("clone takes the zonepath only, from a halted zone; move renames it",
               "zones/test_zoneadm: clone_clones_the_zonepath_and_never_a_disk clone_copies_where_it_cannot_clone "
               "move_renames_the_dataset"),
        tried("a zone is moved onto nothing or an empty folder", """
$ installed z{n}
$ mkdir /rpool/zones/full{n}/x 755
$ zoneadm -z z{n} move /rpool/zones/full{n}
! could not move zone to /rpool/zones/full{n}: directory not empty
= 1
$ mkdir /rpool/zones/empty{n} 755
$ zoneadm -z z{n} move /rpool/zones/empty{n}
$ zoneadm -z z{n} list -p
> -:z{n}:installed:/rpool/zones/empty{n}:…
"""),
        untried("mount, unmount, apply and sysboot", "they are private to upgrades and to the zones service"),
    )),
    Section("3.4", "zoneadm: install", f"{ZONEADM}; pkg5 src/brand/bhyve/createzone", (
        tried("the zonepath becomes a dataset with its properties, 0700, and an almost empty root", """
$ configured z{n}
$ zoneadm -z z{n} install
> A ZFS file system has been created for this zone.
$ zfs get -H -o value,source sharenfs,sharesmb rpool/zones/z{n}
> off\tlocal
> off\tlocal
$ mode /rpool/zones/z{n}
> folder 0700
$ mode /rpool/zones/z{n}/root/dev
> folder 0755
$ mode /rpool/zones/z{n}/root/var/run
> folder 0755
$ mode /rpool/zones/z{n}/root/var/tmp
> folder 0755
$ mode /rpool/zones/z{n}/root/etc/passwd
> file 0644
"""),
        tried("etc/uuid is the index's", """
$ installed z{n} 'add attr; set name=rng; set type=string; set value=on; end'
$ cat /rpool/zones/z{n}/root/etc/uuid
> …-…-…-…-…
"""),
        tried("a dataset that is there is used without a word, and its mode mended aloud", """
$ zfs create -p -s -V 1G rpool/zones/z{n}/disk
$ mkdir /rpool/zones/z{n} 755
$ configured z{n}
$ zoneadm -z z{n} install
! /rpool/zones/z{n} must not be group readable.
! …
! /rpool/zones/z{n}: changing permissions to 0700.
"""),
        tried("others must not write to the folder above", """
$ zfs create rpool/open{n}
$ mkdir /rpool/open{n} 777
$ zonecfg -z z{n} 'create -t bhyve; set zonepath=/rpool/open{n}/z'
$ zoneadm -z z{n} install
! /rpool/open{n} must not be group writable.
! …
! zoneadm: zone z{n} failed to verify
= 1
$ state z{n}
> configured
"""),
        tried("a zonepath has no dots in it; slashes too many are left out", """
$ zonecfg -z z{n} 'create -t bhyve; set zonepath=/rpool/zones/../zones/z{n}'
$ zoneadm -z z{n} install
! zoneadm: /rpool/zones/../zones/z{n}: Resolved path mismatch
! could not verify zonepath /rpool/zones/../zones/z{n} because of the above errors.
! zoneadm: zone z{n} failed to verify
= 1
$ zonecfg -z z{n} 'set zonepath=//rpool/zones//z{n}/; info zonepath'
> zonepath: /rpool/zones/z{n}
$ zoneadm -z z{n} install
> A ZFS file system has been created for this zone.
$ zoneadm -z z{n} move /rpool/zones/./y{n}
! zoneadm: /rpool/zones/./y{n}: Resolved path mismatch
= 1
"""),
        tried("zonepaths do not overlap", """
$ installed z{n}
$ zonecfg -z in{n} 'create -t bhyve; set zonepath=/rpool/zones/z{n}/in'
$ zoneadm -z in{n} install
! …in{n} zonepath (/rpool/zones/z{n}/in) and z{n} zonepath (/rpool/zones/z{n}) overlap.
! …
= 1
"""),
        tried("without a dataset above the brand fails and the zone is incomplete; only uninstall helps", """
$ mkdir /plain{n} 755
$ zonecfg -z z{n} 'create -t bhyve; set zonepath=/plain{n}/z'
$ zoneadm -z z{n} install
! Could not find parent dataset for /plain{n}/z
! Make sure that /plain{n} is a ZFS dataset
! …
= 1
$ state z{n}
> incomplete
$ zoneadm -z z{n} boot
! zoneadm: zone 'z{n}': must be installed before boot.
= 1
$ zoneadm -z z{n} uninstall -F
$ state z{n}
> configured
"""),
        tried("a left-over root makes it fail", """
$ installed z{n}
$ zonecfg -z z{n} delete -F
$ configured z{n}
$ zoneadm -z z{n} install
! Failed to build miniroot
! …
= 1
$ state z{n}
> incomplete
"""),
        tried("the brand takes no options", """
$ configured z{n}
$ zoneadm -z z{n} install -x something
! usage:…
= 2
$ state z{n}
> configured
"""),
        untried("exit codes 253 and 254 of the brand's programs", "the brand's programs are no programs here, and never say so"),
        tried("the disks are neither made nor looked at", """
$ installed z{n} 'add device; set match=/dev/zvol/rdsk/rpool/none; end;
  add attr; set name=bootdisk; set type=string; set value=rpool/none; end'
"""),
    )),
    Section("3.5", "zoneadm: uninstall", f"{ZONEADM}; pkg5 src/brand/bhyve/uninstall", (
        tried("the dataset goes with all below it, and nothing else", """
$ installed z{n}
$ zfs create -s -V 1G rpool/zones/z{n}/disk
$ zfs create -s -V 1G rpool/kept{n}
$ zoneadm -z z{n} uninstall -F
$ zfs list -H -o name rpool/zones/z{n}/disk rpool/kept{n}
> rpool/kept{n}
! cannot open 'rpool/zones/z{n}/disk': dataset does not exist
= 1
$ state z{n}
> configured
"""),
        tried("a clone of a snapshot below leaves the zone incomplete", """
$ installed z{n}
$ zfs create -s -V 1G rpool/zones/z{n}/disk
$ zfs snapshot rpool/zones/z{n}/disk@a
$ zfs clone rpool/zones/z{n}/disk@a rpool/clone{n}
$ zoneadm -z z{n} uninstall -F
! cannot destroy 'rpool/zones/z{n}': filesystem has dependent clones
! use '-R' to destroy the following datasets:
! rpool/clone{n}
! …
= 1
$ state z{n}
> incomplete
"""),
        tried("what is mounted below the root is named, and nothing is taken away", """
$ installed z{n}
$ zfs create -o mountpoint=/rpool/zones/z{n}/root/data rpool/d{n}
$ zoneadm -z z{n} uninstall -F
! …These file systems are mounted on subdirectories of /rpool/zones/z{n}/root.
!   /rpool/zones/z{n}/root/data
= 1
$ state z{n}
> installed
"""),
        tried("afterwards the configuration is deleted", """
$ installed z{n}
$ zoneadm -z z{n} uninstall -F
$ zonecfg -z z{n} delete -F
$ zoneadm -z z{n} list
! zoneadm: z{n}: No such zone configured
= 1
"""),
    )),
    Section("3.6", "zoneadm: boot", f"{ZONEADM}; {DAEMON}", (
        tried("a file that is to be mounted must be there", """
$ put /iso/a{n}.iso x
$ installed z{n} 'add fs; set dir=/iso/a{n}.iso; set special=/iso/a{n}.iso; set type=lofs; add options ro; end'
$ rm /iso/a{n}.iso
$ zoneadm -z z{n} boot
! could not verify fs /iso/a{n}.iso: could not access /iso/a{n}.iso: No such file or directory
! zoneadm: zone z{n} failed to verify
= 1
$ state z{n}
> installed
"""),
        tried("a dataset that is to be delegated must be there", """
$ zfs create rpool/d{n}
$ installed z{n} 'add dataset; set name=rpool/d{n}; end'
$ zfs destroy rpool/d{n}
$ zoneadm -z z{n} boot
! could not verify zfs dataset rpool/d{n}: dataset does not exist
! zoneadm: zone z{n} failed to verify
= 1
"""),
        proved("index and document must agree", "zones/test_zoneadm: the_index_and_the_configuration_must_agree"),
        tried("a link that is not there fails the boot", """
$ installed z{n} 'add net; set physical=web{n}; end'
$ zoneadm -z z{n} boot
! zone 'z{n}': failed to add network device: …
! zoneadm: zone 'z{n}': call to zoneadmd failed
= 1
$ state z{n}
> installed
"""),
        tried("so does one that is plumbed in the global zone", """
$ dladm create-vnic -l igb0 web{n}
$ ipadm create-if web{n}
$ installed z{n} 'add net; set physical=web{n}; end'
$ zoneadm -z z{n} boot
! …WARNING: skipping network interface 'web{n}' which is used in the global zone
! zone 'z{n}': failed to add network device: …
! zoneadm: zone 'z{n}': call to zoneadmd failed
= 1
"""),
        tried("and one that another zone has", """
$ dladm create-vnic -l igb0 web{n}
$ booted other{n} 'add net; set physical=web{n}; end'
$ installed z{n} 'add net; set physical=web{n}; end'
$ zoneadm -z z{n} boot
! …WARNING: unable to add network interface 'web{n}': …
! zone 'z{n}': failed to add network device: …
! zoneadm: zone 'z{n}': call to zoneadmd failed
= 1
$ state other{n}
> running
"""),
        tried("a protection that is set already fails the boot of a zone with an allowed address", """
$ dladm create-vnic -l igb0 web{n}
$ dladm set-linkprop -p protection=mac-nospoof web{n}
$ installed z{n} 'add net; set physical=web{n}; set allowed-address=10.0.0.2/24; end'
$ zoneadm -z z{n} boot
! zone 'z{n}': Protection is already set
! zone 'z{n}': failed to add address: …
! …
! zoneadm: zone 'z{n}': call to zoneadmd failed
= 1
"""),
        tried("so does a list of allowed addresses", """
$ dladm create-vnic -l igb0 web{n}
$ dladm set-linkprop -p allowed-ips=10.0.0.9 web{n}
$ installed z{n} 'add net; set physical=web{n}; set allowed-address=10.0.0.2/24; end'
$ zoneadm -z z{n} boot
! zone 'z{n}': allowed-ips is already set
! zone 'z{n}': failed to add address: …
! …
! zoneadm: zone 'z{n}': call to zoneadmd failed
= 1
"""),
        tried("the zone sets both while it runs, and takes them back", """
$ dladm create-vnic -l igb0 web{n}
$ booted z{n} 'add net; set physical=web{n}; set allowed-address=10.0.0.2/24; end'
$ dladm show-linkprop -c -o value -p protection,allowed-ips web{n}
> ip-nospoof
> 10.0.0.2
$ zoneadm -z z{n} halt
$ dladm show-linkprop -c -o value -p protection,allowed-ips web{n}
>␠
>␠
"""),
        tried("exit code 0 only means that the zone started", """
$ installed z{n} 'add attr; set name=ram; set type=string; set value=banana; end'
$ zoneadm -z z{n} boot
$ falls z{n}
"""),
        tried("boot arguments change nothing", """
$ installed z{n}
$ zoneadm -z z{n} boot -- -s -v
$ state z{n}
> running
"""),
        tried("a device that matches nothing is no error of the zone", """
$ booted z{n} 'add device; set match=/dev/zvol/rdsk/rpool/none; end'
$ state z{n}
> running
"""),
    )),
    Section("3.7", "the zones service", "illumos-omnios usr/src/cmd/zoneadm/svc-zones", (
        tried("it is there and online", """
$ svcs -H -o state,fmri svc:/system/zones:default
> online         svc:/system/zones:default
"""),
        untried("it boots what has autoboot, and shuts down when the host does",
                "a lab host has no boot of its own: its zones end with it"),
    )),
)  # fmt: skip
