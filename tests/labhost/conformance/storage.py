"""zfs(8), zpool(8) and the device nodes of volumes: every statement of section 6."""

from __future__ import annotations

from tests.labhost.conformance.statements import Section, proved, tried, untried

ZFS = "zfs(8); illumos-gate usr/src/cmd/zfs/zfs_main.c, usr/src/lib/libzfs/common/{libzfs_util.c,libzfs_dataset.c}"
STREAMS = "illumos-gate usr/src/lib/libzfs/common/libzfs_sendrecv.c"
ZPOOL = "zpool(8); illumos-gate usr/src/cmd/zpool/zpool_main.c"

SECTIONS = (
    Section("6.1", "zfs: exit status and messages", f"{ZFS}; {STREAMS}", (
        proved("each failure is 'cannot ACTION X: reason' with exit 1", "zfs/test_messages: what_is_refused_says_why"),
        tried("a bad option, a property that does not exist and too few words are usage", """
$ zfs list -Q
! …
= 2
$ zfs get nosuch rpool
! …
= 2
$ zfs list -o nosuch
! …
= 2
$ zfs
! …
= 2
"""),
        tried("a missing pool is a missing dataset to zfs, and no pool to zpool", """
$ zfs list none{n}/x
! cannot open 'none{n}/x': dataset does not exist
= 1
$ zpool list none{n}
! cannot open 'none{n}': no such pool
= 1
"""),
        tried("create: exists, no parent, no filesystem, no pool, no room, no size, no such character", """
$ zfs create -s -V 1G rpool/d{n}
$ zfs create rpool/d{n}
! cannot create 'rpool/d{n}': dataset already exists
= 1
$ zfs create rpool/none{n}/x
! cannot create 'rpool/none{n}/x': parent does not exist
= 1
$ zfs create rpool/d{n}/x
! cannot create 'rpool/d{n}/x': parent is not a filesystem
= 1
$ zfs create none{n}/x
! cannot create 'none{n}/x': no such pool 'none{n}'
= 1
$ zfs create -V 100T rpool/e{n}
! cannot create 'rpool/e{n}': out of space
= 1
$ zfs create -V 0 rpool/e{n}
! cannot create 'rpool/e{n}': volume size cannot be zero
= 1
$ zfs create 'rpool/e{n};'
! cannot create 'rpool/e{n};': invalid character ';' in name
= 1
"""),
        tried("destroy: children, clones, pool, too many words", """
$ zfs create -p -s -V 1G rpool/d{n}/v
$ zfs snapshot rpool/d{n}/v@a
$ zfs clone rpool/d{n}/v@a rpool/c{n}
$ zfs destroy rpool/d{n}
! cannot destroy 'rpool/d{n}': filesystem has children
! use '-r' to destroy the following datasets:
! rpool/d{n}/v@a
! rpool/d{n}/v
= 1
$ zfs destroy -r rpool/d{n}
! cannot destroy 'rpool/d{n}': filesystem has dependent clones
! use '-R' to destroy the following datasets:
! rpool/c{n}
= 1
$ zfs destroy rpool/d{n} rpool/c{n}
! too many arguments
! …
= 2
$ zfs destroy -R rpool/d{n}
"""),
        tried("destroy of snapshots: none, cloned, held", """
$ zfs create -s -V 1G rpool/d{n}
$ zfs destroy rpool/d{n}@none
! could not find any snapshots to destroy; check snapshot names.
= 1
$ zfs snapshot rpool/d{n}@a rpool/d{n}@b
$ zfs hold tag rpool/d{n}@b
$ zfs destroy rpool/d{n}@b
! cannot destroy snapshot rpool/d{n}@b: dataset is busy
= 1
$ zfs hold tag rpool/d{n}@b
! cannot hold snapshot 'rpool/d{n}@b': tag already exists on this dataset
= 1
$ zfs release tag rpool/d{n}@b
$ zfs release tag rpool/d{n}@b
! cannot release hold from snapshot 'rpool/d{n}@b': no such tag on this dataset
= 1
$ zfs destroy rpool/d{n}@b
"""),
        tried("rollback: what is newer, and clones of it", """
$ zfs create -s -V 1G rpool/d{n}
$ zfs snapshot rpool/d{n}@a
$ zfs snapshot rpool/d{n}@b
$ zfs rollback rpool/d{n}@a
! cannot rollback to 'rpool/d{n}@a': more recent snapshots or bookmarks exist
! use '-r' to force deletion of the following snapshots and bookmarks:
! rpool/d{n}@b
= 1
$ zfs clone rpool/d{n}@b rpool/c{n}
$ zfs rollback -r rpool/d{n}@a
! cannot rollback to 'rpool/d{n}@a': clones of previous snapshots exist
! use '-R' to force deletion of the following clones and dependents:
! rpool/c{n}
= 1
$ zfs rollback -R rpool/d{n}@a
$ zfs list -H -o name rpool/c{n}
! cannot open 'rpool/c{n}': dataset does not exist
= 1
"""),
        tried("recv: what is there needs force, an increment its base", """
$ zfs create rpool/d{n}
$ zfs promote rpool/d{n}
! cannot promote 'rpool/d{n}': not a cloned filesystem
= 1
$ zfs rename rpool/d{n} none{n}/x
! cannot rename 'rpool/d{n}': datasets must be within same pool
= 1
"""),
        proved("a clone stays in its pool", "zfs/test_pools: a_second_pool_of_a_file"),
        proved("the refusals of recv", "zfs/test_streams: a_target_that_is_there_needs_force an_increment_needs_its_base"),
        proved("a recursive snapshot that cannot be taken as a whole is not taken",
               "zfs/test_lineage: snapshots_of_one_command_are_taken_together_or_not_at_all"),
        tried("without privilege the reason is permission denied", """
$ zfs create rpool/d{n}
$ world euid=1000
$ zfs create rpool/e{n}
! cannot create 'rpool/e{n}': permission denied
= 1
$ zfs destroy rpool/d{n}
! cannot destroy 'rpool/d{n}': permission denied
= 1
$ zfs list -H -o name rpool/d{n}
> rpool/d{n}
$ world euid=
"""),
        tried("there is no --json, no wait, no create -u", """
$ zfs list -j
! …
= 2
$ zfs wait rpool
! …
= 2
$ zfs create -u rpool/d{n}
! …
= 2
$ zpool wait rpool
! …
= 2
"""),
    )),
    Section("6.2", "zfs: syntax", f"{ZFS}; {STREAMS}", (
        tried("create -p makes parents, and is content with what is there", """
$ zfs create -p -s -V 1G rpool/d{n}/a/b
$ zfs create -p -s -V 1G rpool/d{n}/a/b
$ zfs list -H -o name -r rpool/d{n}
> rpool/d{n}
> rpool/d{n}/a
> rpool/d{n}/a/b
"""),
        tried("sizes go up to whole blocks, of 8K when nothing is said", """
$ zfs create -s -V 1000 rpool/d{n}
$ zfs create -s -b 64K -V 100000 rpool/e{n}
$ zfs get -Hp -o value volsize,volblocksize rpool/d{n} rpool/e{n}
> 8192
> 8192
> 131072
> 65536
"""),
        *(tried(f"{text} is a size", f"""
$ zfs create -s -V {text} rpool/d{{n}}
$ zfs get -Hp -o value volsize rpool/d{{n}}
> {size}
""") for text, size in (("64M", 64 << 20), ("30G", 30 << 30), ("1.5T", 3 << 39), ("2t", 2 << 40), ("512K", 512 << 10))),
        tried("a size that this machine has no files for is refused, and nothing is left", """
$ zfs create -s -V 1000P rpool/d{n}
! cannot create 'rpool/d{n}': file too large
= 1
$ zfs create -s -V 8M rpool/d{n}
$ zfs set volsize=1000P rpool/d{n}
! cannot set property for 'rpool/d{n}': file too large
= 1
$ zfs get -Hp -o value volsize rpool/d{n}
> 8388608
"""),
        tried("only a sparse volume has no reservation", """
$ zfs create -V 8M rpool/d{n}
$ zfs create -s -V 8M rpool/e{n}
$ zfs get -Hp -o value refreservation rpool/e{n}
> 0
$ zfs get -H -o value refreservation rpool/d{n}
> 10M
"""),
        tried("a clone of a volume is sparse, may grow, and even shrink", """
$ zfs create -V 8M rpool/d{n}
$ zfs snapshot rpool/d{n}@a
$ zfs clone -p rpool/d{n}@a rpool/c{n}/deep/v
$ zfs get -Hp -o value refreservation,volsize,origin rpool/c{n}/deep/v
> 0
> 8388608
> rpool/d{n}@a
$ zfs set volsize=16M rpool/c{n}/deep/v
$ zfs set volsize=4M rpool/c{n}/deep/v
"""),
        proved("snapshots are destroyed as lists and ranges, and put off",
               "zfs/test_destroying: a_range_and_a_list_of_snapshots "
               "a_deferred_destroy_happens_with_the_last_reason_to_wait"),
        tried("promote turns parent and child around, and takes the snapshots along", """
$ zfs create -s -V 1G rpool/d{n}
$ zfs snapshot rpool/d{n}@a
$ zfs clone rpool/d{n}@a rpool/c{n}
$ zfs promote rpool/c{n}
$ zfs get -H -o name,value origin rpool/d{n} rpool/c{n}
> rpool/c{n}\t-
> rpool/d{n}\trpool/c{n}@a
"""),
        tried("rename may make parents, and rename -r renames snapshots", """
$ zfs create rpool/d{n}
$ zfs create rpool/d{n}/a
$ zfs snapshot -r rpool/d{n}@a
$ zfs rename -r rpool/d{n}@a @b
$ zfs rename -p rpool/d{n} rpool/e{n}/f
$ zfs list -H -t snapshot -o name -r rpool/e{n}
> rpool/e{n}/f@b
> rpool/e{n}/f/a@b
"""),
        tried("holds has a time of the host", """
$ zfs create rpool/d{n}
$ zfs snapshot rpool/d{n}@a
$ zfs hold mine rpool/d{n}@a
$ zfs holds -H rpool/d{n}@a
> rpool/d{n}@a\tmine\t… … … …:… …
$ zfs holds rpool/d{n}@a
> NAME…TAG…TIMESTAMP
> rpool/d{n}@a…mine…
"""),
        tried("user properties have a colon, are inherited in sight, and unset by inherit", """
$ zfs create -p rpool/d{n}/a
$ zfs set mine:tag=1 rpool/d{n}
$ zfs get -H -o name,value,source mine:tag rpool/d{n} rpool/d{n}/a
> rpool/d{n}\t1\tlocal
> rpool/d{n}/a\t1\tinherited from rpool/d{n}
$ zfs inherit mine:tag rpool/d{n}
$ zfs get -H -o value,source mine:tag rpool/d{n}/a
> -\t-
$ zfs set mine=1 rpool/d{n}
! cannot set property for 'rpool/d{n}': invalid property 'mine'
= 1
"""),
        tried("user properties have less than 8 KiB", f"""
$ zfs create rpool/d{{n}}
$ zfs set mine:a={"x" * 8191} rpool/d{{n}}
$ zfs set mine:a={"x" * 8192} rpool/d{{n}}
! cannot set property for 'rpool/d{{n}}': …
= 1
"""),
        proved("send and recv, their estimate, and that both ends count",
               "zfs/test_streams: a_volume_travels_with_its_content an_estimate_for_programs "
               "all_snapshots_between_travel_together a_whole_tree_travels_as_one "
               "a_slow_pipe_can_be_killed_and_leaves_nothing"),
    )),
    Section("6.3", "zfs: list", ZFS, (
        tried("default columns, and no snapshots", """
$ zfs create rpool/d{n}
$ zfs snapshot rpool/d{n}@a
$ zfs list -r rpool/d{n}
> NAME…USED  AVAIL  REFER  MOUNTPOINT
> rpool/d{n}…/rpool/d{n}
"""),
        tried("-t all and -t snapshot show them, without children only of what is named", """
$ zfs create -p rpool/d{n}/a
$ zfs snapshot -r rpool/d{n}@b
$ zfs list -H -o name -t all -r rpool/d{n}
> rpool/d{n}
> rpool/d{n}@b
> rpool/d{n}/a
> rpool/d{n}/a@b
$ zfs list -H -o name -t snap -d 1 rpool/d{n}
> rpool/d{n}@b
$ zfs list -H -o name rpool/d{n}
> rpool/d{n}
"""),
        tried("-H has tabulators and no header, a missing value is a hyphen", """
$ zfs create -s -V 8M rpool/d{n}
$ zfs list -Hp -o name,volsize,mountpoint rpool/d{n}
> rpool/d{n}\t8388608\t-
"""),
        tried("a missing name is said, the others are shown, exit 1", """
$ zfs create rpool/d{n}
$ zfs list -H -o name rpool/none{n} rpool/d{n}
> rpool/d{n}
! cannot open 'rpool/none{n}': dataset does not exist
= 1
"""),
        tried("nothing to show is a word on standard output, with exit 0", """
$ zfs create rpool/d{n}
$ zfs list -t volume -r rpool/d{n}
> no datasets available
$ zfs list -H -t volume -r rpool/d{n}
"""),
        proved("by name, parents first, snapshots by age; -s and -S sort by columns",
               "zfs/test_showing: order_is_by_name_with_snapshots_by_age sorting_by_columns"),
    )),
    Section("6.4", "zfs: get", f"{ZFS}; illumos-gate usr/src/common/zfs/zfs_prop.c", (
        tried("four columns, separated by tabulators", """
$ zfs create rpool/d{n}
$ zfs get -H type,mountpoint rpool/d{n}
> rpool/d{n}\ttype\tfilesystem\t-
> rpool/d{n}\tmountpoint\t/rpool/d{n}\tdefault
"""),
        tried("sources are told apart", """
$ zfs create -p rpool/d{n}/a
$ zfs set compression=off rpool/d{n}
$ zfs get -H -o value,source compression rpool/d{n} rpool/d{n}/a
> off\tlocal
> off\tinherited from rpool/d{n}
$ zfs get -H -o source atime,used rpool/d{n}
> default
> -
"""),
        tried("a user property nobody set is a hyphen, a misspelt one of the system usage", """
$ zfs create rpool/d{n}
$ zfs get -H mine:none rpool/d{n}
> rpool/d{n}\tmine:none\t-\t-
$ zfs get -H compresion rpool/d{n}
! …
= 2
"""),
        tried("-p has bytes and zeros, and leaves the x of a ratio", """
$ zfs create rpool/d{n}
$ zfs get -Hp -o value quota,reservation,compressratio rpool/d{n}
> 0
> 0
> 1.00x
$ zfs get -H -o value quota,reservation rpool/d{n}
> none
> none
"""),
        tried("what does not apply is a hyphen", """
$ zfs create -s -V 8M rpool/d{n}
$ zfs get -Hp -o property,value type,volsize,origin,mounted rpool/d{n}
> type\tvolume
> volsize\t8388608
> origin\t-
> mounted\t-
"""),
        tried("-s chooses by source", """
$ zfs create -o mine:a=1 rpool/d{n}
$ zfs get -H -o property,value -s local all rpool/d{n}
> mine:a\t1
"""),
        untried("a source may be temporary", "nothing is mounted with options on a lab host"),
        tried("received is a column of its own", """
$ zfs create -o mine:a=1 rpool/d{n}
$ zfs get -H -o name,property,value,received,source mine:a rpool/d{n}
> rpool/d{n}\tmine:a\t1\t-\tlocal
"""),
    )),
    Section("6.5", "zpool", ZPOOL, (
        proved("the default columns; -p drops the signs", "zfs/test_pools: the_table_of_pools"),
        tried("a pool that is not there, and one that is well", """
$ zpool list none{n}
! cannot open 'none{n}': no such pool
= 1
$ zpool list -H -o name,health rpool
> rpool\tONLINE
$ zpool status -x
> all pools are healthy
"""),
        proved("no pools", "zfs/test_pools: no_pools_is_said"),
        proved("a pool that is not well is shown", "zfs/test_pools: health"),
    )),
    Section("6.6", "zfs: device nodes", "zvol; illumos-gate usr/src/uts/common/fs/zfs/zvol.c", (
        tried("a block and a raw node come and go with the volume", """
$ zfs create -s -V 8M rpool/d{n}
$ mode /dev/zvol/dsk/rpool/d{n}
> file …
$ mode /dev/zvol/rdsk/rpool/d{n}
> file …
$ zfs destroy rpool/d{n}
$ mode /dev/zvol/rdsk/rpool/d{n}
> no file
"""),
        proved("what is written there is the volume", "zfs/test_creating: a_device_node_leads_to_the_content"),
        untried("nothing but an open volume is busy", "said of what zfs does not record; the brand's 4.9 shows the rest"),
    )),
)  # fmt: skip
