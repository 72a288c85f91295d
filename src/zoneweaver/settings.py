"""The settings: defaults, file, environment, flags, later ones win; an unknown name is refused where it stands."""

from __future__ import annotations

import difflib
import itertools
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError, field_validator

from zoneweaver.domain.errors import Invalid

DEFAULT_FILE: Final = Path("/etc/zoneweaver-agent/config.yaml")
PROVISION_KEY: Final = Path("/etc/zoneweaver-agent/ssh/provision_key")
"""Where the agent's key for guests lies on a real host; in a zone's credentials it means the agent's own key."""

PREFIX: Final = "ZONEWEAVER_"
DELIMITER: Final = "__"

Port = Annotated[int, Field(ge=0, le=65535)]


def _words(separator: str) -> BeforeValidator:
    """Let a list be written as text, as environment variables must; JSON is understood too."""

    def split(value: Any) -> Any:
        if not isinstance(value, str):
            return value
        if value.lstrip().startswith("["):
            return yaml.safe_load(value)
        return [part.strip() for part in value.split(separator) if part.strip()]

    return BeforeValidator(split)


class Section(BaseModel):
    """A group of settings; unknown names are refused, defaults are checked too."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Server(Section):
    """Where the agent listens."""

    bind_address: str = "0.0.0.0"  # noqa: S104 - an agent that nobody reaches is of no use; keys guard it
    """Address to listen on; `::` listens on IPv6 (and IPv4 where the system joins them)."""
    https_port: Port = 5001
    """Port for HTTPS; 0 turns it off."""
    http_port: Port = 0
    """Port for plain HTTP, for use behind a proxy on the same host; 0 turns it off."""
    body_limit: int = Field(default=1024 * 1024, ge=1024, le=64 * 1024 * 1024)
    """Largest JSON body in bytes; more is answered with 413."""
    keep_alive_seconds: int = Field(default=75, ge=1, le=3600)
    """How long an idle connection is kept open."""
    shutdown_seconds: float = Field(default=8.0, ge=0, le=600)
    """How long running steps of tasks and open answers are waited for when the agent is asked to stop."""
    subscribers: int = Field(default=500, ge=1, le=10000)
    """Most event streams at once; more are answered with 429."""


class Ssl(Section):
    """The certificate of the HTTPS port."""

    key_path: Path | None = None
    """Private key (PEM). Default: `ssl/server.key` in the state folder."""
    cert_path: Path | None = None
    """Certificate with its chain (PEM). Default: `ssl/server.crt` in the state folder."""
    generate: bool = True
    """Make a self-signed certificate at the first start when there is none."""
    valid_days: int = Field(default=3650, ge=1, le=36500)
    """How long a certificate made by the agent is valid."""


class Cors(Section):
    """Which web pages of other origins may call the API from a browser."""

    whitelist: Annotated[tuple[str, ...], _words(",")] = ()
    """Origins such as `https://ui.example.com:3443`; none by default."""


class Database(Section):
    """What the agent remembers."""

    url: SecretStr = SecretStr("")
    """SQLAlchemy URL, `sqlite:///…` or `postgresql+psycopg://…`. Default: `zoneweaver.db` in the state folder."""


class ApiKeys(Section):
    """How API keys come into the world."""

    bootstrap_enabled: bool = True
    """Whether the first key may be made over HTTP with the setup token."""


class Zones(Section):
    """Defaults for zones, and how they are watched."""

    default_pool: str = "rpool"
    """Pool of new datasets when a request names none."""
    default_dataset: str = "zones"
    """Dataset below the pool that holds the zones' own datasets."""
    default_brand: str = "bhyve"
    """Brand that clients are offered first."""
    discovery_interval: float = Field(default=300, ge=0)
    """Seconds between looks at the host for zones made, changed or removed by others; 0 looks only at the start."""
    max_concurrent_tasks: int = Field(default=5, ge=1, le=64)
    """How many tasks work at the same time."""
    stop_timeout_seconds: float = Field(default=120, gt=0, le=86400)
    """How long a stop waits for the guest before it powers it off."""
    start_grace_seconds: float = Field(default=2.0, ge=0, le=60)
    """How long a booted zone must stay up for its start to count."""


class HostSettings(Section):
    """How the host is reached."""

    root: Path = Path("/")
    """Where the host's file system begins; another folder than `/` for a lab host."""
    command_path: Annotated[tuple[Path, ...], _words(":")] = (
        Path("/usr/sbin"),
        Path("/usr/bin"),
        Path("/sbin"),
        Path("/usr/lib/zones"),
        Path("/opt/ooce/bin"),
    )
    """Folders in which host commands are looked for, in this order (`a:b` in the environment)."""
    pfexec: bool = True
    """Run commands that need privileges through pfexec(1)."""


class Tasks(Section):
    """How long finished work is remembered."""

    retention_days: float = Field(default=30, gt=0, le=36500)
    """Days after which finished tasks are forgotten."""
    output_limit: int = Field(default=1024 * 1024, ge=1024)
    """Bytes of command output kept for one task."""
    lease_seconds: float = Field(default=30, ge=1)
    """How long a task belongs to an agent that no longer shows signs of life (PostgreSQL only)."""


class Audit(Section):
    """How long it is remembered who asked for what."""

    retention_days: float = Field(default=365, gt=0, le=36500)
    """Days after which rows of the audit trail are forgotten."""


class ProvisioningSsh(Section):
    """How guests are reached by SSH."""

    key_path: Path | None = None
    """Private key used when a zone's credentials name none; made when it is first needed. Default:
    `/etc/zoneweaver-agent/ssh/provision_key`, or `ssh/provision_key` in a state folder that is not the usual one."""
    timeout_seconds: float = Field(default=300, gt=0)
    """How long a guest may take until SSH answers."""
    poll_interval_seconds: float = Field(default=10, gt=0)
    """Seconds between two attempts."""


class ProvisioningNetwork(Section):
    """The private network on which guests are provisioned."""

    etherstub_name: str = "estub_provision0"
    """The etherstub that guests and host meet on."""
    host_vnic_name: str = "provision_interconnect0"
    """The host's own VNIC on it."""
    subnet: str = "10.190.190.0/24"
    """Its network."""
    host_ip: str = "10.190.190.1"
    """The host's address, which is the guests' gateway."""
    dhcp_range_start: str = "10.190.190.10"
    """First address given by DHCP."""
    dhcp_range_end: str = "10.190.190.254"
    """Last address given by DHCP."""


class ProvisioningZlogin(Section):
    """How recipes talk to serial consoles."""

    default_timeout_seconds: float = Field(default=300, gt=0)
    """How long a step waits for its prompt when it says nothing else."""
    max_concurrent_automations: int = Field(default=3, ge=1)
    """How many consoles are automated at the same time."""


class ProvisioningArtifacts(Section):
    """What people may upload, and what it may unpack to."""

    size_limit: int = Field(default=64 * 1024**3, ge=1)
    """Largest artifact in bytes; more is answered with 413."""
    unpacked_limit: int = Field(default=8 * 1024**3, ge=1)
    """Most bytes that an archive may unpack to."""
    entries_limit: int = Field(default=100_000, ge=1, le=1_000_000)
    """Most entries that an archive may hold."""
    reserve: int = Field(default=256 * 1024**2, ge=0)
    """Bytes that are left free where artifacts lie."""
    upload_hours: float = Field(default=24, gt=0)
    """How long an upload may take from its preparation; what is unfinished then is forgotten."""


class Provisioning(Section):
    """From a bare zone to a configured server."""

    ssh: ProvisioningSsh = ProvisioningSsh()
    network: ProvisioningNetwork = ProvisioningNetwork()
    zlogin: ProvisioningZlogin = ProvisioningZlogin()
    artifacts: ProvisioningArtifacts = ProvisioningArtifacts()
    staging_path: Path | None = None
    """Where uploaded artifacts lie. Default: `artifacts` in the state folder."""


class Vnc(Section):
    """The graphical console."""

    bind_address: str = "127.0.0.1"
    """Address on which consoles listen."""
    max_concurrent_sessions: int = Field(default=10, ge=1)
    """How many consoles are open at the same time."""


class Logging(Section):
    """What is told on stderr, one JSON object a line."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """`debug` adds every host command and every request."""

    @field_validator("level", mode="before")
    @classmethod
    def _lower(cls, value: Any) -> Any:
        if isinstance(value, str):
            return {"warn": "warning"}.get(value.lower(), value.lower())
        return value


class ApiDocs(Section):
    """The pages that show the API to people."""

    enabled: bool = True
    """Serve `/api-docs`."""


class Settings(Section):
    """Everything that can be set. Made by `load`."""

    home: Path = Path("/var/lib/zoneweaver-agent")
    """State folder: database, seal, certificate, setup token. Environment: `ZONEWEAVER_HOME`."""
    server: Server = Server()
    ssl: Ssl = Ssl()
    cors: Cors = Cors()
    database: Database = Database()
    api_keys: ApiKeys = ApiKeys()
    zones: Zones = Zones()
    host: HostSettings = HostSettings()
    tasks: Tasks = Tasks()
    audit: Audit = Audit()
    provisioning: Provisioning = Provisioning()
    vnc: Vnc = Vnc()
    logging: Logging = Logging()
    api_docs: ApiDocs = ApiDocs()

    @property
    def database_url(self) -> str:
        """The database's URL, with the default filled in."""
        return self.database.url.get_secret_value() or f"sqlite:///{self.home.absolute() / 'zoneweaver.db'}"

    @property
    def key_path(self) -> Path:
        """The private key of the HTTPS port."""
        return self.ssl.key_path or self.home / "ssl" / "server.key"

    @property
    def cert_path(self) -> Path:
        """The certificate of the HTTPS port."""
        return self.ssl.cert_path or self.home / "ssl" / "server.crt"

    @property
    def setup_token_path(self) -> Path:
        """Where the token for the first key lies."""
        return self.home / "setup.token"

    @property
    def scratch_path(self) -> Path:
        """Where scripts for host commands are written and removed again."""
        return self.home / "scratch"

    @property
    def provision_key_path(self) -> Path:
        """The private key with which guests are reached."""
        usual = PROVISION_KEY if self.home == Settings.model_fields["home"].default else None
        return self.provisioning.ssh.key_path or usual or self.home / "ssh" / "provision_key"

    @property
    def staging_path(self) -> Path:
        """Where uploaded artifacts lie."""
        return self.provisioning.staging_path or self.home / "artifacts"


Place = tuple[str, ...]
"""The way to a setting: `("server", "https_port")`."""


def load(
    *,
    config: Path | None = None,
    flags: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] | None = None,
) -> Settings:
    """Read the file, then the environment, then the flags; later ones win.

    `config` must exist when given; the default file may be missing. `flags` are dotted names with values
    (`{"server.https_port": 5443}`; None means not given). Raises Invalid with one line per problem, each naming the
    file and line, the environment variable or the flag.
    """
    merged, origins = _read_file(config)
    for place, text, origin in _from_environment(os.environ if environ is None else environ):
        _put(merged, place, text)
        origins[place] = origin
    for name, value in (flags or {}).items():
        if value is not None:
            _put(merged, tuple(name.split(".")), value)
            origins[tuple(name.split("."))] = f"flag --{name}"
    try:
        return Settings.model_validate(merged)
    except ValidationError as error:
        raise Invalid("\n".join(_told(error, origins)), code="invalid_settings") from None


def _from_environment(environ: Mapping[str, str]) -> Iterator[tuple[Place, str, str]]:
    """Yield what the environment sets. Names without the delimiter belong to others, except the state folder's."""
    for name, text in sorted(environ.items()):
        place = tuple(name.removeprefix(PREFIX).lower().split(DELIMITER))
        if name.startswith(PREFIX) and (len(place) > 1 or place == ("home",)):
            yield place, text, f"environment variable {name}"


def _put(tree: dict[str, Any], place: Place, value: Any) -> None:
    """Set a leaf, making groups on the way; a leaf where a group should be is replaced."""
    for part in place[:-1]:
        if not isinstance(tree.get(part), dict):
            tree[part] = {}
        tree = tree[part]
    tree[place[-1]] = value


def _read_file(config: Path | None) -> tuple[dict[str, Any], dict[Place, str]]:
    """Return what the file says, and where it says it."""
    path = config or DEFAULT_FILE
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        if config is None:
            return {}, {}
        raise Invalid(f"{path}: there is no such settings file", code="invalid_settings") from None
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid(f"{path}: cannot be read: {error}", code="invalid_settings") from None
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        found = _Reader(str(path))
        tree = {} if node is None else found.value(node, ())
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise Invalid(f"{path} line {line}: {error.problem}", code="invalid_settings") from None
    except yaml.YAMLError as error:
        raise Invalid(f"{path}: {error}", code="invalid_settings") from None
    if tree is None:
        return {}, {}
    if not isinstance(tree, dict):
        raise Invalid(f"{path} line 1: the file must hold sections with settings", code="invalid_settings")
    return tree, found.lines


class _Reader:
    """Turns YAML nodes into values and keeps the line of each key."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.lines: dict[Place, str] = {}
        self._leaves = yaml.SafeLoader("")

    def value(self, node: yaml.Node, place: Place) -> Any:
        if not isinstance(node, yaml.MappingNode):
            return self._leaves.construct_document(node)
        tree: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = f"{self.path} line {key_node.start_mark.line + 1}"
            key = str(key_node.value)
            here = (*place, key)
            if key in tree:
                raise Invalid(f"{line}: {'.'.join(here)} is set twice", code="invalid_settings")
            self.lines[here] = line
            inner = self.value(value_node, here)
            empty_section = inner is None and not place and key in Settings.model_fields
            tree[key] = {} if empty_section else inner
        return tree


def _told(error: ValidationError, origins: Mapping[Place, str]) -> Iterator[str]:
    """Say each problem in a line that begins with where it stands."""
    for item in error.errors(include_url=False, include_input=False):
        place = tuple(str(part) for part in item["loc"])
        around = (origins[place[:end]] for end in range(len(place), 0, -1) if place[:end] in origins)
        below = (origin for known, origin in origins.items() if known[: len(place)] == place)
        origin = next(itertools.chain(around, below), "default")
        name = ".".join(place)
        if item["type"] == "extra_forbidden":
            near = difflib.get_close_matches(name, [known for known, _, _ in options()], n=1)
            yield f"{origin}: {name} is not a setting" + (f"; did you mean {near[0]}?" if near else "")
        else:
            yield f"{origin}: {name}: {item['msg'][:1].lower()}{item['msg'][1:]}"


def options(model: type[BaseModel] = Settings, place: Place = ()) -> Iterator[tuple[str, Any, str]]:
    """Yield every setting as dotted name, default and description, in the order of this module."""
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, Section):
            yield from options(kind, (*place, name))
        else:
            yield ".".join((*place, name)), field.default, field.description or ""


def reference() -> str:
    """Return the reference page of all settings (Markdown)."""
    lines = [
        "# Settings",
        "",
        "<!-- Made by `python -m zoneweaver.reference`; change src/zoneweaver/settings.py instead. -->",
        "",
        f"The agent reads `{DEFAULT_FILE}` (another file with `--config`), then environment variables, then flags;",
        "later ones win. An unknown name is refused at start, with the line where it stands.",
        "",
        "```yaml",
        "server:",
        "  https_port: 5001",
        "zones:",
        "  discovery_interval: 60",
        "```",
    ]
    seen = ""
    for name, default, description in options():
        section = ".".join(name.split(".")[:-1])
        if section != seen or name == "home":
            seen = section
            title = Settings.model_fields[name.split(".", maxsplit=1)[0]]
            doc = title.annotation.__doc__ if section.count(".") == 0 and title.annotation is not None else ""
            lines += ["", f"## {section or 'State folder'}", ""]
            lines += [str(doc).strip(), ""] if section and doc else []
            lines += ["| setting | environment | default | meaning |", "|---|---|---|---|"]
        variable = PREFIX + name.upper().replace(".", DELIMITER)
        lines.append(f"| `{name}` | `{variable}` | {_shown(default)} | {description.replace(chr(10), ' ')} |")
    return "\n".join(lines) + "\n"


def _shown(default: Any) -> str:
    if isinstance(default, SecretStr):
        default = default.get_secret_value()
    if isinstance(default, tuple):
        default = ", ".join(str(item) for item in default)
    if isinstance(default, bool):
        default = str(default).lower()
    if isinstance(default, float) and default.is_integer():
        default = int(default)
    return "" if default in {None, ""} else f"`{default}`"
