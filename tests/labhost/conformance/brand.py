"""OmniOS' bhyve brand, and zlogin(1) with its console: every statement of sections 4 and 5."""

from __future__ import annotations

from tests.labhost.conformance.statements import Section, proved, tried, untried

BRAND = "bhyve(7); pkg5 src/brand/bhyve/{boot.py,bootlib.py,init.c,support,config.xml}"
BHYVE = "bhyve(8); illumos-gate usr/src/cmd/bhyve/common"
ZLOGIN = "zlogin(1); illumos-omnios usr/src/cmd/zlogin/zlogin.c, usr/src/cmd/zoneadmd/zcons.c"


def attrs(**values: str) -> str:
    """Return the commands that add attributes; an underscore stands for a hyphen."""
    return "; ".join(
        f'add attr; set name={name.replace("_", "-")}; set type=string; set value="{value}"; end'
        for name, value in values.items()
    )


def boots(*lines: str, **values: str) -> str:
    """Return the script that boots a zone with attributes and finds lines in its bhyve.cfg."""
    found = "".join(
        f"$ grep '^{key}=' /rpool/zones/z{{n}}/root/etc/bhyve.cfg\n> {key}={value}\n"
        for key, _, value in (line.partition("=") for line in lines)
    )
    return f"$ booted z{{n}} '{attrs(**values)}'\n{found}"


def refused(text: str, **values: str) -> str:
    """Return the script that the boot hook refuses with a line."""
    return (
        f"$ installed z{{n}} '{attrs(**values)}'\n$ zoneadm -z z{{n}} boot\n! {text}\n"
        "! zoneadm: zone 'z{n}': call to zoneadmd failed\n= 1\n$ state z{n}\n> installed\n"
    )


def dies(status: int, text: str, **values: str) -> str:
    """Return the script of a boot that exits with 0, after which bhyve ends with a status and a word in its log."""
    return (
        f"$ installed z{{n}} '{attrs(**values)}'\n$ zoneadm -z z{{n}} boot\n$ falls z{{n}}\n"
        f"$ grep '{text}' /rpool/zones/z{{n}}/root/tmp/init.log\n> …{text}…\n"
        f"$ cat /rpool/zones/z{{n}}/lastexited\n> ….… {status}\n"
    )


SECTIONS = (
    Section("4.1", "the brand: life cycle", BRAND, (
        tried("the parsed settings are in root/etc/bhyve.cfg, behind a head", """
$ booted z{n}
$ grep '^#' /rpool/zones/z{n}/root/etc/bhyve.cfg
> #
> # Generated from zone configuration
> #
$ grep '^name=' /rpool/zones/z{n}/root/etc/bhyve.cfg
> name=z{n}
"""),
        tried("the brand logs into ZONEPATH/log/zone.log", """
$ booted z{n}
$ mode /rpool/zones/z{n}/log/zone.log
> file 0644
"""),
        tried("a fatal line of the hook reaches who called zoneadm", refused(
            "Invalid value perhaps for boolean variable rng", rng="perhaps")),
        tried("memory is looked at only by bhyve", dies(64, "banana", ram="banana")),
        tried("so are the processors", dies(4, "cpu", vcpus="0")),
        tried("init.log is of the last boot alone", """
$ installed z{n} 'add attr; set name=ram; set type=string; set value=banana; end'
$ zoneadm -z z{n} boot
$ falls z{n}
$ zonecfg -z z{n} 'remove attr name=ram'
$ zoneadm -z z{n} boot
$ grep banana /rpool/zones/z{n}/root/tmp/init.log
> no file
"""),
        untried("a bad word of `extra` may look like a good dump", "bhyve's words are not parsed here, and do no harm"),
        untried("init restarts bhyve in place, in its own contract", "contracts do not exist here; the effect is in 4.5"),
    )),
    Section("4.2", "the brand: attributes", BRAND, (
        tried("the defaults of what is not said", """
$ booted z{n} 'add net; set physical=web{n}; set global-nic=igb0; end'
$ grep ^lpc.bootrom= /rpool/zones/z{n}/root/etc/bhyve.cfg
> lpc.bootrom=/usr/share/bhyve/firmware/BHYVE_RELEASE_CSM.fd
$ grep '^(cpus|memory.size)=' /rpool/zones/z{n}/root/etc/bhyve.cfg
> cpus=1
> memory.size=1G
$ grep ^lpc.com1.path= /rpool/zones/z{n}/root/etc/bhyve.cfg
> lpc.com1.path=/dev/zconsole
$ grep ^pci.0.0.0.model= /rpool/zones/z{n}/root/etc/bhyve.cfg
> pci.0.0.0.model=i440fx
$ grep ^pci.0.6.0.device= /rpool/zones/z{n}/root/etc/bhyve.cfg
> pci.0.6.0.device=virtio-net-viona
$ grep 'fbuf|virtio-rnd|ahci-cd|reservoir' /rpool/zones/z{n}/root/etc/bhyve.cfg
"""),
        *(tried(f"a boolean may be {word}", boots("pci.0.10.0.device=virtio-rnd", rng=word))
          for word in ("true", "yes", "on", "1")),
        *(tried(f"a boolean may be {word}", f"""
$ booted z{{n}} '{attrs(rng=word)}'
$ grep virtio-rnd /rpool/zones/z{{n}}/root/etc/bhyve.cfg
""") for word in ("false", "no", "off", "0")),
        tried("acpi is accepted, and has no effect", boots("name=z{n}", acpi="off")),
        tried("a number over the limit is out of range", refused("disk16 slot out of range", disk16="rpool/x")),
        tried("the same of CDs", refused("cdrom8 slot out of range", cdrom8="/x")),
        tried("the same of shares", refused("virtfs8 slot out of range", virtfs8="a,/x")),
        tried("the same of further words", refused("extra16 slot out of range", extra16="-x")),
        tried("leading zeros do not make another number", refused(
            "disk0 appears more than once in configuration", disk0="rpool/x", disk00="rpool/y")),
        tried("there are no more than eight CDs", """
$ put /iso/a{n}.iso x
$ installed z{n} 'add attr; set name=cdrom; set type=string; set value=/x; end;
  add attr; set name=cdrom0; set type=string; set value=/x; end; add attr; set name=cdrom1; set type=string; set value=/x; end;
  add attr; set name=cdrom2; set type=string; set value=/x; end; add attr; set name=cdrom3; set type=string; set value=/x; end;
  add attr; set name=cdrom4; set type=string; set value=/x; end; add attr; set name=cdrom5; set type=string; set value=/x; end;
  add attr; set name=cdrom6; set type=string; set value=/x; end; add attr; set name=cdrom7; set type=string; set value=/x; end'
$ zoneadm -z z{n} boot
! cdrom: no more available slots
! zoneadm: zone 'z{n}': call to zoneadmd failed
= 1
"""),
        tried("a device that is passed through must be the zone's", dies(4, "/dev/ppt0", ppt0="on")),
        tried("a disk without a number takes the lowest that is free", """
$ zfs create -s -V 1G rpool/a{n}
$ zfs create -s -V 1G rpool/b{n}
$ booted z{n} 'add attr; set name=disk; set type=string; set value=rpool/a{n}; end;
  add attr; set name=disk0; set type=string; set value=rpool/b{n}; end;
  add device; set match=/dev/zvol/rdsk/rpool/a{n}; end; add device; set match=/dev/zvol/rdsk/rpool/b{n}; end'
$ grep '^pci.0.5.[01].path' /rpool/zones/z{n}/root/etc/bhyve.cfg
> pci.0.5.0.path=/dev/zvol/rdsk/rpool/b{n}
> pci.0.5.1.path=/dev/zvol/rdsk/rpool/a{n}
"""),
        tried("a disk's options are not part of its path, and an absolute path is taken as it is", """
$ zfs create -s -V 1G rpool/a{n}
$ booted z{n} 'add attr; set name=bootdisk; set type=string; set value="rpool/a{n},serial=X"; end;
  add attr; set name=disk1; set type=string; set value=/dev/zvol/rdsk/rpool/a{n}; end;
  add device; set match=/dev/zvol/rdsk/rpool/a{n}; end'
$ grep '^pci.0.[45].[01].path' /rpool/zones/z{n}/root/etc/bhyve.cfg
> pci.0.4.0.path=/dev/zvol/rdsk/rpool/a{n}
> pci.0.5.1.path=/dev/zvol/rdsk/rpool/a{n}
"""),
        tried("a disk whose device the zone was not given cannot be opened", """
$ zfs create -s -V 1G rpool/a{n}
$ installed z{n} 'add attr; set name=bootdisk; set type=string; set value=rpool/a{n}; end'
$ zoneadm -z z{n} boot
$ falls z{n}
$ grep 'No such file' /rpool/zones/z{n}/root/tmp/init.log
> …
"""),
        tried("a disk that is not there cannot be opened", dies(4, "rpool/none", bootdisk="rpool/none")),
        *(tried(f"diskif {word}", f"""
$ zfs create -s -V 1G rpool/a{{n}}
$ booted z{{n}} '{attrs(diskif=word, bootdisk="rpool/a{n}")}; add device; set match=/dev/zvol/rdsk/rpool/a{{n}}; end'
$ grep ^pci.0.4.0.device /rpool/zones/z{{n}}/root/etc/bhyve.cfg
> pci.0.4.0.device={device}
""") for word, device in (("virtio", "virtio-blk"), ("virtio-blk", "virtio-blk"), ("nvme", "nvme"), ("ahci", "ahci-hd"),
                          ("ahci-hd", "ahci-hd"), ("ahci-cd", "ahci-cd"))),
        tried("bootdiskif and diskifN are for one disk", """
$ zfs create -s -V 1G rpool/a{n}
$ booted z{n} 'add attr; set name=bootdisk; set type=string; set value=rpool/a{n}; end;
  add attr; set name=disk2; set type=string; set value=rpool/a{n}; end;
  add attr; set name=disk3; set type=string; set value=rpool/a{n}; end;
  add attr; set name=bootdiskif; set type=string; set value=nvme; end;
  add attr; set name=diskif2; set type=string; set value=ahci; end;
  add device; set match=/dev/zvol/rdsk/rpool/a{n}; end'
$ grep '^pci.0.[45].*device' /rpool/zones/z{n}/root/etc/bhyve.cfg
> pci.0.4.0.device=nvme
> pci.0.5.2.device=ahci-hd
> pci.0.5.3.device=virtio-blk
"""),
        *(tried(f"netif {word}", f"""
$ booted z{{n}} 'add net; set physical=web{{n}}; set global-nic=igb0; end; {attrs(netif=word)}'
$ grep ^pci.0.6.0.device /rpool/zones/z{{n}}/root/etc/bhyve.cfg
> pci.0.6.0.device={device}
""") for word, device in (("virtio", "virtio-net-viona"), ("virtio-net-viona", "virtio-net-viona"),
                          ("virtio-net", "virtio-net"), ("e1000", "e1000"))),
        tried("a card's own netif is taken as it stands, so that virtio is nothing bhyve knows", """
$ installed z{n} 'add net; set physical=web{n}; set global-nic=igb0; add property (name=netif,value="virtio"); end'
$ zoneadm -z z{n} boot
$ falls z{n}
$ grep virtio /rpool/zones/z{n}/root/tmp/init.log
> …'virtio'…
"""),
        tried("the properties of a card are bhyve's", """
$ booted z{n} 'add net; set physical=web{n}; set global-nic=igb0; add property (name=netif,value="e1000");
  add property (name=mtu,value="9000"); end'
$ grep '^pci.0.6.0.' /rpool/zones/z{n}/root/etc/bhyve.cfg
> pci.0.6.0.device=e1000
> pci.0.6.0.vnic=web{n}
> pci.0.6.0.mtu=9000
"""),
        *(tried(f"bootrom {word}", boots(f"lpc.bootrom=/usr/share/bhyve/firmware/{file}.fd", bootrom=word))
          for word, file in (("BHYVE_RELEASE", "BHYVE_RELEASE"), ("BHYVE_RELEASE_CSM", "BHYVE_RELEASE_CSM"),
                             ("BHYVE_DEBUG", "BHYVE_DEBUG"), ("BHYVE_DEBUG_CSM", "BHYVE_DEBUG_CSM"), ("BHYVE", "BHYVE"),
                             ("BHYVE_CSM", "BHYVE_CSM"), ("BHYVE.fd", "BHYVE"),
                             ("/usr/share/bhyve/firmware/BHYVE", "BHYVE"), ("BHYVE_RELEASE_RAM", "BHYVE_RELEASE"))),
        tried("a firmware that is not there is refused", refused("bootrom NOTHING not found.", bootrom="NOTHING")),
        *(tried(f"hostbridge {word}", boots(f"pci.0.0.0.model={model}", hostbridge=word))
          for word, model in (("i440fx", "i440fx"), ("q35", "q35"), ("amd", "amd"), ("netapp", "netapp"),
                              ("intel", "netapp"), ("none", "none"))),
        *(tried(f"vcpus {words}", boots(f"cpus={number}", vcpus=words))
          for words, number in (("2", 2), ("32", 32), ("4,sockets=2,cores=2", 4), ("cpus=4,sockets=1,cores=2,threads=2", 4),
                                ("sockets=2,cores=3", 6))),
        tried("the product of a topology must be the number", dies(4, "topology", vcpus="2,sockets=2,cores=2")),
        tried("32 processors are the most", dies(4, "32", vcpus="33")),
        *(tried(f"ram {words}", boots(f"memory.size={words}", ram=words)) for words in ("512", "512M", "2G", "1T")),
        tried("memory may be reserved", boots("memory.use_reservoir=true", memreserve="on")),
        tried("an identity may be given", boots("uuid=11111111-2222-3333-4444-555555555555",
                                                uuid="11111111-2222-3333-4444-555555555555")),
        *(tried(f"vnc {words}", boots(f"pci.0.30.0.unix={path}", vnc=words))
          for words, path in (("on", "/tmp/vm.vnc"), ("wait", "/tmp/vm.vnc"), ("unix=/tmp/a.vnc", "/tmp/a.vnc"),
                              ("unix=/tmp/b.vnc,w=800,h=600,wait", "/tmp/b.vnc"))),
        tried("the screen's password is in bhyve.cfg", boots("pci.0.30.0.password=secret", vnc="on,password=secret")),
        tried("vga may be io", boots("pci.0.30.0.vga=io", vnc="on", vga="io")),
        tried("vga is off, on or io", refused("Invalid value perhaps for vga", vga="perhaps")),
        tried("a tablet comes with the screen alone", """
$ booted z{n} 'add attr; set name=vnc; set type=string; set value=on; end'
$ grep xhci /rpool/zones/z{n}/root/etc/bhyve.cfg
> pci.0.30.1.device=xhci
$ booted y{n}
$ grep xhci /rpool/zones/y{n}/root/etc/bhyve.cfg
"""),
        tried("a share is a name and a path", boots("pci.0.11.0.sharename=data", virtfs="data,/export,ro")),
        tried("a CD needs its file in the zone", """
$ put /iso/a{n}.iso x
$ booted z{n} 'add fs; set dir=/iso/a{n}.iso; set special=/iso/a{n}.iso; set type=lofs; add options [ro,nodevices]; end;
  add attr; set name=cdrom0; set type=string; set value=/iso/a{n}.iso; end'
$ grep ^pci.0.3.0 /rpool/zones/z{n}/root/etc/bhyve.cfg
> pci.0.3.0.device=ahci-cd
> pci.0.3.0.path=/iso/a{n}.iso
$ installed y{n} 'add attr; set name=cdrom0; set type=string; set value=/iso/a{n}.iso; end'
$ zoneadm -z y{n} boot
$ falls y{n}
"""),
        tried("UEFI's variables are kept for firmware that is not CSM's", """
$ booted z{n} 'add attr; set name=bootrom; set type=string; set value=BHYVE_RELEASE; end'
$ grep bootvars /rpool/zones/z{n}/root/etc/bhyve.cfg
> lpc.bootvars=/etc/uefivars
$ booted y{n}
$ grep bootvars /rpool/zones/y{n}/root/etc/bhyve.cfg
$ booted x{n} 'add attr; set name=bootrom; set type=string; set value=BHYVE_RELEASE; end;
  add attr; set name=uefivars; set type=string; set value=off; end'
$ grep bootvars /rpool/zones/x{n}/root/etc/bhyve.cfg
"""),
        tried("what the brand does not know changes nothing", """
$ booted z{n} 'add attr; set name=cpu; set type=string; set value=host; end;
  add attr; set name=ip; set type=string; set value=10.0.0.2; end'
$ grep 'host$|10.0.0.2' /rpool/zones/z{n}/root/etc/bhyve.cfg
"""),
        proved("bootnext is for one boot", "zones/test_brand: bootnext_is_for_one_boot"),
        untried("the effects of type=openbsd, priv.debug, debug.persist and comN", "bhyve's own; no guest here asks"),
    )),
    Section("4.3", "the brand: PCI layout", BRAND, (
        tried("LPC is at 31 for Windows", boots("pci.0.31.0.device=lpc", type="windows")),
        tried("LPC is at 1 else", boots("pci.0.1.0.device=lpc", type="generic")),
        tried("disks 0 to 7 are at 5, 8 to 15 at 8", """
$ zfs create -s -V 1G rpool/a{n}
$ booted z{n} 'add attr; set name=disk7; set type=string; set value=rpool/a{n}; end;
  add attr; set name=disk8; set type=string; set value=rpool/a{n}; end;
  add attr; set name=disk15; set type=string; set value=rpool/a{n}; end;
  add device; set match=/dev/zvol/rdsk/rpool/a{n}; end'
$ grep virtio-blk /rpool/zones/z{n}/root/etc/bhyve.cfg
> pci.0.5.7.device=virtio-blk
> pci.0.8.0.device=virtio-blk
> pci.0.8.7.device=virtio-blk
"""),
        tried("cards are at 6 and 12 in the order of the document, so removing one renumbers the others", """
$ installed z{n} 'add net; set physical=a{n}x0; set global-nic=igb0; end; add net; set physical=a{n}x1; set global-nic=igb0;
  end; add net; set physical=a{n}x2; set global-nic=igb0; end'
$ zoneadm -z z{n} boot
$ grep vnic= /rpool/zones/z{n}/root/etc/bhyve.cfg
> pci.0.6.0.vnic=a{n}x0
> pci.0.6.1.vnic=a{n}x1
> pci.0.6.2.vnic=a{n}x2
$ zoneadm -z z{n} halt
$ zonecfg -z z{n} 'remove net physical=a{n}x0'
$ zoneadm -z z{n} boot
$ grep vnic= /rpool/zones/z{n}/root/etc/bhyve.cfg
> pci.0.6.0.vnic=a{n}x1
> pci.0.6.1.vnic=a{n}x2
"""),
        tried("cards from the eighth on are at 12", """
$ installed z{n} 'add net; set physical=b{n}x0; set global-nic=igb0; end; add net; set physical=b{n}x1; set global-nic=igb0;
  end; add net; set physical=b{n}x2; set global-nic=igb0; end; add net; set physical=b{n}x3; set global-nic=igb0; end;
  add net; set physical=b{n}x4; set global-nic=igb0; end; add net; set physical=b{n}x5; set global-nic=igb0; end;
  add net; set physical=b{n}x6; set global-nic=igb0; end; add net; set physical=b{n}x7; set global-nic=igb0; end;
  add net; set physical=b{n}x8; set global-nic=igb0; end'
$ zoneadm -z z{n} boot
$ grep 'vnic=b{n}x[78]' /rpool/zones/z{n}/root/etc/bhyve.cfg
> pci.0.6.7.vnic=b{n}x7
> pci.0.12.0.vnic=b{n}x8
"""),
        tried("a CD moves to 7 for CSM when the boot disk comes first", """
$ put /iso/a{n}.iso x
$ booted z{n} 'add fs; set dir=/iso/a{n}.iso; set special=/iso/a{n}.iso; set type=lofs; add options ro; end;
  add attr; set name=cdrom0; set type=string; set value=/iso/a{n}.iso; end;
  add attr; set name=bootorder; set type=string; set value="bootdisk,cdrom0"; end'
$ grep ahci-cd /rpool/zones/z{n}/root/etc/bhyve.cfg
> pci.0.7.0.device=ahci-cd
"""),
        tried("the cloud-init CD is at 29", boots("pci.0.29.0.device=ahci-cd", cloud_init="on")),
        tried("the screen is at 30, its tablet beside it", boots(
            "pci.0.30.0.device=fbuf", "pci.0.30.1.device=xhci", vnc="on")),
    )),
    Section("4.4", "the brand: the command line", BRAND, (
        tried("bhyve.cfg has key=value lines", """
$ booted z{n} 'add attr; set name=ram; set type=string; set value=2G; end;
  add attr; set name=vcpus; set type=string; set value=2; end'
$ grep '^(name|memory.size|cpus)=' /rpool/zones/z{n}/root/etc/bhyve.cfg
> name=z{n}
> cpus=2
> memory.size=2G
"""),
        untried("the words of bhyve's command line and its dry run", "they are inside the brand; bhyve.cfg is what is left"),
    )),
    Section("4.5", "the brand: ends of a guest", f"{BRAND}; {BHYVE}", (
        tried("a reset keeps the zone and its settings; halt and boot take the new ones", """
$ booted z{n} 'add attr; set name=ram; set type=string; set value=1G; end'
$ zonecfg -z z{n} 'select attr name=ram; set value=2G; end'
$ bhyvectl --vm=z{n} --force-reset
$ state z{n}
> running
$ grep memory.size /rpool/zones/z{n}/root/etc/bhyve.cfg
> memory.size=1G
$ zoneadm -z z{n} reboot
$ grep memory.size /rpool/zones/z{n}/root/etc/bhyve.cfg
> memory.size=2G
"""),
        tried("a power-off leaves an installed zone", """
$ booted z{n}
$ bhyvectl --vm=z{n} --force-poweroff
$ falls z{n}
"""),
        tried("an administrative halt is recorded as -1", """
$ booted z{n}
$ zoneadm -z z{n} halt
$ cat /rpool/zones/z{n}/lastexited
> ….… -1
"""),
        tried("an error of bhyve is recorded with its status", dies(4, "none", bootdisk="rpool/none")),
        untried("a triple fault halts the zone", "the scripted guests have none, and a real one is not to be relied on"),
        proved("a guest's own power-off and reboot",
               "guests/test_personalities: what_a_guest_wrote_outlives_its_boot"),
    )),
    Section("4.6", "the brand: stopping", f"{BRAND}; illumos-omnios usr/src/cmd/zoneadmd/zoneadmd.c", (
        proved("shutdown gives up on a deaf guest, halt waits half an hour, bhyvectl ends it at once",
               "zones/test_brand: a_deaf_guest_holds_up_shutdown_and_halt halt_takes_a_deaf_guest_away_in_the_end"),
        tried("bhyvectl knows running guests only", """
$ installed z{n}
$ bhyvectl --vm=z{n} --force-poweroff
! VM:z{n} is not created.
= 1
"""),
        tried("an NMI does not end it", """
$ booted z{n}
$ bhyvectl --vm=z{n} --inject-nmi
$ state z{n}
> running
"""),
    )),
    Section("4.7", "the brand: networking", "pkg5 src/brand/shared/vnic.ksh, src/brand/bhyve/support", (
        proved("a VNIC on demand is made at boot, written down with its MAC, and deleted at halt",
               "zones/test_brand: a_vnic_on_demand_lives_as_long_as_the_zone vlan_0_is_none_and_a_mac_is_kept"),
        tried("it is persistent", """
$ booted z{n} 'add net; set physical=web{n}; set global-nic=igb0; end'
$ dladm show-vnic -P -p -o link web{n}
> web{n}
"""),
        proved("one that is there is taken as it is", "zones/test_brand: a_vnic_that_is_there_is_taken_as_it_is"),
        tried("auto needs an address", """
$ installed z{n} 'add net; set physical=web{n}; set global-nic=auto; end'
$ zoneadm -z z{n} boot
! Cannot use 'auto' global NIC without allowed-address.
! …
= 1
"""),
        proved("auto follows the routes", "zones/test_brand: global_nic_auto_follows_the_routes"),
        proved("halt deletes as configured then: editing a running zone leaks or loses VNICs",
               "zones/test_brand: a_net_removed_while_running_leaks_its_vnic "
               "a_premade_vnic_is_taken_as_it_is_and_deleted_if_global_nic_is_added"),
        untried("two nets of one VNIC make bhyve attach it twice", "nobody is to do so"),
        untried("the zone's own firewall files", "packets of zones are not filtered on a lab host"),
    )),
    Section("4.8", "the brand: cloud-init", BRAND, (
        proved("meta-data, user-data and network-config are made at each boot for the same instance",
               "zones/test_brand: cloud_init_files_are_made_at_each_boot_for_the_same_instance"),
        proved("a file of user-data is taken whole", "zones/test_brand: a_file_of_user_data_is_taken_whole"),
        proved("no allowed address, no network-config",
               "zones/test_brand: without_an_allowed_address_resolvers_are_not_passed"),
        proved("the serial number tells where the data is", "zones/test_brand: the_serial_number_tells_where_the_data_is"),
        tried("the image lies beside its folder", """
$ booted z{n} 'add attr; set name=cloud-init; set type=string; set value=on; end'
$ mode /rpool/zones/z{n}/root/cloud-init.iso
> file 0644
$ mode /rpool/zones/z{n}/root/cloud-init
> folder 0755
"""),
        tried("any other word counts as on", """
$ booted z{n} 'add attr; set name=cloud-init; set type=string; set value=please; end'
$ mode /rpool/zones/z{n}/root/cloud-init.iso
> file 0644
"""),
        tried("a URL makes no image", """
$ booted z{n} 'add attr; set name=cloud-init; set type=string; set value=http://192.0.2.1/; end'
$ mode /rpool/zones/z{n}/root/cloud-init.iso
> no file
"""),
        tried("a file that is not there is refused", refused("cloud-init file /none not found.", cloud_init="/none")),
    )),
    Section("4.9", "the brand: disks", f"{BRAND}; {BHYVE}", (
        tried("the disk of a running guest is busy, and may grow", """
$ zfs create -s -V 1G rpool/a{n}
$ booted z{n} 'add attr; set name=bootdisk; set type=string; set value=rpool/a{n}; end;
  add device; set match=/dev/zvol/rdsk/rpool/a{n}; end'
$ zfs destroy rpool/a{n}
! cannot destroy 'rpool/a{n}': dataset is busy
= 1
$ zfs set volsize=2G rpool/a{n}
$ zoneadm -z z{n} halt
$ zfs destroy rpool/a{n}
"""),
        untried("rename and rollback of an open volume", "what the real ones do to a guest was never seen"),
    )),
    Section("5", "zlogin, the console and the screen", ZLOGIN, (
        tried("a console needs a terminal", """
$ installed z{n}
$ zlogin -C z{n}
! zlogin: failed to get user terminal settings: …
! zlogin: failed to set stdin pty to raw mode
= 1
"""),
        tried("a configured and an unknown zone have none", """
$ configured z{n}
$ zlogin -C z{n}
! zlogin: cannot login to a zone which is 'configured'
= 1
$ zlogin -C none{n}
! zlogin: zone 'none{n}' unknown
= 1
"""),
        tried("it needs all privileges", """
$ installed z{n}
$ world euid=1000
$ zlogin -C z{n}
! zlogin: You lack sufficient privilege to run this command (all privs required)
= 1
$ world euid=
"""),
        tried("a command does not reach the guest", """
$ installed z{n}
$ zlogin z{n} ls
! zlogin: login allowed only to running zones (z{n} is 'installed').
= 1
$ zoneadm -z z{n} boot
$ zlogin z{n} ls
! …
= 1
"""),
        proved("one client at a time", "guests/test_zlogin: one_client_at_a_time a_killed_client_frees_the_console"),
        proved("banners and notices are in the stream, of a halted zone too",
               "guests/test_zlogin: a_client_of_a_halted_zone_sees_the_whole_next_boot a_zone_that_is_made_ready_says_so"),
        proved("-d ends with the halt, and any session with the uninstallation",
               "guests/test_zlogin: disconnecting_with_the_halt"),
        proved("escapes count at the beginning of a line; -e, -E and -Q",
               "guests/test_zlogin: the_escape_counts_only_at_the_beginning_of_a_line "
               "without_an_escape_a_tilde_is_ordinary an_end_of_file_behind_the_escape_ends_the_session_too"),
        proved("nothing is kept for who is not there", "guests/test_zlogin: what_nobody_listens_to_is_lost"),
        proved("a console on a socket is not zlogin's", "guests/test_zlogin: a_console_on_a_socket_is_not_zlogins"),
        tried("the screen's socket is there while the zone runs and vnc is set", """
$ booted z{n} 'add attr; set name=vnc; set type=string; set value=on; end'
$ mode /rpool/zones/z{n}/root/tmp/vm.vnc
> socket …
$ zoneadm -z z{n} halt
$ mode /rpool/zones/z{n}/root/tmp/vm.vnc
> no file
$ zonecfg -z z{n} 'remove attr name=vnc'
$ zoneadm -z z{n} boot
$ mode /rpool/zones/z{n}/root/tmp/vm.vnc
> no file
"""),
        proved("ten may look at once", "zones/test_brand: ten_may_look_at_once"),
        untried("the protocol of NAME.console_sock", "it is private and differs between releases"),
        untried("the brand's socat listens on all addresses", "nobody is to use it, and a lab host does not have it"),
    )),
)  # fmt: skip
