"""svccfg(8): properties of services, and manifests."""

from __future__ import annotations

import sys
import time

from labhost.smf import services

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from labhost.world import World

TYPES = ("astring", "boolean", "count", "integer", "time", "ustring", "host", "hostname", "net_address", "fmri", "uri")
USAGE = """Usage:\tsvccfg
\tsvccfg -s FMRI [subcommand [args]...]
\tsvccfg -f file
\tsvccfg import|validate|export|delete ..."""


class Wrong(Exception):
    """A subcommand that cannot be done; with a usage error it ends with 1 as well."""


def main(world: World, argv: list[str]) -> int:
    """Run one subcommand, those of a file, or those that come on standard input."""
    words = list(argv)
    selected: str | None = None
    lines: list[list[str]] | None = None
    while words and words[0] in {"-s", "-f", "-v"}:
        letter = words.pop(0)
        if letter == "-v":
            continue
        if not words:
            print(USAGE, file=sys.stderr)
            return 2
        value = words.pop(0)
        if letter == "-s":
            selected = value
        elif value == "-":
            lines = [_words(line) for line in sys.stdin]
        else:
            with open(world.host(value), encoding="utf-8") as file:
                lines = [_words(line) for line in file]
    if words:
        lines = [words]
    elif lines is None:
        lines = [_words(line) for line in sys.stdin]
    try:
        if selected is not None:
            selected = _select(world, selected)
        for line in lines:
            if line and not line[0].startswith("#"):
                selected = _run(world, line, selected)
    except Wrong as error:
        print(f"svccfg: {error}", file=sys.stderr)
        return 1
    return 0


def _words(line: str) -> list[str]:
    from shlex import split

    return split(line, comments=True)


def _select(world: World, pattern: str) -> str:
    """A service or an instance; properties set on a service are those of its instances."""
    known = services.load(world)["services"]
    names = services.matching(known, pattern)
    if not names:
        raise Wrong(f"Pattern '{pattern}' doesn't match any instances or services")
    whole = {name.rpartition(":")[0] for name in names}
    if len(names) > 1 and len(whole) > 1:
        raise Wrong(f"Pattern '{pattern}' matches multiple instances or services")
    return names[0] if len(names) == 1 else whole.pop()


def _run(world: World, line: list[str], selected: str | None) -> str | None:
    word, rest = line[0], line[1:]
    if word == "select" and rest:
        return _select(world, rest[0])
    if word in {"import", "validate"} and rest:
        _manifest(world, rest[-1], keep=word == "import")
    elif word == "list":
        for fmri in services.load(world)["services"]:
            print(fmri.rpartition(":")[0].removeprefix("svc:/"))
    elif word == "delete" and rest:
        _delete(world, rest[-1], force="-f" in rest)
    elif word in {"end", "quit", "exit"}:
        return selected
    elif word in {"setprop", "delprop", "listprop", "addpg", "delpg", "refresh", "addpropvalue"}:
        if selected is None:
            raise Wrong("No entity selected")
        _property(world, word, rest, selected)
    else:
        raise Wrong(f'Unknown command "{word}".')
    return selected


def _property(world: World, word: str, rest: list[str], selected: str) -> None:
    with world.lock("smf"):
        state = services.load(world)
        known = state["services"]
        names = [n for n in known if n == selected or n.rpartition(":")[0] == selected]
        for fmri in names:
            instance = known[fmri]
            props: dict[str, list[str]] = instance.setdefault("props", {})
            if word == "listprop":
                _list(props, instance, rest)
            elif word == "refresh":
                instance["running"] = dict(props)
            elif word in {"setprop", "addpropvalue"}:
                name, value = _assignment(" ".join(rest), props)
                props[name] = value
            elif word == "delprop" and rest:
                if rest[0] not in props:
                    raise Wrong(f'No such property "{rest[0]}".')
                del props[rest[0]]
            elif word == "delpg" and rest:
                for name in [name for name in props if name.startswith(f"{rest[0]}/")]:
                    del props[name]
        world.write("smf", state)


def _assignment(text: str, props: dict[str, list[str]]) -> tuple[str, list[str]]:
    """Read `pg/name = [type:] value`, where a value may be quoted or in parentheses."""
    name, equals, value = text.partition("=")
    name, value = name.strip(), value.strip()
    if not equals or name.count("/") < 1 or not value:
        raise Wrong("Syntax error.")
    kind, colon, rest = value.partition(":")
    if colon and kind.strip() in TYPES:
        value = rest.strip()
        kind = kind.strip()
    elif name in props:
        kind = props[name][0]
    else:
        raise Wrong(f'Type required for new property "{name}".')
    if value[0] == "(":
        # Several values are kept as they are listed: joined by blanks.
        return name, [kind, " ".join(part.strip('"') for part in value.strip("()").split()), "list"]
    value = value.strip('"')
    if kind == "boolean" and value not in {"true", "false", "0", "1"}:
        raise Wrong(f'"{value}" is not a boolean value.')
    if kind in {"count", "integer"} and not value.lstrip("-").isdecimal():
        raise Wrong(f'"{value}" is not an integer.')
    return name, [kind, value]


def _list(props: dict[str, list[str]], instance: dict[str, Any], rest: list[str]) -> None:
    shown = {**props, "general/enabled": ["boolean", "true" if instance["enabled"] else "false"]}
    for name, (kind, value, *several) in sorted(shown.items()):
        if not rest or any(name == want or name.startswith(f"{want}/") for want in rest):
            text = f'"{value}"' if not several and (value == "" or " " in value) else value
            print(f"{name:<30} {kind:<11} {text}")


def _delete(world: World, pattern: str, *, force: bool) -> None:
    with world.lock("smf"):
        state = services.load(world)
        names = services.matching(state["services"], pattern)
        if not names:
            raise Wrong(f"Pattern '{pattern}' doesn't match any instances or services")
        for fmri in names:
            if state["services"][fmri]["state"] in {"online", "degraded"} and not force:
                raise Wrong(f'Instance "{fmri}" is in the "online" state. Use -f to force.')
            del state["services"][fmri]
        world.write("smf", state)


def _manifest(world: World, path: str, *, keep: bool) -> None:
    """Read a manifest; its services join, disabled or enabled as their instances say."""
    from xml.etree import ElementTree as ET

    try:
        bundle = ET.parse(world.host(path)).getroot()
    except OSError as error:
        raise Wrong(f'couldn\'t open "{path}": {error.strerror}') from None
    except ET.ParseError:
        raise Wrong("couldn't parse document") from None
    if bundle.tag != "service_bundle":
        raise Wrong("document is not a service bundle")
    if not keep:
        return
    with world.lock("smf"):
        state = services.load(world)
        for service in bundle.iter("service"):
            instances = list(service.iter("instance")) + list(service.iter("create_default_instance"))
            for found in instances:
                fmri = f"svc:/{service.get('name')}:{found.get('name', 'default')}"
                enabled = found.get("enabled") == "true"
                title = service.find(".//common_name/loctext")
                name = (title.text or "").strip() if title is not None else fmri
                facts = {"state": "online" if enabled else "disabled", "enabled": enabled, "name": name}
                if fmri not in state["services"]:
                    state["services"][fmri] = {**facts, "since": int(time.time()), "props": {}, "running": {}}
        world.write("smf", state)
