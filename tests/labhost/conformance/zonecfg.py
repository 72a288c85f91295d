"""zonecfg(8) and the files it keeps: every statement of sections 1 and 2."""

from __future__ import annotations

from tests.labhost.conformance.statements import Section, proved, tried, untried

ZONECFG = "zonecfg(8); illumos-omnios usr/src/cmd/zonecfg/zonecfg.c"
LEXER = "illumos-omnios usr/src/cmd/zonecfg/{zonecfg_lex.l,zonecfg_grammar.y}"
LIBRARY = "illumos-omnios usr/src/lib/libzonecfg/common/{libzonecfg.c,getzoneent.c}"

SECTIONS = (
    Section("1.1", "zonecfg: invocation and exit status", ZONECFG, (
        tried("without a zone, or with an empty name, it is usage", """
$ zonecfg
! …
= 2
$ zonecfg -z ""
! usage:…
! …
= 2
$ zonecfg -z
! usage:…
! …
= 2
"""),
        tried("an option nobody knows is usage", """
$ zonecfg -x z{n} info
! usage:…
! …
= 2
"""),
        tried("messages are on standard error and have no prefix of the program", """
$ configured z{n}
$ zonecfg -z z{n} set autoboot=perhaps
! autoboot value must be 'true' or 'false'.
= 1
"""),
        tried("what info and export show is on standard output", """
$ configured z{n}
$ zonecfg -z z{n} info brand
> brand: bhyve
$ zonecfg -z z{n} export
> create -b
> …
"""),
        tried("with -f a message follows a line that names the place", """
$ configured z{n}
$ put /tmp/f{n} 'set pool=a' 'set autoboot=perhaps'
$ zonecfg -z z{n} -f ROOT/tmp/f{n}
! On line 2 of ROOT/tmp/f{n}:
! autoboot value must be 'true' or 'false'.
= 1
"""),
        tried("all words are joined with blanks, so the quotes of a shell are lost", """
$ configured z{n}
$ zonecfg -z z{n} add attr ';' set name=a ';' set type=string ';' set value='"b  c"' ';' end
$ zonecfg -z z{n} 'info attr name=a'
> attr:
> \tname: a
> \ttype: string
> \tvalue: "b  c"
$ zonecfg -z z{n} 'select attr name=a; set value=x y; end'
! syntax error at 'y'
! usage:
! set <property-name>=<property-value>
= 1
"""),
        tried("a comment begins only where a command could", """
$ configured z{n}
$ zonecfg -z z{n} '# set pool=a'
$ zonecfg -z z{n} 'set pool=a#b'
$ zonecfg -z z{n} info pool
> pool: a#b
"""),
        tried("commands are separated by semicolons and lines", """
$ configured z{n}
$ zonecfg -z z{n} -f -
< set pool=a; set autoboot=true
< set limitpriv=default
$ zonecfg -z z{n} 'info pool; info autoboot; info limitpriv'
> pool: a
> autoboot: true
> limitpriv: default
"""),
        untried("it works in the global zone only", "a lab host has no inside of a native zone to call it from"),
        untried("-R works on another root", "the alternate roots of upgrades are no part of a lab host"),
    )),
    Section("1.2", "zonecfg: tokens and quoting", LEXER, (
        tried("a comma is fine in a plain value and separates elements inside brackets", """
$ configured z{n} 'add fs; set dir=/a; set special=/a; set type=lofs; add options [ro,nodevices]; end'
$ zonecfg -z z{n} 'set fs-allowed=ufs,pcfs; info fs-allowed; info fs'
> fs-allowed: ufs,pcfs
> fs:
> \tdir: /a
> \tspecial: /a
> \traw not specified
> \ttype: lofs
> \toptions: [ro,nodevices]
"""),
        tried("each of the special characters ends a bare word", """
$ configured z{n}
$ zonecfg -z z{n} 'set pool=a=b; set pool=a[; set pool=a(; set pool=a)'
! syntax error at '='
! …
! syntax error at '['
! …
! syntax error at '('
! …
! syntax error at ')'
! …
= 1
"""),
        tried("quotes make a value of blanks, equals signs, semicolons, brackets and parentheses", """
$ configured z{n}
$ zonecfg -z z{n} 'set bootargs="a =;[](),"'
$ zonecfg -z z{n} info bootargs
> bootargs: a =;[](),
"""),
        tried("there are no escapes, and single quotes are no quotes", r"""
$ configured z{n}
$ zonecfg -z z{n} "set pool='a\\\\b'"
$ zonecfg -z z{n} info pool
> pool: 'a\\b'
"""),
        tried("a value cannot have a quote in it", r"""
$ configured z{n}
$ zonecfg -z z{n} 'set pool="a\"b"'
! syntax error at …
! …
= 1
"""),
        tried("words of the language are values too", """
$ configured z{n} 'add attr; set name=net; set type=string; set value=type; end'
$ zonecfg -z z{n} 'info attr name=net'
> attr:
> \tname: net
> \ttype: string
> \tvalue: type
"""),
        tried("an empty value, an empty list and clear take a value back", """
$ configured z{n} 'set pool=a; set limitpriv=b; set hostid=1'
$ zonecfg -z z{n} 'set pool=""; clear limitpriv; clear hostid; info pool; info limitpriv; info hostid'
> pool:␠
> limitpriv:␠
> hostid:␠
$ zonecfg -z z{n} 'add fs; set dir=/a; set special=/a; set type=lofs; add options ro; set options=[]; end; info fs'
> fs:
> \tdir: /a
> \tspecial: /a
> \traw not specified
> \ttype: lofs
> \toptions: []
"""),
        tried("complex values may have quoted strings in them", """
$ configured z{n} 'add net; set physical=web{n}; add property (name=netif,value="e1000"); end'
$ zonecfg -z z{n} 'add rctl; set name=zone.max-lofi; add value (priv=privileged,limit=100,action=deny); end; info rctl'
> rctl:
> \tname: zone.max-lofi
> \tvalue: (priv=privileged,limit=100,action=deny)
"""),
    )),
    Section("1.3", "zonecfg: subcommands, resources and properties", ZONECFG, (
        tried("help names every subcommand", """
$ zonecfg help
> add <resource-type>
> …
> cancel
> clear <property-name>
> commit
> create [-F] [ -a <path> | -b | -t <template> ]
> delete [-F]
> end
> exit [-F]
> export [-f output-file]
> help …
> info …
> remove …
> …
> revert [-F]
> select …
> set <property-name>=<property-value>
> verify
"""),
        tried("remove takes three pairs at most", """
$ configured z{n} 'add net; set physical=web{n}; set global-nic=igb0; set vlan-id=3; set mac-addr=2:8:20:1:2:3; end'
$ zonecfg -z z{n} 'remove net physical=web{n} global-nic=igb0 vlan-id=3 mac-addr=2:8:20:1:2:3'
! usage:
! …
= 1
$ zonecfg -z z{n} 'remove net physical=web{n} global-nic=igb0 vlan-id=3'
"""),
        proved("only the capped and dedicated resources are selected without a pair",
               "zones/test_files: capped_resources_are_selected_without_a_pair"),
        proved("cancel and revert forget, commit saves, exit ends",
               "zones/test_dialogue: revert_and_cancel_forget exit_ends_the_run"),
        tried("every resource can be added with its properties", """
$ configured z{n}
$ zonecfg -z z{n} 'add attr; set name=a; set type=string; set value=b; end;
  add capped-cpu; set ncpus=1.5; end;
  add capped-memory; set physical=1G; set swap=2G; set locked=512M; end;
  add dataset; set name=rpool/x; end;
  add dedicated-cpu; set ncpus=1-2; set importance=3; end;
  add device; set match=/dev/ppt0; add property (name=a,value="b"); end;
  add fs; set dir=/a; set special=/b; set raw=/c; set type=ufs; end;
  add net; set physical=web{n}; set allowed-address=10.0.0.2/24; set defrouter=10.0.0.1; set mac-addr=2:8:20:1:1:1;
  set vlan-id=5; set global-nic=igb0; end;
  add rctl; set name=zone.max-lofi; add value (priv=privileged,limit=5,action=deny); end;
  add admin; set user=joe; set auths=login; end;
  add security-flags; set lower=none; set default=aslr; set upper=all; end'
"""),
        tried("every global property can be set", """
$ configured z{n}
$ zonecfg -z z{n} 'set autoboot=true; set bootargs=-v; set pool=p; set limitpriv=default; set scheduling-class=FSS;
  set ip-type=exclusive; set hostid=0x1f; set fs-allowed=ufs'
$ zonecfg -z z{n} 'set cpu-shares=10; set max-lwps=1; set max-processes=2; set max-shm-memory=3; set max-shm-ids=4;
  set max-msg-ids=5; set max-sem-ids=6; set zfs-io-priority=7; info'
> zonename: z{n}
> …
> fs-allowed: ufs
> [cpu-shares: 10]
> …
"""),
        tried("an exclusive zone has no address, and a defrouter only beside an allowed-address", """
$ configured z{n}
$ zonecfg -z z{n} 'add net; set physical=web{n}; set address=10.0.0.1/24; end'
! net: address cannot be specified for an exclusive IP type
! Zone z{n} failed to verify
! z{n}: Invalid argument
! Configuration not saved.
= 1
$ zonecfg -z z{n} 'add net; set physical=web{n}; set defrouter=10.0.0.1; end'
! net: defrouter for web{n} cannot be specified without allowed-address for an exclusive IP type
! Zone z{n} failed to verify
! z{n}: Invalid argument
! Configuration not saved.
= 1
"""),
        tried("an IPv6 address needs a prefix", """
$ configured z{n}
$ zonecfg -z z{n} 'add net; set physical=web{n}; set allowed-address=fd00::1; cancel'
! …
= 1
$ zonecfg -z z{n} 'add net; set physical=web{n}; set allowed-address=fd00::1/64; end'
"""),
        tried("only what stands before the first slash of an address is looked at", """
$ configured z{n} 'add net; set physical=web{n}; set allowed-address=10.0.0.2/24,10.0.0.3/24; end'
$ zonecfg -z z{n} 'add net; set physical=web{n}; set allowed-address=10_0/24; cancel'
! …10_0…
= 1
"""),
        tried("a NIC's name is a link's", """
$ configured z{n}
$ zonecfg -z z{n} 'add net; set physical=web; cancel'
! web: invalid physical interface name
= 1
"""),
        tried("options are added one by one or as a list, and removed", """
$ configured z{n} 'add fs; set dir=/a; set special=/a; set type=lofs; add options ro; add options [nodevices,nosetuid]; end'
$ zonecfg -z z{n} 'select fs dir=/a; remove options nosetuid; end; info fs'
> fs:
> \tdir: /a
> \tspecial: /a
> \traw not specified
> \ttype: lofs
> \toptions: [ro,nodevices]
"""),
        tried("caps are kept as resource controls", """
$ configured z{n} 'add capped-memory; set physical=2G; end; add capped-cpu; set ncpus=1.5; end'
$ grep rctl /etc/zones/z{n}.xml
>   <rctl name="zone.max-physical-memory">
>     <rctl-value priv="privileged" limit="2147483648" action="deny"/>
>   </rctl>
>   <rctl name="zone.cpu-cap">
>     <rctl-value priv="privileged" limit="150" action="deny"/>
>   </rctl>
"""),
        tried("there is one security-flags resource", """
$ configured z{n} 'add security-flags; set default=aslr; end'
$ zonecfg -z z{n} 'add security-flags'
! A security-flags resource already exists…
= 1
"""),
        proved("create copies SUNWdefault, -b SUNWblank, -t bhyve OMNIbhyve", "zones/test_zonecfg: templates"),
        tried("a template whose name begins with a capital is used as it is", """
$ zonecfg -z z{n} 'create -t OMNIbhyve; set zonepath=/rpool/zones/z{n}; info brand; info ip-type; info autoboot'
> brand: bhyve
> ip-type: exclusive
> autoboot: false
$ zonecfg -z x{n} 'create -t OMNIbhyve'
! zonepath cannot be empty.
! Zone x{n} failed to verify
! x{n}: Required resource missing
! Configuration not saved.
= 1
"""),
        tried("a template nobody has is no zone", """
$ zonecfg -z z{n} 'create -t none'
! OMNInone: No such zone configured
= 1
$ zonecfg -z z{n} 'create -t None'
! None: No such zone configured
= 1
"""),
    )),
    Section("1.4", "zonecfg: names of zones", LIBRARY, (
        tried("letters, digits, underscore, dot and hyphen, the first one a letter or digit", """
$ zonecfg -z 0Aa_.-{n} 'create -t bhyve; set zonepath=/z/{n}'
$ zonecfg -z _z{n} 'create -b'
! _z{n}: Bogus zone name
! …
= 2
$ zonecfg -z 'z {n}' 'create -b'
! z {n}: Bogus zone name
! …
= 2
$ zonecfg -z z/{n} 'create -b'
! z/{n}: Bogus zone name
! …
= 2
"""),
        proved("63 bytes at most", "zones/test_zonecfg: a_bogus_name_exits_2"),
        tried("case matters", """
$ configured Zone{n}
$ zonecfg -z zone{n} info
! zone{n}: No such zone configured
= 1
"""),
        tried("names that begin with SUNW are the system's", """
$ zonecfg -z SUNWz{n} 'create -b'
! SUNWz{n}: zones beginning with SUNW are read-only.
= 1
"""),
        tried("the global zone is always there, so it is never created", """
$ zonecfg -z global 'create -b'
! Zone global already installed; create not allowed.
"""),
    )),
    Section("1.5", "zonecfg: names and values of attributes", ZONECFG, (
        tried("letters, digits, hyphen and dot; not the underscore of the manual", """
$ configured z{n} 'add attr; set name=a-b.c1; set type=string; set value=x; end'
$ zonecfg -z z{n} 'add attr; set name=a_b; cancel; add attr; set name=-a; cancel; add attr; set name=.a; cancel'
! Invalid attr name a_b: can only contain alpha-numeric characters, plus '-' and '.'.
! Invalid attr name -a: must start with an alpha-numeric character.
! Invalid attr name .a: must start with an alpha-numeric character.
= 1
"""),
        proved("values are long", "zones/test_zonecfg: a_value_may_have_2047_bytes_and_macs_stay_as_written"),
        tried("types are checked", """
$ configured z{n}
$ zonecfg -z z{n} 'add attr; set name=a; set type=boolean; set value=on; end; cancel'
! invalid attr value for type=boolean
= 1
$ zonecfg -z z{n} 'add attr; set name=a; set type=int; set value=99999999999999999999; end; cancel'
! invalid attr value for type=int
= 1
$ zonecfg -z z{n} 'add attr; set name=a; set type=uint; set value=-1; end; cancel'
! invalid attr value for type=uint
= 1
$ zonecfg -z z{n} 'add attr; set name=a; set type=boolean; set value=true; end;
  add attr; set name=b; set type=int; set value=-5; end; add attr; set name=c; set type=uint; set value=5; end'
"""),
        tried("a type nobody knows is refused", """
$ configured z{n}
$ zonecfg -z z{n} 'add attr; set name=a; set type=text; set value=b; end; cancel'
! …
= 1
"""),
    )),
    Section("1.6", "zonecfg: what is no transaction", ZONECFG, (
        tried("on the command line an error stops nothing, all else is committed, and the exit code is 1", """
$ configured z{n}
$ zonecfg -z z{n} 'set pool=a; set autoboot=perhaps; set limitpriv=c'
! autoboot value must be 'true' or 'false'.
= 1
$ zonecfg -z z{n} 'info pool; info limitpriv'
> pool: a
> limitpriv: c
"""),
        tried("a file stops at its first error, and what was before it is committed", """
$ configured z{n}
$ put /tmp/f{n} 'set pool=a' 'set autoboot=perhaps' 'set limitpriv=c'
$ zonecfg -z z{n} -f ROOT/tmp/f{n}
! On line 2 of ROOT/tmp/f{n}:
! autoboot value must be 'true' or 'false'.
= 1
$ zonecfg -z z{n} 'info pool; info limitpriv'
> pool: a
> limitpriv:␠
"""),
        tried("ending inside a resource commits nothing", """
$ configured z{n}
$ zonecfg -z z{n} 'set pool=a; add attr; set name=b'
! Resource incomplete.
= 1
$ zonecfg -z z{n} info pool
> pool:␠
"""),
        tried("a failed end stays in the resource, so that global commands fail too", """
$ configured z{n}
$ zonecfg -z z{n} 'add attr; set name=a; end; set pool=b'
! type not specified
! value not specified
! pool: No such property type
! usage:
! set <property-name>=<property-value>
! Resource incomplete.
= 1
"""),
        tried("a resource's property does not exist outside", """
$ configured z{n}
$ zonecfg -z z{n} set physical=web{n}
! Cannot set a resource-specific property from the global scope.
! …
= 1
"""),
        tried("the commit at the end verifies, and says that nothing was saved", """
$ zonecfg -z z{n} 'create -t bhyve'
! zonepath cannot be empty.
! Zone z{n} failed to verify
! z{n}: Required resource missing
! Configuration not saved.
= 1
$ mode /etc/zones/z{n}.xml
> no file
"""),
        tried("-f - is a dialogue: it goes on after an error", """
$ configured z{n}
$ zonecfg -z z{n} -f -
< set autoboot=perhaps
< set pool=a
! On line 1:
! autoboot value must be 'true' or 'false'.
= 1
$ zonecfg -z z{n} info pool
> pool: a
"""),
    )),
    Section("1.7", "zonecfg: messages", ZONECFG, (
        tried("no such zone", """
$ zonecfg -z z{n} info
! z{n}: No such zone configured
= 1
$ zonecfg -z z{n} -f -
< info
! …
! z{n}: No such zone configured
> Use 'create' to begin configuring a new zone.
> …
= 1
"""),
        tried("create on an installed zone is no error and edits what is there", """
$ installed z{n}
$ zonecfg -z z{n} 'create -b; set pool=a'
! Zone z{n} already installed; create not allowed.
$ zonecfg -z z{n} 'info brand; info pool'
> brand: bhyve
> pool: a
"""),
        tried("create on a configured zone ends the run", """
$ configured z{n}
$ zonecfg -z z{n} 'create -t bhyve; set pool=a'
! Zone exists, input not from terminal and -F not specified:
! create command ignored, exiting.
= 1
$ zonecfg -z z{n} 'create -F -t bhyve; set zonepath=/rpool/zones/new{n}'
> Zone z{n} already exists; overwriting.
"""),
        tried("path and brand of an installed zone stay, which is no error", """
$ installed z{n}
$ zonecfg -z z{n} 'set zonepath=/x; set brand=lx'
! Zone z{n} already installed; set zonepath not allowed.
! Zone z{n} already installed; set brand not allowed.
"""),
        tried("delete wants -F where nobody can be asked", """
$ configured z{n}
$ zonecfg -z z{n} delete
! Input not from terminal and -F not specified:
! delete command ignored, exiting.
= 1
$ zonecfg -z z{n} delete -F
$ zonecfg -z z{n} delete -F
! z{n}: No such zone configured
! …
= 1
"""),
        tried("a running and a ready zone are not deleted", """
$ booted z{n}
$ zonecfg -z z{n} delete -F
! z{n}: Zone state is invalid for the requested operation
= 1
$ zoneadm -z z{n} halt
$ zoneadm -z z{n} ready
$ zonecfg -z z{n} delete -F
! z{n}: Zone state is invalid for the requested operation
= 1
"""),
        proved("an installed zone is not deleted without -F, which is no error",
               "zones/test_dialogue: an_installed_zone_is_not_deleted_without_force"),
        tried("resources are there once", """
$ configured z{n} 'add attr; set name=a; set type=string; set value=b; end; add device; set match=/dev/a; end;
  add fs; set dir=/a; set special=/a; set type=lofs; end; add net; set physical=web{n}; end'
$ zonecfg -z z{n} 'add attr; set name=a; set type=string; set value=c; end'
! An attr resource with the name 'a' already exists.
! Resource incomplete.
= 1
$ zonecfg -z z{n} 'add device; set match=/dev/a; end'
! A device resource with the match '/dev/a' already exists.
! Resource incomplete.
= 1
$ zonecfg -z z{n} 'add fs; set dir=/a; set special=/b; set type=lofs; end'
! A fs resource with the dir '/a' already exists.
! Resource incomplete.
= 1
$ zonecfg -z z{n} 'add net; set physical=web{n}; end'
! A net resource with the physical 'web{n}', and allowed-address '' already exists.
! Resource incomplete.
= 1
"""),
        tried("what is missing is named at the end of its resource", """
$ configured z{n}
$ zonecfg -z z{n} 'add net; end; cancel; add fs; end; cancel; add device; end; cancel; add dataset; end; cancel'
! physical not specified
! dir not specified
! special not specified
! type not specified
! match not specified
! name not specified
= 1
"""),
        tried("what is not there is neither removed nor selected", """
$ configured z{n}
$ zonecfg -z z{n} 'remove attr name=a; select attr name=a; remove attr'
! remove attr: No such resource with that id
! select attr: No such resource with that id
! remove attr: No such entry
= 1
"""),
        tried("what is there twice is not removed without -F", """
$ configured z{n} 'add device; set match=/dev/a; end; add device; set match=/dev/b; end'
$ zonecfg -z z{n} remove device
! There are multiple instances of this resource.  Either qualify the resource to
! remove a single instance or use the -F option to remove all instances.
= 1
$ zonecfg -z z{n} 'remove -F device; info device'
"""),
        tried("info about what is not there is no error", """
$ configured z{n}
$ zonecfg -z z{n} info attr name=a
> No such attr resource.
"""),
        tried("paths are absolute", """
$ configured z{n}
$ zonecfg -z z{n} set zonepath=a/b
! zonepath a/b is not an absolute path.
= 1
"""),
        tried("brands are known", """
$ configured z{n}
$ zonecfg -z z{n} set brand=none
! Zone z{n} uses non-existent brand "none".  Unable to continue
= 1
"""),
        tried("only root sets", """
$ configured z{n}
$ world euid=1000
$ zonecfg -z z{n} 'set pool=a; add attr; clear pool; remove attr; select attr name=a; delete -F'
! z{n}: cannot set in read-only mode.
! z{n}: cannot add in read-only mode.
! z{n}: cannot clear in read-only mode.
! z{n}: cannot remove in read-only mode.
! z{n}: cannot select in read-only mode.
! z{n}: cannot delete in read-only mode.
= 1
$ world euid=
"""),
        tried("a syntax error names the text and the usage of its subcommand", """
$ configured z{n}
$ zonecfg -z z{n} 'bogus; set nothing=1; add nothing; verify now'
! syntax error at 'bogus'
! syntax error at 'nothing'
! usage:
! set <property-name>=<property-value>
! syntax error at 'nothing'
! usage:
! add …
! …
! syntax error at 'now'
! usage:
! verify
= 1
"""),
        tried("a running zone is edited in its file only, and deleting an installed one leaves its data", """
$ booted z{n}
$ zonecfg -z z{n} set pool=a
$ grep ' pool=' /etc/zones/z{n}.xml
> <zone …pool="a"…
$ grep ' pool=' /var/run/zones/z{n}.snapshot.xml
$ zoneadm -z z{n} halt
$ zonecfg -z z{n} delete -F
$ mode /rpool/zones/z{n}/root
> folder 0755
$ configured z{n}
$ zoneadm -z z{n} install
! Failed to build miniroot
! …
= 1
"""),
        tried("a new name must be one", """
$ configured z{n}
$ zonecfg -z z{n} set zonename=-a
! -a: Bogus zone name
! …
= 1
"""),
        untried("set zonename of an installed zone", "its behaviour there was never seen"),
    )),
    Section("1.8", "zonecfg: info", ZONECFG, (
        tried("globals come in their order, and unset ones with a trailing blank", """
$ configured z{n}
$ zonecfg -z z{n} info
> zonename: z{n}
> zonepath: /rpool/zones/z{n}
> brand: bhyve
> autoboot: false
> bootargs:␠
> pool:␠
> limitpriv:␠
> scheduling-class:␠
> ip-type: exclusive
> hostid:␠
> fs-allowed:␠
"""),
        proved("kinds of resources come in their order, net shows what is not specified, blanks are quoted",
               "zones/test_zonecfg: info_shows_everything_in_its_order; "
               "zones/test_files: info_shows_the_kinds_in_their_order"),
        tried("capped memory stands in brackets", """
$ configured z{n} 'add capped-memory; set physical=2G; set swap=1536M; set locked=512M; end'
$ zonecfg -z z{n} info capped-memory
> capped-memory:
> \t[physical: 2G]
> \t[swap: 1.5G]
> \t[locked: 512M]
"""),
        tried("a pair chooses", """
$ configured z{n} 'add device; set match=/dev/a; end; add device; set match=/dev/b; end'
$ zonecfg -z z{n} info device match=/dev/b
> device:
> \tmatch: /dev/b
"""),
    )),
    Section("1.9", "zonecfg: export", ZONECFG, (
        tried("an export makes the zone again, in its own order and quotes", """
$ configured z{n} 'add attr; set name=a; set type=string; set value=b; end;
  add net; set physical=web{n}; set global-nic=igb0; set allowed-address=10.0.0.2/24; set defrouter=10.0.0.1;
  set mac-addr=2:8:20:1:1:1; set vlan-id=5; add property (name=netif,value="e1000"); end;
  add fs; set dir=/a; set special=/a; set type=lofs; add options ro; end; add device; set match=/dev/a; end;
  add capped-memory; set physical=1G; end; add dedicated-cpu; set ncpus=1-2; end; set pool=p'
$ zonecfg -z z{n} export
> create -b
> set zonepath=/rpool/zones/z{n}
> set brand=bhyve
> set autoboot=false
> set pool=p
> set ip-type=exclusive
> add fs
> set dir="/a"
> set special="/a"
> set type="lofs"
> add options ro
> end
> add net
> set allowed-address="10.0.0.2/24"
> set physical="web{n}"
> set mac-addr="2:8:20:1:1:1"
> set vlan-id="5"
> set global-nic="igb0"
> set defrouter="10.0.0.1"
> add property (name=netif,value="e1000")
> end
> add device
> set match="/dev/a"
> end
> add rctl
> set name="zone.max-physical-memory"
> add value (priv=privileged,limit=1073741824,action=deny)
> end
> add attr
> set name="a"
> set type="string"
> set value="b"
> end
> add dedicated-cpu
> set ncpus=1-2
> end
"""),
        tried("global values are not quoted, so that one with a blank does not come back", """
$ configured z{n} 'set bootargs="-m verbose"'
$ zonecfg -z z{n} export -f ROOT/tmp/f{n}
$ grep bootargs /tmp/f{n}
> set bootargs=-m verbose
$ zonecfg -z y{n} -f ROOT/tmp/f{n}
! On line 5 of ROOT/tmp/f{n}:
! syntax error at 'verbose'
! …
= 1
"""),
        proved("the brand is the one on disk", "zones/test_files: what_export_says_of_globals_and_nets"),
    )),
    Section("1.10", "zonecfg: locking", LIBRARY, (
        proved("there is no lock of a zone, and the last writer wins",
               "zones/test_zonecfg: the_document_is_replaced_as_a_whole_without_a_lock"),
        proved("the index is locked, and a session waits for it",
               "zones/test_dialogue: a_session_waits_for_the_index; "
               "conformance/test_parallel: parallel_commands_lose_nothing"),
    )),
    Section("1.11", "zonecfg: what changes behind one's back", "pkg5 src/brand/shared/vnic.ksh, src/brand/bhyve/boot.py", (
        proved("the MAC of a VNIC on demand is written at the first boot",
               "zones/test_brand: a_vnic_on_demand_lives_as_long_as_the_zone"),
        proved("bootnext goes after its use", "zones/test_brand: bootnext_is_for_one_boot"),
        proved("verify and boot add a debugid", "zones/test_files: verify_gives_a_debug_number"),
    )),
    Section("2", "zones: files", f"illumos-omnios usr/src/lib/libzonecfg/dtd/zonecfg.dtd.1; {LIBRARY}", (
        tried("the document has its head, the root's attributes and other names for what zonecfg calls fs and net", """
$ configured z{n} 'add fs; set dir=/a; set special=/b; set type=lofs; add options ro; end;
  add net; set physical=web{n}; set global-nic=igb0; add property (name=netif,value="e1000"); end'
$ mode /etc/zones/z{n}.xml
> file 0644
$ cat /etc/zones/z{n}.xml
> <?xml version="1.0" encoding="UTF-8"?>
> <!DOCTYPE zone PUBLIC "-//Sun Microsystems Inc//DTD Zones//EN" "file:///usr/share/lib/xml/dtd/zonecfg.dtd.1">
> <!--
> …
> -->
> <zone name="z{n}" zonepath="/rpool/zones/z{n}" autoboot="false" brand="bhyve" ip-type="exclusive"…
>   <filesystem special="/b" directory="/a" type="lofs">
>     <fsoption name="ro"/>
>   </filesystem>
>   <network …global-nic="igb0"… physical="web{n}">
>     <net-attr name="netif" value="e1000"/>
>   </network>
> </zone>
"""),
        tried("each other kind has its element", """
$ configured z{n} 'add attr; set name=a; set type=string; set value="<&>"; end; add dataset; set name=rpool/x; end;
  add dedicated-cpu; set ncpus=1-2; set importance=3; end; add admin; set user=joe; set auths=login; end;
  add security-flags; set lower=none; set default=aslr; set upper=all; end; add device; set match=/dev/a; end'
$ grep '^  ' /etc/zones/z{n}.xml
> …
>   <attr name="a" type="string" value="&lt;&amp;&gt;"/>
>   <dataset name="rpool/x"/>
>   <pset ncpu_min="1" ncpu_max="2" importance="3"/>
>   <admin user="joe" auths="login"/>
>   <security-flags default="aslr" lower="none" upper="all"/>
>   <device match="/dev/a"/>
"""),
        proved("a document of another writer is read, with mcap and tmp_pool",
               "zones/test_lexer: a_document_of_another_writer_is_read"),
        tried("the boot's configuration is kept while a zone is ready or running", """
$ installed z{n}
$ mode /var/run/zones/z{n}.snapshot.xml
> no file
$ zoneadm -z z{n} ready
$ mode /var/run/zones/z{n}.snapshot.xml
> file 0644
$ zoneadm -z z{n} boot
$ mode /var/run/zones/z{n}.snapshot.xml
> file 0644
$ zoneadm -z z{n} halt
$ mode /var/run/zones/z{n}.snapshot.xml
> no file
"""),
        tried("the index has name, state, path and, once installed, a uuid that goes with the installation", """
$ configured z{n}
$ mode /etc/zones/index
> file 0644
$ grep ^z{n}: /etc/zones/index
> z{n}:configured:/rpool/zones/z{n}:
$ zoneadm -z z{n} install
> A ZFS file system has been created for this zone.
$ grep ^z{n}: /etc/zones/index
> z{n}:installed:/rpool/zones/z{n}:…-…-…-…-…
$ zoneadm -z z{n} mark incomplete
$ grep ^z{n}: /etc/zones/index
> z{n}:incomplete:/rpool/zones/z{n}:…-…-…-…-…
$ zoneadm -z z{n} uninstall -F
$ grep ^z{n}: /etc/zones/index
> z{n}:configured:/rpool/zones/z{n}:
"""),
        proved("comments are kept and a path with a colon stands in quotes",
               "zones/test_files: the_index_keeps_comments_and_quotes_paths"),
        tried("locks and sockets are in /var/run/zones", """
$ booted z{n}
$ mode /var/run/zones/index.lock
> file 0644
$ mode /var/run/zones/z{n}.zoneadm.lock
> file 0644
"""),
        untried("NAME.zoneadmd_door is a door, and NAME.console_sock a private protocol",
                "doors do not exist here; who wants the console calls zlogin(1)"),
    )),
)  # fmt: skip
