"""dladm(8), ipadm(8), routeadm(8), ipfilter(7) and the DHCP server: every statement of sections 7 and 8."""

from __future__ import annotations

from tests.labhost.conformance.statements import Section, proved, tried, untried

DLADM = "dladm(8); illumos-omnios usr/src/cmd/dladm/dladm.c, usr/src/lib/libdladm/common/{libdladm.c,libdlvnic.c}"
IPADM = (
    "ipadm(8), routeadm(8), ipf(8), ipnat(8); illumos usr/src/cmd/cmd-inet/usr.sbin/{ipadm,routeadm}, usr/src/cmd/ipf"
)

SECTIONS = (
    Section("7", "dladm", f"{DLADM}, usr/src/lib/libofmt/common/ofmt.c", (
        tried("usage is exit code 1 too", """
$ dladm explode
! …
= 1
$ dladm create-vnic web{n}
! …
= 1
"""),
        tried("without words it shows links", """
$ dladm
> LINK…CLASS…MTU…STATE…BRIDGE…OVER
> igb0…phys…1500…up…--…--
> …
"""),
        tried("the parsable form needs its fields, and not all of them", """
$ dladm show-link -p
! dladm: output fields must be specified in parsable mode
! …
= 1
$ dladm show-link -p -o all
! dladm: …
! …
= 1
"""),
        tried("an unknown field has a backquote and a quote", """
$ dladm show-link -p -o link,x igb0
! dladm: unknown output field: `x'
= 1
$ dladm show-link -o x igb0
! dladm: no valid output fields
= 1
"""),
        tried("more than one field is escaped, and one is not; MACs have no leading zeros", """
$ dladm create-vnic -l igb0 -m 02:08:20:0a:0b:0c web{n}
$ dladm show-vnic -p -o link,over,macaddress web{n}
> web{n}:igb0:2\\:8\\:20\\:a\\:b\\:c
$ dladm show-vnic -p -o macaddress web{n}
> 2:8:20:a:b:c
"""),
        tried("every field can be asked for", """
$ dladm create-vnic -l igb0 -v 7 web{n}
$ dladm show-link -p -o LINK,CLASS,MTU,STATE,BRIDGE,OVER web{n}
> web{n}:vnic:1500:up::igb0
$ dladm show-phys -p -o LINK,MEDIA,STATE,SPEED,DUPLEX,DEVICE,FLAGS igb0
> igb0:Ethernet:up:1000:full:igb0:…
$ dladm show-vnic -p -o LINK,OVER,SPEED,MACADDRTYPE,VID,ZONE web{n}
> web{n}:igb0:1000:random:7:
$ dladm create-vlan -l igb0 -v {n} vlan{n}
$ dladm show-vlan -p -o LINK,VID,OVER,FLAGS vlan{n}
> vlan{n}:{n}:igb0:…
$ dladm create-etherstub stub{n}
$ dladm show-etherstub -p -o LINK stub{n}
> stub{n}
"""),
        tried("what is unset is empty for programs and -- for people", """
$ dladm show-link -p -o bridge,over igb0
> :
$ dladm show-link -o bridge,over igb0
> BRIDGE…OVER
> --…--
"""),
        tried("the parsable flag of show-linkprop is -c", """
$ dladm create-vnic -l igb0 web{n}
$ dladm show-linkprop -c -o LINK,PROPERTY,PERM,VALUE,DEFAULT,POSSIBLE -p mtu web{n}
> web{n}:mtu:rw:1500:1500:…
"""),
        tried("each class of links has its name", """
$ dladm create-etherstub stub{n}
$ dladm create-vnic -l stub{n} web{n}
$ dladm create-vlan -l stub{n} -v 5 vlan{n}
$ dladm show-link -p -o class stub{n}
> etherstub
$ dladm show-link -p -o class web{n}
> vnic
$ dladm show-link -p -o class vlan{n}
> vlan
$ dladm show-link -p -o class igb0
> phys
"""),
        tried("what is not there is said in each command's words", """
$ dladm show-vnic none{n}
! dladm: invalid vnic name 'none{n}': object not found
= 1
$ dladm show-link none{n}
! dladm: link none{n} is not valid: object not found
= 1
$ dladm show-vlan none{n}
! dladm: link none{n} is not valid: object not found
= 1
$ dladm delete-vnic none{n}
! dladm: invalid link name 'none{n}'
= 1
$ dladm delete-etherstub none{n}
! dladm: invalid link name 'none{n}'
= 1
$ dladm delete-vlan none{n}
! dladm: invalid link name 'none{n}'
= 1
"""),
        tried("a lent VNIC is shown with its zone, and busy", """
$ dladm create-vnic -l igb0 web{n}
$ booted z{n} 'add net; set physical=web{n}; end'
$ dladm show-vnic -p -o link,zone web{n}
> web{n}:z{n}
$ dladm delete-vnic web{n}
! dladm: vnic deletion failed: link busy
= 1
$ zoneadm -z z{n} halt
$ dladm show-vnic -p -o link,zone web{n}
> web{n}:
$ dladm delete-vnic web{n}
"""),
        tried("an etherstub with VNICs is busy, in a VNIC's words", """
$ dladm create-etherstub stub{n}
$ dladm create-vnic -l stub{n} web{n}
$ dladm delete-etherstub stub{n}
! dladm: vnic deletion failed: link busy
= 1
"""),
        tried("what is there is not made again", """
$ dladm create-etherstub stub{n}
$ dladm create-etherstub stub{n}
! dladm: etherstub creation failed: object already exists
= 1
$ dladm create-vnic -l igb0 web{n}
$ dladm create-vnic -l igb0 web{n}
! dladm: vnic creation over igb0 failed: object already exists
= 1
"""),
        tried("a link is deleted as what it is", """
$ dladm create-etherstub stub{n}
$ dladm create-vnic -l igb0 web{n}
$ dladm delete-vnic stub{n}
! dladm: 'stub{n}' is not a vnic
= 1
$ dladm delete-etherstub web{n}
! dladm: 'web{n}' is not an etherstub
= 1
"""),
        tried("VLANs are 1 to 4094", """
$ dladm create-vnic -l igb0 -v 4095 web{n}
! dladm: invalid VLAN identifier '4095'
= 1
$ dladm create-vnic -l igb0 -v 0 web{n}
! dladm: invalid VLAN identifier '0'
= 1
$ dladm create-vnic -l igb0 -v 1 web{n}
$ dladm create-vnic -l igb0 -v 4094 web{n}x1
"""),
        tried("a MAC that is none is not repeated", """
$ dladm create-vnic -l igb0 -m 1:2:3 web{n}
! dladm: invalid MAC address
= 1
"""),
        *(tried(f"{name} is no link's name", f"""
$ dladm create-vnic -l igb0 {name}
! dladm: invalid link name '{name}'
= 1
""") for name in ("web", "web01", "web-0", "0web", "7")),
        *(tried(f"{name} is a link's name", f"$ dladm create-vnic -l igb0 {name}\n$ dladm delete-vnic {name}\n")
          for name in ("a0", "web_a.b10", "w" * 30 + "1")),
        tried("31 characters are the most", f"""
$ dladm create-vnic -l igb0 {"w" * 31}1
! dladm: …
= 1
"""),
        tried("automatic MACs are random, and begin with 2:8:20", """
$ dladm create-vnic -l igb0 web{n}
$ dladm create-vnic -l igb0 -m auto web{n}x1
$ dladm create-vnic -l igb0 -m random web{n}x2
$ dladm show-vnic -p -o macaddress,macaddrtype web{n}
> 2\\:8\\:20\\:…:random
$ dladm show-vnic -p -o macaddress web{n}x1
> 2:8:20:…
$ dladm show-vnic -p -o macaddress web{n}x2
> 2:8:20:…
"""),
        tried("a link is persistent unless -t", """
$ dladm create-etherstub -t stub{n}
$ dladm create-etherstub stab{n}
$ dladm show-etherstub -p -o link stub{n}
> stub{n}
$ dladm show-link -P -p -o link stab{n}
> stab{n}
"""),
        tried("properties may be given at once", """
$ dladm create-vnic -l igb0 -p mtu=1400,priority=low web{n}
$ dladm show-linkprop -c -o property,value -p mtu,priority web{n}
> mtu:1400
> priority:low
$ dladm create-vnic -l igb0 -p mtu=9000 web{n}x1
! dladm: vnic creation over igb0 failed: MTU check failed, MTU outside of device's supported range
= 1
"""),
        proved("VLANs name themselves, bridges have members, aggregations ports",
               "net/test_dladm: a_vlan_names_itself a_bridge_has_members an_aggregation_needs_a_free_link"),
        proved("temporary links are not in the persistent list",
               "net/test_dladm: temporary_links_are_not_in_the_persistent_list"),
        proved("without privilege it is denied", "net/test_dladm: an_unprivileged_caller_is_denied"),
    )),
    Section("8", "ipadm, routeadm, ipfilter, DHCP", f"{IPADM}; omnios-build build/isc-dhcp", (
        tried("an address has its interface, and both are shown to programs", """
$ dladm create-vnic -l igb0 web{n}
$ ipadm create-addr -T static -a local=10.9.20.1/24 web{n}/v4
$ ipadm show-addr -p -o ADDROBJ,TYPE,STATE,CURRENT,PERSISTENT,ADDR web{n}/v4
> web{n}/v4:static:ok:U----:U--:10.9.20.1/24
$ ipadm show-if -p -o IFNAME,CLASS,STATE,PERSISTENT web{n}
> web{n}:IP:ok:-46
"""),
        tried("the parsable form needs its fields", """
$ ipadm show-addr -p
! ipadm: -p requires -o
> …
= 1
"""),
        tried("temporary, DHCP and stateless addresses are made", """
$ dladm create-vnic -l igb0 web{n}
$ ipadm create-addr -T dhcp web{n}/b
$ ipadm create-addr -T addrconf web{n}/c
$ ipadm create-addr -t -T static -a 10.9.21.1/24 web{n}/a
$ ipadm show-addr -p -o ADDROBJ,TYPE,PERSISTENT web{n}/a
> web{n}/a:static:---
$ ipadm show-addr -p -o TYPE web{n}/b
> dhcp
$ ipadm show-addr -p -o TYPE web{n}/c
> addrconf
> …
"""),
        tried("an interface is there once", """
$ ipadm create-if igb0
! ipadm: Could not create igb0 : Interface already exists
> …
= 1
"""),
        tried("an address is there once, and one that is not there is not deleted", """
$ dladm create-vnic -l igb0 web{n}
$ ipadm create-addr -T static -a 10.9.23.1/24 web{n}/v4
$ ipadm create-addr -T static -a 10.9.23.2/24 web{n}/v4
! ipadm: Could not create address: …
> …
= 1
$ ipadm delete-addr web{n}/v4
$ ipadm delete-addr web{n}/v4
! ipadm: could not delete address: Object not found
> …
= 1
$ ipadm delete-if web{n}
"""),
        tried("the VNIC of a running zone carries no address of the global zone", """
$ dladm create-vnic -l igb0 web{n}
$ booted z{n} 'add net; set physical=web{n}; end'
$ ipadm create-if web{n}
! ipadm: Could not create web{n} : …
> …
= 1
"""),
        tried("routeadm -e is for later, -u for now", """
$ routeadm -p ipv4-forwarding
> persistent=disabled default=disabled current=disabled
$ routeadm -e ipv4-forwarding
$ routeadm -p ipv4-forwarding
> persistent=enabled default=disabled current=disabled
$ routeadm -u
$ routeadm -p ipv4-forwarding
> persistent=enabled default=disabled current=enabled
$ routeadm -p
> …
> ipv4-forwarding persistent=enabled default=disabled current=enabled
> …
$ routeadm -d ipv4-forwarding -u
$ svcadm enable -s ipv4-forwarding
$ routeadm -p ipv4-forwarding
> persistent=enabled default=disabled current=enabled
"""),
        tried("an option nobody knows", """
$ routeadm -p none
! routeadm: no such option/variable none
= 1
"""),
        proved("ipnat and ipf load their files, replace and list",
               "net/test_nat: the_service_loads_the_file_and_ipnat_replaces_it"),
        tried("rules need a final newline; those of a network are read and shown in full", """
$ put /etc/ipf/ipnat.conf 'map igb0 10.190.190.0/24 -> 0/32 portmap tcp/udp auto' 'map igb0 10.190.190.0/24 -> 0/32'
$ svcadm enable -s ipfilter
$ ipnat -l
> List of active MAP/Redirect filters:
> map igb0 10.190.190.0/24 -> 0.0.0.0/32 portmap tcp/udp auto
> map igb0 10.190.190.0/24 -> 0.0.0.0/32
>
> List of active sessions:
$ put /etc/ipf/ipf.conf 'pass in all'
$ ipf -Fa -f /etc/ipf/ipf.conf
$ ipnat -CF -f /etc/ipf/ipnat.conf
> 0 entries flushed from NAT table
> 2 entries flushed from NAT list
"""),
        proved("a file without it is an error", "net/test_nat: a_wrong_line_is_named_with_the_word"),
        tried("the DHCP server is disabled first, has its properties, and fails without its file", """
$ svcs -H -o state dhcp:ipv4
> disabled
$ svcs -H -o state dhcp:ipv6
> disabled
$ svccfg -s dhcp:ipv4 listprop config
> …
> config/config_file…/etc/dhcpd.conf
> …
$ svcadm enable -s dhcp:ipv4
! svcadm: Instance "svc:/network/service/dhcp:ipv4" is in maintenance state.
= 3
$ svcs -H -o state dhcp:ipv4
> maintenance
"""),
        proved("a refresh does nothing, a restart reads the file",
               "smf/test_services: refresh_does_not_restart_the_dhcp_server"),
        untried("the server's user and its authorisation", "users of the host have no part in what a lab host does"),
    )),
)  # fmt: skip
