"""zfs(8): whose a dataset is, what is said to make one, and what its refusals mean."""

import pytest

from zoneweaver.domain.sizes import Size
from zoneweaver.host import zfs
from zoneweaver.host.command import Command, Query

TAGS = zfs.Tags(task="T1", zone="web")
LONG = ("-o", "zoneweaver:task=T1", "-o", "zoneweaver:zone=web")


def dataset(name: str, task: str | None = None, source: str = "local", zone: str | None = "web") -> zfs.Dataset:
    return zfs.Dataset(
        name=name,
        kind=zfs.DatasetKind.VOLUME,
        task=None if task is None else zfs.Property(value=task, source=source),
        zone=None if zone is None else zfs.Property(value=zone, source=source),
    )


def test_a_tag_that_was_set_on_it_is_the_proof() -> None:
    """The task that set its tag on a dataset owns it, and nobody else does."""
    mine = dataset("p/web/root", "T1")
    assert mine.owned_by("T1")
    assert not mine.owned_by("T2")
    assert mine.owned_for_zone("web")
    assert not mine.owned_for_zone("other")


@pytest.mark.parametrize("source", ["inherited from p/web", "received", "default", "temporary", ""])
def test_a_tag_from_elsewhere_proves_nothing(source: str) -> None:
    """A child, a clone or something that was received shows a tag that nobody set on it."""
    seen = dataset("p/web/root", "T1", source)
    assert not seen.owned_by("T1")
    assert not seen.owned_for_zone("web")


def test_a_dataset_without_tags_is_nobodys() -> None:
    """What carries no tag was made by somebody else; a zone's tag alone is not enough either."""
    assert not dataset("p/web/root", None, zone=None).owned_by("T1")
    assert not dataset("p/web/root", None).owned_for_zone("web")
    assert not dataset("p/web/root", "T1", zone=None).owned_for_zone("web")


def test_what_lies_below_something_of_ours_is_told_apart() -> None:
    """A tag inherited from above counts as such only for the right task, and only from above."""
    assert dataset("p/web/root", "T1", "inherited from p/web").below_owned("T1")
    assert dataset("p/web@a", "T1", "inherited from p/web").below_owned("T1")
    assert not dataset("p/web/root", "T2", "inherited from p/web").below_owned("T1")
    assert not dataset("p/web/root", "T1").below_owned("T1")
    assert not dataset("p/web2", "T1", "inherited from p/web").below_owned("T1")
    assert not dataset("p/web/root").below_owned("T1")


def test_all_datasets_are_asked_for_in_one_process() -> None:
    """However many there are, one process answers."""
    command = zfs.survey(["p/a", "p/b", "p/c@x"]).command
    assert command.argv[:3] == ("zfs", "get", "-Hp")
    assert command.argv[-3:] == ("p/a", "p/b", "p/c@x")
    assert "-r" not in command.argv
    assert not command.changes


@pytest.mark.parametrize(
    ("query", "kinds"),
    [
        (zfs.survey(["p/a"], recursive=True), "filesystem,volume"),
        (zfs.survey(["p/a"], recursive=True, snapshots=True), "filesystem,volume,snapshot"),
        (zfs.survey(["p/a", "p/b@x"], recursive=True), "filesystem,volume,snapshot"),
    ],
)
def test_what_lies_below_is_asked_for_by_kind(query: object, kinds: str) -> None:
    """Snapshots, of which there may be thousands, are asked for only when they are wanted."""
    assert isinstance(query, Query)
    argv = query.command.argv
    assert argv[argv.index("-t") + 1] == kinds
    assert "-r" in argv


@pytest.mark.parametrize(
    ("command", "argv"),
    [
        (zfs.create_filesystem("p/web", TAGS), ("zfs", "create", *LONG, "p/web")),
        (
            zfs.create_filesystem("p/web", TAGS, mountpoint="/w"),
            ("zfs", "create", *LONG, "-o", "mountpoint=/w", "p/web"),
        ),
        (
            zfs.create_volume("p/web/root", size=Size.parse("30G"), sparse=True, tags=TAGS),
            ("zfs", "create", "-s", *LONG, "-V", "30G", "p/web/root"),
        ),
        (
            zfs.create_volume("p/web/root", size=Size.parse("8K"), sparse=False, tags=TAGS),
            ("zfs", "create", *LONG, "-V", "8K", "p/web/root"),
        ),
        (zfs.clone("p/t@x", "p/web/root", TAGS), ("zfs", "clone", *LONG, "p/t@x", "p/web/root")),
        (
            zfs.adopt("p/a", tags=TAGS, volsize=Size.parse("2G")),
            ("zfs", "set", "zoneweaver:task=T1", "zoneweaver:zone=web", "volsize=2G", "p/a"),
        ),
        (zfs.set_tags("p/a", TAGS), ("zfs", "set", "zoneweaver:task=T1", "zoneweaver:zone=web", "p/a")),
        (zfs.set_volsize("p/a", Size.parse("2G")), ("zfs", "set", "volsize=2G", "p/a")),
        (zfs.destroy("p/a"), ("zfs", "destroy", "p/a")),
        (zfs.destroy("p/a", recursive=True), ("zfs", "destroy", "-r", "p/a")),
        (zfs.snapshot("p/a@x"), ("zfs", "snapshot", "p/a@x")),
        (zfs.snapshot("p/a@x", TAGS, recursive=True), ("zfs", "snapshot", "-r", *LONG, "p/a@x")),
        (zfs.rollback("p/a@x"), ("zfs", "rollback", "p/a@x")),
        (zfs.rollback("p/a@x", destroy_newer=True), ("zfs", "rollback", "-r", "p/a@x")),
        (zfs.promote("p/a"), ("zfs", "promote", "p/a")),
        (zfs.rename("p/a", "p/b"), ("zfs", "rename", "p/a", "p/b")),
        (zfs.mount("p/a"), ("zfs", "mount", "p/a")),
        (zfs.unmount("p/a"), ("zfs", "unmount", "p/a")),
    ],
    ids=lambda value: value.argv[1] if isinstance(value, Command) else "",
)
def test_changes_are_said_as_the_manual_has_them(command: Command, argv: tuple[str, ...]) -> None:
    """Every change is one process, marked as a change; what is made is tagged by the very command that makes it."""
    assert command.argv == argv
    assert command.changes


def test_a_copy_is_two_processes() -> None:
    """A copy is sent into a dataset that is not mounted by being received."""
    command = zfs.copy("p/t@x", "q/web/root")
    assert (command.argv, command.pipe_to) == (("zfs", "send", "p/t@x"), ("zfs", "recv", "-u", "q/web/root"))
    assert command.timeout > 3600


REFUSALS = {
    "cannot create 'p/a': dataset already exists": {"exists"},
    "cannot receive new filesystem stream: destination 'p/a' exists\nmust specify -F to overwrite it": {"exists"},
    "cannot open 'p/a': dataset does not exist": {"missing"},
    "cannot open 'p': no such pool": {"missing"},
    "could not find any snapshots to destroy; check snapshot names.": {"missing"},
    "cannot create 'p/a/b': parent does not exist": {"parent"},
    "cannot create 'p/a/b': parent is not a filesystem": {"parent"},
    "cannot destroy 'p/a': dataset is busy": {"busy"},
    "cannot create 'p/a': out of space": {"space"},
    "cannot set property for 'p/a': size is greater than available space": {"space"},
    "cannot create 'p/a': permission denied": set(),
}


@pytest.mark.parametrize("stderr", REFUSALS)
def test_refusals_are_told_apart(stderr: str) -> None:
    """Each thing that zfs says means one thing."""
    meanings = {
        "exists": zfs.said_exists,
        "missing": zfs.said_missing,
        "parent": zfs.said_no_parent,
        "busy": zfs.said_busy,
        "space": zfs.said_no_space,
    }
    assert {name for name, says in meanings.items() if says(stderr)} == REFUSALS[stderr]


def test_what_stands_in_the_way_is_named() -> None:
    """Children, snapshots and clones that keep a dataset from being destroyed are read from the complaint."""
    said = "cannot destroy 'p/a': filesystem has children\nuse '-r' to destroy the following datasets:\np/a/b\np/a@x\n"
    assert zfs.dependents(said) == ("p/a/b", "p/a@x")
    assert zfs.dependents("cannot destroy 'p/a': dataset is busy\n") == ()
