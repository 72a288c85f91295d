"""One session of zonecfg: a copy of the configuration, commands that change it, and what they say.

Nothing here is a transaction: a command that fails leaves what went before, and the whole document is written at
the commit over whatever others wrote meanwhile. Only the index is locked.
"""

from __future__ import annotations

import sys

from labhost.zones import configurations, index, schema, showing, states, values
from labhost.zones.document import Config, Resource, parse
from labhost.zones.lexer import Reader, Statement, SyntaxProblem
from labhost.zones.names import is_zone_name
from labhost.zones.verification import verify

TYPE_CHECKING = False
if TYPE_CHECKING:
    from labhost.world import World
    from labhost.zones.lexer import Pairs, Value

_STRINGS = schema.STRINGS
_RESOURCE_ONLY = ("cancel", "end")
_GLOBAL_ONLY = ("commit", "create", "delete", "revert", "select", "verify")
_ARTICLE = {"attr": "An", "admin": "An"}


class Leave(Exception):
    """The session ends at once with this exit code; nothing more is committed."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Session:
    """The state of one run of zonecfg; `file_name` is set in `-f` mode, `interactive` for a dialogue."""

    __slots__ = (
        "base", "config", "dirty", "done", "draft", "error", "file_name", "interactive", "line", "old", "read_only",
        "said_line", "saved_as", "world", "zone",
    )  # fmt: skip

    def __init__(self, world: World, zone: str, *, file_name: str = "", interactive: bool = False) -> None:
        self.world = world
        self.zone = zone
        self.file_name = file_name
        self.interactive = interactive
        self.read_only = world.setting("euid", 0) != 0
        self.config: Config | None = None
        self.base = zone  # what `revert` goes back to
        self.saved_as = ""  # the name under which the configuration is on disk
        self.draft: Resource | None = None
        self.old: Resource | None = None
        self.dirty = False
        self.done = False
        self.error = False
        self.line = 0
        self.said_line = 0

    # -- saying

    def say(self, text: str, *, error: bool = False) -> None:
        """Print a message to standard error, after the place in the file where there is one."""
        self.error |= error
        if self.file_name and self.line > self.said_line:
            place = f"On line {self.line}:" if self.file_name == "-" else f"On line {self.line} of {self.file_name}:"
            sys.stderr.write(place + "\n")
            self.said_line = self.line
        sys.stderr.write(text + "\n")

    def fail(self, text: str) -> None:
        """Say what is wrong; the session's exit code will be 1."""
        self.say(text, error=True)

    def usage(self, command: str) -> None:
        """Say how a command is written."""
        self.fail(f"usage:\n{schema.COMMANDS[command]}")

    def show(self, text: str) -> None:
        """Print a line to standard output."""
        sys.stdout.write(text + "\n")

    # -- the handle

    def open(self, *, expected: bool = True) -> Config | None:
        """Return the copy being edited, read at first use; None after saying that there is no such zone."""
        if self.config is not None:
            return self.config
        try:
            config = configurations.load(self.world, self.zone)
        except configurations.NoZone:
            self.say(f"{self.zone}: {_STRINGS['no zone']}", error=expected)
            if self.interactive and not self.read_only:
                sys.stdout.write("Use 'create' to begin configuring a new zone.\n")
            return None
        except configurations.BadDocument:
            self.say(f"{self.zone}: {_STRINGS['document']}", error=expected)
            return None
        if not config.get("brand"):
            self.say(f"Zone {self.zone} is inconsistent: missing brand attribute")
            raise Leave(1)
        self._known_brand(config.get("brand"))
        self.config = config
        self.saved_as = self.zone
        return config

    def _known_brand(self, brand: str) -> None:
        if brand not in schema.BRANDS:
            self.say(f'Zone {self.zone} uses non-existent brand "{brand}".  Unable to continue')
            raise Leave(1)

    def writable(self, command: str) -> bool:
        """Tell whether the zone may be changed, after saying why not."""
        if self.zone.startswith("SUNW"):
            self.fail(f"{self.zone}: zones beginning with SUNW are read-only.")
            return False
        if self.read_only:
            self.fail(f"{self.zone}: cannot {command} in read-only mode.")
            return False
        return True

    def ask(self, question: str) -> bool | None:
        """Ask the person at the terminal; None if there is none."""
        if not (self.interactive and sys.stdin.isatty()):
            return None
        sys.stdout.write(f"{question} (y/[n])? ")
        sys.stdout.flush()
        return sys.stdin.readline().strip().lower().startswith("y")

    # -- running

    def run(self, statement: Statement) -> None:
        """Do one statement."""
        self.line = statement.line
        reader = Reader(statement)
        command = ""
        try:
            if statement.broken is not None and not statement.tokens:
                raise SyntaxProblem(statement.broken)
            command = reader.word(schema.COMMANDS)
            if statement.broken is not None:
                raise SyntaxProblem(statement.broken)
            if (command in _RESOURCE_ONLY and self.draft is None) or (
                command in _GLOBAL_ONLY and self.draft is not None
            ):
                self.fail(
                    f"The {command} command only makes sense in the "
                    f"{'resource' if self.draft is None else 'global'} scope."
                )
                return
            getattr(self, f"_{command}")(reader)
        except SyntaxProblem as problem:
            self.fail(str(problem))
            if command:
                self.usage(command)
        except values.Refused as refusal:
            self.fail(str(refusal))

    def finish(self) -> int:
        """End a session that is no dialogue: commit what is there, and return the exit code."""
        if self.draft is not None:
            self.fail("Resource incomplete.")
        elif self.dirty and not self.save():
            self.fail("Configuration not saved.")
        return 1 if self.error else 0

    def save(self) -> bool:
        """Verify and write the configuration; tell whether it is saved."""
        config = self.config
        if config is None:
            return False
        said, reason = verify(config)
        for text in said:
            self.fail(text)
        if reason:
            self.fail(f"Zone {self.zone} failed to verify")
            self.fail(f"{self.zone}: {reason}")
            return False
        config.root["name"] = self.zone
        old = self.saved_as if self.saved_as != self.zone else ""
        with index.Editing(self.world) as book:
            if old and book.get(self.zone) is not None:
                self.fail(f"{self.zone}: {_STRINGS['in use']}")
                return False
            configurations.give_debug_id(self.world, config)
            entry = book.get(old or self.zone) or index.Entry(self.zone, "configured", "")
            entry.name = self.zone
            entry.path = config.get("zonepath")
            book.put(entry, old)
            configurations.save(self.world, config)
            if old:
                configurations.remove(configurations.place(self.world, old))
        self.saved_as = self.base = self.zone
        self.dirty = False
        return True

    # -- commands on the whole

    def _create(self, reader: Reader) -> None:
        given = reader.options("bFX", "at")
        if "?" in given or reader.more():
            self.usage("create")
            return
        if not self.writable("create"):
            return
        found = states.state(self.world, self.zone)
        if states.at_least(found, "installed"):
            # Says no, yet is no error: what follows edits the zone that is there.
            self.say(f"Zone {self.zone} already installed; create not allowed.")
            return
        if found is not None or self.config is not None:
            if "F" in given:
                self.show(f"Zone {self.zone} already exists; overwriting.")
            else:
                answer = self.ask(f"Zone {self.zone} already exists; do you want to overwrite it")
                if answer is None:
                    self.say("Zone exists, input not from terminal and -F not specified:")
                    self.say("create command ignored, exiting.")
                    raise Leave(1)
                if not answer:
                    return
        config = self._template(given)
        if config is None:
            return
        config.root["name"] = self.zone
        config.root.pop("debugid", None)
        self.config = config
        if not self.saved_as and found is not None:
            self.saved_as = self.zone
        self.dirty = True

    def _template(self, given: dict[str, str]) -> Config | None:
        if "a" in given:
            try:
                config = parse(configurations.text_at(self.world.host(f"{given['a']}/SUNWdetached.xml")))
            except (OSError, ValueError):
                self.fail(f"{given['a']}: invalid path to detached zone")
                return None
            config.root["zonepath"] = given["a"]
            return config
        name = "SUNWblank" if "b" in given else given.get("t", "SUNWdefault")
        if name[:1].islower():
            name = f"OMNI{name}"
        try:
            config = configurations.load(self.world, name)
        except configurations.NoZone:
            self.fail(f"{name}: {_STRINGS['no zone']}")
            return None
        except configurations.BadDocument:
            self.fail(f"{name}: {_STRINGS['document']}")
            return None
        return config

    def _delete(self, reader: Reader) -> None:
        given = reader.options("F")
        if "?" in given or reader.more():
            self.usage("delete")
            return
        if not self.writable("delete"):
            return
        force = "F" in given
        if not force:
            if self.open() is None:
                return
            answer = self.ask(f"Are you sure you want to delete zone {self.zone}")
            if answer is None:
                self.say("Input not from terminal and -F not specified:")
                self.say("delete command ignored, exiting.")
                raise Leave(1)
            if not answer:
                return
        found = states.state(self.world, self.zone)
        if found is None or self.zone == "global":
            self.fail(f"{self.zone}: {_STRINGS['no zone' if found is None else 'bad state']}")
        elif found == "configured" or (force and found in ("incomplete", "installed")):
            with index.Editing(self.world) as book:
                configurations.remove(configurations.place(self.world, self.zone))
                book.drop(self.zone)
        elif force:
            self.fail(f"{self.zone}: {_STRINGS['bad state']}")
        else:
            self.say(f"Zone {self.zone} not in configured state; delete not allowed.  Use -F to force delete.")
        self.dirty = False
        self.config = None
        self.saved_as = ""

    def _export(self, reader: Reader) -> None:
        given = reader.options("", "f")
        if "?" in given or reader.more():
            self.usage("export")
            return
        config = self.open()
        if config is None:
            return
        try:
            brand = configurations.load(self.world, self.zone).get("brand")
        except (configurations.NoZone, configurations.BadDocument):
            brand = config.get("brand")
        text = "\n".join(showing.export(config, brand)) + "\n"
        if "f" not in given:
            sys.stdout.write(text)
            return
        try:
            with open(given["f"], "w", encoding="utf-8", errors="surrogateescape") as file:
                file.write(text)
        except OSError as problem:
            self.fail(f"unable to open file {given['f']}: {problem.strerror}")

    def _verify(self, reader: Reader) -> None:
        reader.finish()
        config = self.open()
        if config is None:
            return
        said, reason = verify(config)
        for text in said:
            self.fail(text)
        if reason:
            self.fail(f"{self.zone}: {reason}")

    def _commit(self, reader: Reader) -> None:
        reader.finish()
        if self.writable("commit") and self.open() is not None:
            self.save()

    def _revert(self, reader: Reader) -> None:
        given = reader.options("F")
        reader.finish()
        if not self.writable("revert") or self.open() is None:
            return
        if self.dirty and "F" not in given:
            answer = self.ask("Are you sure you want to revert")
            if answer is None:
                self.fail("Input not from terminal and -F not specified:\nrevert command ignored.")
                return
            if not answer:
                return
        self.zone = self.base
        self.config = None
        self.dirty = False
        self.open()

    def _exit(self, reader: Reader) -> None:
        given = reader.options("F")
        reader.finish()
        if self.draft is not None and "F" not in given:
            answer = self.ask("Resource incomplete; really quit")
            if answer is None:
                self.say("Resource incomplete, input not from terminal and -F not specified:")
                self.say("exit command ignored, but exiting anyway.")
                raise Leave(1)
            if not answer:
                return
        if self.draft is not None and "F" in given:
            self.draft = None
        self.done = True

    def _help(self, reader: Reader) -> None:
        for name in [reader.word(schema.COMMANDS)] if reader.more() else schema.COMMANDS:
            self.show(f"usage:\n{schema.COMMANDS[name]}")

    def _info(self, reader: Reader) -> None:
        if self.draft is not None and not reader.more():
            for line in showing.resource_lines(self.draft):
                self.show(line)
            return
        if not reader.more():
            config = self.open()
            if config is not None:
                sys.stdout.write("\n".join(showing.info(config)) + "\n")
            return
        name = reader.word({**schema.RESOURCES, **dict.fromkeys(schema.GLOBALS), **schema.ALIASES})
        if name not in schema.RESOURCES:
            reader.finish()
            config = self.open()
            if config is None:
                return
            if name in schema.ALIASES:
                limit = showing.limit_of(config, schema.ALIASES[name][0])
                self.show(f"[{name}: {limit}]" if limit else f"[{name} not specified]")
            else:
                self.show(f"{name}: {showing.global_value(config, name)}")
            return
        wanted = self._pairs(reader, name)
        config = self.open()
        if config is None:
            return
        matching = [each for each in showing.resources(config, name) if _matches(each, wanted)]
        if not matching and wanted:
            self.show(f"No such {name} resource.")
        for resource in matching:
            for line in showing.resource_lines(resource):
                self.show(line)

    # -- commands on resources

    def _pairs(self, reader: Reader, kind: str) -> dict[str, str]:
        wanted: dict[str, str] = {}
        while reader.more():
            name = reader.word(schema.RESOURCES[kind])
            reader.mark("=")
            wanted[name] = reader.simple()
        return wanted

    def _add(self, reader: Reader) -> None:
        if self.draft is not None:
            self._add_value(self.draft, reader)
            return
        kind = reader.word({**schema.RESOURCES, **dict.fromkeys(schema.PROPERTIES)})
        if kind not in schema.RESOURCES or reader.more():
            self.usage("add")
            return
        if not self.writable("add"):
            return
        config = self.open()
        if config is None:
            return
        if kind in schema.SINGLE and showing.resources(config, kind):
            self.fail(f"A {kind} resource already exists.  Use 'select {kind}' to modify it.")
            return
        self.draft, self.old = Resource(kind), None

    def _add_value(self, draft: Resource, reader: Reader) -> None:
        name = reader.word(schema.PROPERTIES)
        value = reader.value()
        reader.finish()
        if not self.writable("add"):
            return
        if schema.LISTS.get(draft.kind) != name:
            self.fail(f"{name}: {_STRINGS['no property']}")
            self.usage("add")
            return
        for item in value if isinstance(value, list) else [value]:
            made = self._item(draft.kind, item)
            if made is None:
                self.usage("add")
                return
            if draft.kind == "fs" and made in draft.items:
                self.fail(f"options: {made[0]} is already there")
                return
            draft.items.append(made)

    def _item(self, kind: str, value: str | Pairs) -> tuple[str, ...] | None:
        """Return the list item a value stands for; None (and a message) if it has the wrong form."""
        if kind == "fs":
            if isinstance(value, str):
                return (value,)
            self.fail("A simple value was expected here.")
            return None
        if isinstance(value, str):
            self.fail("A complex value was expected here.")
            return None
        names = ("priv", "limit", "action") if kind == "rctl" else ("name", "value")
        given = dict(value)
        for name in given:
            if name not in names:
                self.fail(f"{name}: {_STRINGS['no property']}")
                return None
        for name in names:
            if name not in given:
                self.fail(f"{name} not specified")
                return None
        return tuple(given[name] for name in names)

    def _select(self, reader: Reader) -> None:
        kind = reader.word(schema.RESOURCES)
        wanted = self._pairs(reader, kind)
        if not wanted and kind not in schema.SINGLE:
            self.usage("select")
            return
        if not self.writable("select"):
            return
        config = self.open()
        if config is None:
            return
        matching = [each for each in showing.resources(config, kind) if _matches(each, wanted)]
        if len(matching) != 1:
            self.fail(f"select {kind}: {_STRINGS['no id' if not matching else 'insufficient']}")
            return
        self.old = matching[0]
        self.draft = matching[0].copy()

    def _cancel(self, reader: Reader) -> None:
        reader.finish()
        self.draft = self.old = None

    def _remove(self, reader: Reader) -> None:
        if self.draft is not None:
            self._remove_value(self.draft, reader)
            return
        given = reader.options("F")
        kind = reader.word(schema.RESOURCES)
        wanted = self._pairs(reader, kind)
        if "?" in given or len(wanted) > 3:
            self.usage("remove")
            return
        if not self.writable("remove"):
            return
        config = self.open()
        if config is None:
            return
        matching = [each for each in showing.resources(config, kind) if _matches(each, wanted)]
        if not matching:
            self.fail(f"remove {kind}: {_STRINGS['no id' if wanted else 'no entry']}")
            return
        if len(matching) > 1 and "F" not in given:
            if wanted:
                self.fail(f"remove {kind}: {_STRINGS['insufficient']}")
                return
            answer = self.ask(f"Are you sure you want to remove ALL '{kind}' resources")
            if answer is None:
                self.fail(
                    "There are multiple instances of this resource.  Either qualify the resource to\n"
                    "remove a single instance or use the -F option to remove all instances."
                )
                return
            if not answer:
                return
        for resource in matching:
            self._drop(config, resource)
        self.dirty = True

    def _drop(self, config: Config, resource: Resource) -> None:
        if resource.kind in ("capped-cpu", "capped-memory"):
            gone = {rctl for (owner, _), rctl in schema.CAPS.items() if owner == resource.kind}
            config.resources = [
                each for each in config.resources if each.kind != "rctl" or each.get("name") not in gone
            ]
        else:
            config.resources = [each for each in config.resources if each is not resource]

    def _remove_value(self, draft: Resource, reader: Reader) -> None:
        name = reader.word(schema.PROPERTIES)
        value = reader.value()
        reader.finish()
        if not self.writable("remove"):
            return
        if schema.LISTS.get(draft.kind) != name:
            self.fail(f"{name}: {_STRINGS['no property']}")
            self.usage("remove")
            return
        for item in value if isinstance(value, list) else [value]:
            made = self._item(draft.kind, item)
            if made is None:
                return
            if made not in draft.items:
                self.fail(f"remove {name}: {_STRINGS['no property id']}")
                return
            draft.items.remove(made)

    def _set(self, reader: Reader) -> None:
        name = reader.word(schema.PROPERTIES)
        reader.mark("=")
        value = reader.value()
        reader.finish()
        if not self.writable("set"):
            return
        if self.draft is not None:
            self._set_in(self.draft, name, value)
            return
        if name not in schema.GLOBALS and name not in schema.ALIASES:
            self.fail("Cannot set a resource-specific property from the global scope.")
            self.usage("set")
            return
        config = self.open()
        if config is None:
            return
        if not isinstance(value, str):
            self.fail("A simple value was expected here.")
            return
        self._set_global(config, name, value)

    def _set_global(self, config: Config, name: str, value: str) -> None:
        if name in ("zonepath", "brand") and states.at_least(states.state(self.world, self.zone), "installed"):
            self.say(f"Zone {self.zone} already installed; set {name} not allowed.")
            return
        if name == "zonename":
            if not is_zone_name(value) or value == "global" or value.startswith("SUNW"):
                self.fail(f"{value}: {_STRINGS['bogus name']}")
                sys.stderr.write(schema.NAME_RULES)
                return
            self.zone = value
        values.check_global(name, value)
        if name == "brand":
            self._known_brand(value)
        if name in schema.ALIASES:
            rctl, action = schema.ALIASES[name]
            self._limit(config, rctl, values.amount(name, value), action)
        else:
            config.root["name" if name == "zonename" else name] = value
        self.dirty = True

    def _limit(self, config: Config, rctl: str, limit: str, action: str) -> None:
        """Keep a limit in its resource control; an empty one goes away."""
        config.resources = [each for each in config.resources if each.kind != "rctl" or each.get("name") != rctl]
        if limit:
            config.resources.append(Resource("rctl", {"name": rctl}, [("privileged", limit, action)]))

    def _set_in(self, draft: Resource, name: str, value: Value) -> None:
        if schema.LISTS.get(draft.kind) == name:
            items = [self._item(draft.kind, item) for item in (value if isinstance(value, list) else [value])]
            if None not in items:
                draft.items = [item for item in items if item is not None]
            return
        if name not in schema.RESOURCES[draft.kind]:
            self.fail(f"{name}: {_STRINGS['no property']}")
            self.usage("set")
            return
        if not isinstance(value, str):
            self.fail("A simple value was expected here.")
            return
        if value:
            values.check(draft.kind, name, value)
            draft.props[name] = value
        else:
            draft.props.pop(name, None)

    def _clear(self, reader: Reader) -> None:
        name = reader.word(schema.PROPERTIES)
        reader.finish()
        if not self.writable("clear"):
            return
        draft = self.draft
        if draft is not None:
            if name not in schema.CLEARABLE.get(draft.kind, ()):
                known = name in schema.RESOURCES[draft.kind] or schema.LISTS.get(draft.kind) == name
                self.fail(f"{name}: {_STRINGS['no clear' if known else 'no property']}")
            elif schema.LISTS.get(draft.kind) == name:
                draft.items.clear()
            else:
                draft.props.pop(name, None)
            return
        if name not in schema.GLOBALS and name not in schema.ALIASES:
            self.fail("Cannot clear a resource-specific property from the global scope.")
            self.usage("clear")
            return
        config = self.open()
        if config is None:
            return
        if name in ("zonename", "zonepath", "brand"):
            self.fail(f"{name}: {_STRINGS['no clear']}")
        elif name in schema.ALIASES:
            self._limit(config, schema.ALIASES[name][0], "", "")
            self.dirty = True
        else:
            if name in ("autoboot", "ip-type"):
                config.root[name] = "false" if name == "autoboot" else "shared"
            else:
                config.root.pop(name, None)
            self.dirty = True

    def _end(self, reader: Reader) -> None:
        reader.finish()
        draft, config = self.draft, self.config
        if draft is None or config is None:
            return
        complete = True
        for name in schema.REQUIRED.get(draft.kind, ()):
            if not (draft.items if schema.LISTS.get(draft.kind) == name else draft.get(name)):
                self.fail(f"{name} not specified")
                complete = False
        if draft.kind in ("capped-memory", "security-flags") and not draft.props:
            self.fail(f"No property of {draft.kind} was specified.")
            complete = False
        if draft.kind == "attr" and complete:
            complaint = values.attr_complaint(draft.get("type"), draft.get("value"))
            if complaint:
                self.fail(complaint)
                complete = False
        if not complete:
            return
        keys = schema.KEYS.get(draft.kind, ())
        for other in config.of(draft.kind) if keys else ():
            if other is not self.old and all(other.get(key) == draft.get(key) for key in keys):
                self.fail(_duplicate(draft, keys))
                return
        if draft.kind in ("capped-cpu", "capped-memory"):
            for (owner, prop), rctl in schema.CAPS.items():
                if owner == draft.kind:
                    self._limit(config, rctl, _cap(draft, prop), "deny")
        else:
            # A changed resource is taken out and put in anew: it moves behind the others of the document.
            config.resources = [each for each in config.resources if each is not self.old]
            config.resources.append(draft)
        self.draft = self.old = None
        self.dirty = True


def _cap(draft: Resource, prop: str) -> str:
    value = draft.get(prop)
    if not value:
        return ""
    if draft.kind == "capped-cpu":
        return str(round(float(value) * 100))
    return values.amount(prop, value)


def _duplicate(draft: Resource, keys: tuple[str, ...]) -> str:
    article = _ARTICLE.get(draft.kind, "A")
    which = ", and ".join(f"{key} '{draft.get(key)}'" for key in keys)
    return f"{article} {draft.kind} resource with the {which} already exists."


def _matches(resource: Resource, wanted: dict[str, str]) -> bool:
    return all(resource.get(name) == value for name, value in wanted.items())
