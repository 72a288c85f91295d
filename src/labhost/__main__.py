"""`labhost`: make a lab host, look at it, fill it with examples, order faults, end it."""

from __future__ import annotations

import argparse
import json
import sys

from labhost import faults
from labhost.world import World, WorldError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run one labhost command line and return its exit code."""
    given = _parser().parse_args(argv)
    action: Callable[[argparse.Namespace], int] = given.do
    try:
        return action(given)
    except (WorldError, ValueError) as problem:
        print(f"labhost: {problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="labhost", description="An emulated OmniOS host in a folder.")
    actions = parser.add_subparsers(required=True, metavar="ACTION")

    def action(
        name: str, text: str, do: Callable[[argparse.Namespace], int], *, settings: bool = False
    ) -> argparse.ArgumentParser:
        one = actions.add_parser(name, help=text, description=text)
        one.add_argument("dir", metavar="DIR", help="the folder of the host")
        if settings:
            one.add_argument("settings", nargs="*", metavar="NAME=VALUE", help="settings of the host")
        one.set_defaults(do=do)
        return one

    action("up", "make the host, or bring it up to date", _up, settings=True)
    action("down", "end the guests and everything else that runs on the host", _down)
    action("status", "show what the host is and has", _status)
    action("set", "change settings of the host; an empty value takes one back", _set, settings=True)
    action("examples", "make the images and datasets that the examples name", _examples)
    action("faults", "show the faults on order", _faults)
    action("clear", "take back all faults on order", _clear)
    guest = actions.add_parser("guest", help="say which guests zones can have here", description=_guest.__doc__)
    guest.add_argument("kind", nargs="?", default="", help="the kind that is wanted; without it the best")
    guest.add_argument("--dir", default="", help="the folder (or one above it) of the host they are for")
    guest.set_defaults(do=_guest)
    reach = action("reach", "say in which network namespace and at which address a zone's guest is", _reach)
    reach.add_argument("zone", help="a running zone")
    _templates(actions.add_parser("template", help="make templates, and put them into hosts"))
    fault = action("fault", "order a fault", _fault)
    fault.add_argument("act", choices=faults.ACTS)
    fault.add_argument("command", help='the command that it strikes, "*" for any')
    fault.add_argument("words", nargs="*", help="words that must all be among the arguments")
    fault.add_argument("--nth", type=int, default=1, help="strike the nth such command (1)")
    fault.add_argument("--when", choices=("before", "after", "during"), default="before")
    fault.add_argument("--message", default="", help="what it says on stderr")
    fault.add_argument("--exit", type=int, default=1, help="the exit code (1)")
    fault.add_argument("--seconds", type=float, default=0, help="how long it is slow, or outlives its caller")
    fault.add_argument("--always", action="store_true", help="strike every one from the nth on")
    return parser


def _templates(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    build = actions.add_parser("build", help="build a template from its packages, unless it is there")
    build.add_argument("name", help="debian-12")
    build.add_argument("--current", action="store_true", help="build it again when it was made by another recipe")
    build.add_argument("--anew", action="store_true", help="build it again; no guest may be running that began as it")
    build.set_defaults(do=_template_build)
    importing = actions.add_parser("import", help="make a template of a disk image, raw or qcow2")
    importing.add_argument("name", help="what it is called from now on")
    importing.add_argument("file", help="the image; it stays as it is")
    importing.set_defaults(do=_template_import)
    put = actions.add_parser("put", help="put templates into a host, as rpool/templates/NAME@ready")
    put.add_argument("dir", metavar="DIR", help="the folder of the host")
    put.add_argument("names", nargs="+", metavar="NAME", help="templates")
    put.set_defaults(do=_template_put)
    listing = actions.add_parser("list", help="show the templates there are")
    listing.set_defaults(do=_template_list)
    removing = actions.add_parser("remove", help="remove a template; hosts that have it as a disk keep it")
    removing.add_argument("name", help="its name")
    removing.set_defaults(do=_template_remove)


def _settings(words: list[str]) -> dict[str, object]:
    """Return settings from NAME=VALUE words; a value is JSON if it can be, else text."""
    found: dict[str, object] = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not equals:
            raise ValueError(f"{word} is no setting: say NAME=VALUE")
        try:
            found[name] = json.loads(text) if text else None
        except json.JSONDecodeError:
            found[name] = text
    return found


def _up(given: argparse.Namespace) -> int:
    world = World.create(given.dir, **_settings(given.settings))
    print(f"{world.path}: commands in bin/, files in root/")
    return 0


def _set(given: argparse.Namespace) -> int:
    World(given.dir).configure(**_settings(given.settings))
    return 0


def _down(given: argparse.Namespace) -> int:
    from labhost.ending import end

    ended = end(World(given.dir))
    print(f"{len(ended)} processes ended")
    return 0


def _status(given: argparse.Namespace) -> int:
    world = World(given.dir)
    zones = world.read("zones").get("zones", {})
    zfs = world.read("zfs")
    print(f"host      {world.path}")
    print(f"settings  {json.dumps(world.read('settings'), sort_keys=True)}")
    for name, pool in sorted(zfs.get("pools", {}).items()):
        print(f"pool      {name} {pool['health']} {pool['size']} bytes")
    print(f"datasets  {len(zfs.get('datasets', {}))}")
    for name, zone in sorted(zones.items()):
        print(f"zone      {name} {zone['state']} id {zone['zoneid']} process {zone.get('pid')}")
    print(f"faults    {len(faults.orders(world))} on order")
    return 0


def _examples(given: argparse.Namespace) -> int:
    from labhost.examples import make

    for line in make(World(given.dir)):
        print(line)
    return 0


def _guest(given: argparse.Namespace) -> int:
    """Print the kind of guests that zones get on this machine, a tab, and why."""
    from labhost.guests.choice import choose

    kind, why = choose(given.kind, given.dir)
    print(f"{kind}\t{' '.join(why.split())}")
    return 0


def _reach(given: argparse.Namespace) -> int:
    from labhost.net import reaching, real

    world = World(given.dir)
    print(f"{real.place(world)}\t{reaching.address(world, given.zone)}")
    return 0


def _template_build(given: argparse.Namespace) -> int:
    from labhost.templates.building import build

    build(given.name, _saying(given.name), anew=given.anew, current=given.current)
    return 0


def _template_import(given: argparse.Namespace) -> int:
    from labhost.templates.importing import import_

    import_(given.name, given.file, _saying(given.name))
    return 0


def _template_put(given: argparse.Namespace) -> int:
    from labhost.templates.cache import Template
    from labhost.templates.placing import dataset, put

    world = World(given.dir)
    for name in given.names:
        made = put(world, Template(name))
        print(f"{dataset(name)}@ready: {'made' if made else 'is there'}")
    return 0


def _template_list(_given: argparse.Namespace) -> int:
    from labhost.templates import cache

    for name in cache.names():
        template = cache.Template(name)
        parts = [part for part, there in (("root", template.has_root), ("disk", template.has_disk)) if there]
        print(f"{name}\t{' and '.join(parts) or 'nothing'}\t{template.top}")
    return 0


def _template_remove(given: argparse.Namespace) -> int:
    from labhost.templates.cache import Lock, Template

    template = Template(given.name)
    with Lock(template, _saying(given.name)):
        if not template.has_root and not template.has_disk:
            raise ValueError(f"there is no template {given.name}")
        template.forget()
    return 0


def _saying(name: str) -> Callable[[str], None]:
    def say(text: str) -> None:
        print(f"{name}: {text}", flush=True)

    return say


def _fault(given: argparse.Namespace) -> int:
    identity = faults.order(
        World(given.dir),
        command=given.command,
        words=given.words,
        nth=given.nth,
        act=given.act,
        when=given.when,
        message=given.message,
        exit=given.exit,
        seconds=given.seconds,
        once=not given.always,
    )
    print(identity)
    return 0


def _faults(given: argparse.Namespace) -> int:
    for entry in faults.orders(World(given.dir)):
        state = f"struck {len(entry['fired'])} times" if entry["fired"] else "waits"
        words = " ".join([entry["command"], *entry["words"]])
        print(f"{entry['id']}  {entry['act']} {entry['when']} number {entry['nth']} of '{words}': {state}")
    return 0


def _clear(given: argparse.Namespace) -> int:
    faults.clear(World(given.dir))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
