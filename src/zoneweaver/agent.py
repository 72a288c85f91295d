"""The agent put together and run: state folder, database, host, tasks, HTTP, in this order, and back at the end."""

from __future__ import annotations

import fcntl
import gc
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import anyio
import structlog

from zoneweaver import __version__, logging
from zoneweaver.api import server
from zoneweaver.api.app import App
from zoneweaver.api.routes import TABLE
from zoneweaver.api.services import Services
from zoneweaver.domain.errors import AgentError, Conflict, Unavailable
from zoneweaver.guest.console import CONSOLES
from zoneweaver.host.command import Command, Completed
from zoneweaver.host.judge import Limits as ArchiveLimits
from zoneweaver.host.run import Host
from zoneweaver.host.zonexml import ConfigFiles
from zoneweaver.operations.registry import OPERATIONS
from zoneweaver.operations.zone_discover import ZoneDiscover
from zoneweaver.services.artifacts import Artifacts
from zoneweaver.services.artifacts import Limits as ArtifactLimits
from zoneweaver.services.audit import Trail
from zoneweaver.services.dhcp import Dhcp
from zoneweaver.services.hosttasks import HostTasks
from zoneweaver.services.keys import Keys
from zoneweaver.services.metrics import Metrics
from zoneweaver.services.nat import Nat
from zoneweaver.services.network import Network
from zoneweaver.services.profiles import Profiles
from zoneweaver.services.provisioning import Defaults as PipelineDefaults
from zoneweaver.services.provisioning import Provisioning
from zoneweaver.services.provisioning_network import ProvisioningNetwork
from zoneweaver.services.queueing import Queueing
from zoneweaver.services.recipes import Recipes
from zoneweaver.services.system import System
from zoneweaver.services.tasks import Tasks
from zoneweaver.services.tickets import Tickets
from zoneweaver.services.zones import Defaults, Zones
from zoneweaver.settings import PROVISION_KEY, Settings
from zoneweaver.store.database import Database
from zoneweaver.store.seal import Seal
from zoneweaver.store.ssh_key import SshKey
from zoneweaver.store.staging import Staging
from zoneweaver.tasks.context import Context
from zoneweaver.tasks.engine import Engine
from zoneweaver.tasks.events import Events

LOCK: Final = "agent.lock"

log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True, slots=True)
class Ready:
    """What is known once the agent answers. `setup_token` says that the token for the first key lies in its file."""

    urls: tuple[str, ...]
    setup_token: bool


def run(settings: Settings, *, ready: Callable[[Ready], None] | None = None) -> None:
    """Run the agent until SIGTERM or Ctrl-C; `ready` is called when it answers. Raises AgentError when it cannot."""
    logging.configure(settings.logging.level)

    def answering(facts: Ready) -> None:
        _announce(settings, facts)
        if ready is not None:
            ready(facts)

    try:
        anyio.run(_run, settings, answering)
    except KeyboardInterrupt:
        pass
    except BaseExceptionGroup as several:
        found = _only(several)
        if found is None:
            raise
        raise found from found.__cause__


def _only(several: BaseException) -> AgentError | None:
    """Return what the agent could not do, out of the task groups that it passed through; None if there is more."""
    while isinstance(several, BaseExceptionGroup) and len(several.exceptions) == 1:
        several = several.exceptions[0]
    return several if isinstance(several, AgentError) else None


async def _run(settings: Settings, ready: Callable[[Ready], None]) -> None:
    stop = anyio.Event()
    async with anyio.create_task_group() as group:

        async def listen() -> None:
            with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
                async for number in signals:
                    if stop.is_set():
                        os._exit(128 + number)  # asked twice: now
                    log.info("stopping", signal=signal.Signals(number).name)
                    stop.set()

        group.start_soon(listen)
        await serve(settings, ready=ready, stop=stop)
        group.cancel_scope.cancel()


def _announce(settings: Settings, ready: Ready) -> None:
    """Tell the person who started the agent; the token itself only where no log keeps it."""
    print(f"Zoneweaver {__version__} listens on {' and '.join(ready.urls)}", flush=True)
    if ready.setup_token:
        path = settings.setup_token_path
        shown = f": {path.read_text('ascii').strip()}" if sys.stdout.isatty() else ""
        print(f"There is no API key yet. The setup token for the first one lies in {path}{shown}", flush=True)


async def serve(
    settings: Settings, *, ready: Callable[[Ready], None] | None = None, stop: anyio.Event | None = None
) -> None:
    """Be the agent until `stop` is set (or the caller is cancelled); `ready` is called when it answers.

    Raises Conflict when another agent has the state folder, Unavailable when a port cannot be had, Invalid for
    settings that cannot work.
    """
    stop = stop or anyio.Event()
    with state_folder(settings), opened_database(settings) as database:
        parts = _compose(settings, database)
        servers = server.make(App(parts.services, TABLE), settings)
        urls = [one.url for one in servers]
        token = await parts.services.keys.offer_setup_token()
        await parts.services.artifacts.settle()
        async with parts.engine, _served(servers, parts.events):
            gc.collect()
            gc.freeze()  # what is there now stays for good and need not be looked at again
            log.info("listening", urls=urls, version=__version__)
            if ready is not None:
                ready(Ready(urls=tuple(urls), setup_token=token))
            async with anyio.create_task_group() as group:
                group.start_soon(_discover_for_ever, parts.looker, settings.zones.discovery_interval)
                await stop.wait()
                group.cancel_scope.cancel()
        log.info("stopped")


@contextmanager
def state_folder(settings: Settings) -> Iterator[None]:
    """Make the state folder (0700) and hold its lock. Raises Conflict and Unavailable."""
    home = settings.home
    try:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        settings.scratch_path.mkdir(exist_ok=True, mode=0o700)
        handle = os.open(home / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise Unavailable(f"The state folder {home} cannot be used: {error.strerror}", code="state_folder") from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.pread(handle, 20, 0).decode("ascii", "replace").strip() or "unknown"
            raise Conflict(f"Another agent (process {holder}) already works in {home}", code="not_alone") from error
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()}\n".encode("ascii"), 0)
        yield
    finally:
        os.close(handle)


@contextmanager
def opened_database(settings: Settings) -> Iterator[Database]:
    """Open the database, with the seal of the state folder, and close it at the end."""
    database = Database.open(settings.database_url, Seal.load(settings.home))
    try:
        yield database
    finally:
        database.close()


@dataclass(frozen=True, kw_only=True, slots=True)
class _Parts:
    services: Services
    engine: Engine
    events: Events
    looker: Context
    """What a look at the host is done with, when no task does it."""


def _compose(settings: Settings, database: Database) -> _Parts:
    """Put everything together; nothing runs yet."""
    metrics, events = Metrics(), Events()
    host = Host(
        root=settings.host.root,
        command_path=tuple(str(path) for path in settings.host.command_path),
        pfexec=settings.host.pfexec,
        scratch=settings.scratch_path,
    )
    host.observers.extend((metrics.ran, _log_command))
    files = ConfigFiles(host)
    engine = Engine(
        database=database,
        host=host,
        files=files,
        operations=OPERATIONS,
        events=events,
        slots=settings.zones.max_concurrent_tasks,
        lease_seconds=settings.tasks.lease_seconds,
        output_limit=settings.tasks.output_limit,
        stop_seconds=settings.server.shutdown_seconds,
        retention=timedelta(days=settings.tasks.retention_days),
        audit_retention=timedelta(days=settings.audit.retention_days),
    )
    database.listeners.append(metrics.heard)
    metrics.watch("running_tasks", "Tasks at work in this agent.", lambda: len(engine.running))
    metrics.watch("event_listeners", "Open event streams.", lambda: len(events))
    keys = Keys(
        database=database,
        setup_token_path=settings.setup_token_path,
        bootstrap_enabled=settings.api_keys.bootstrap_enabled,
    )
    defaults = Defaults(
        pool=settings.zones.default_pool,
        dataset=settings.zones.default_dataset,
        grace=settings.zones.start_grace_seconds,
    )
    CONSOLES.most = settings.provisioning.zlogin.max_concurrent_automations
    host_tasks = HostTasks(database=database, host=host, files=files)
    provision_key = SshKey(settings.provision_key_path)
    services = Services(
        settings=settings,
        database=database,
        keys=keys,
        tickets=Tickets(),
        trail=Trail(database=database),
        queueing=Queueing(database=database),
        zones=Zones(database=database, host=host, files=files, defaults=defaults, provision_key=provision_key),
        recipes=Recipes(database=database, host=host, files=files),
        profiles=Profiles(database=database),
        provisioning=Provisioning(
            database=database,
            host=host,
            files=files,
            staging=Staging(settings.staging_path),
            key=provision_key,
            tasks=host_tasks,
            defaults=pipeline_defaults(settings),
        ),
        artifacts=Artifacts(database=database, folder=settings.staging_path, limits=artifact_limits(settings)),
        network=Network(host=host, tasks=host_tasks),
        nat=Nat(host=host, tasks=host_tasks),
        dhcp=Dhcp(host=host, files=files, tasks=host_tasks),
        provisioning_network=ProvisioningNetwork(
            tasks=host_tasks, defaults=settings.provisioning.network.model_dump(mode="json")
        ),
        tasks=Tasks(
            database=database,
            events=events,
            slots=settings.zones.max_concurrent_tasks,
            most_subscribers=settings.server.subscribers,
        ),
        system=System(database=database, keys=keys, host=host),
        metrics=metrics,
    )
    looker = Context(task_id="discovery", zone_name=None, params={}, host=host, files=files, database=database)
    return _Parts(services=services, engine=engine, events=events, looker=looker)


def pipeline_defaults(settings: Settings) -> PipelineDefaults:
    """Return what the settings say of pipelines."""
    return PipelineDefaults(
        pool=settings.zones.default_pool,
        dataset=settings.zones.default_dataset,
        grace=settings.zones.start_grace_seconds,
        seconds=settings.provisioning.ssh.timeout_seconds,
        every=settings.provisioning.ssh.poll_interval_seconds,
        provisioning_link=settings.provisioning.network.etherstub_name,
        usual_key=str(PROVISION_KEY),
        limits=artifact_limits(settings).archive,
    )


def artifact_limits(settings: Settings) -> ArtifactLimits:
    """Return what the settings allow of artifacts."""
    chosen = settings.provisioning.artifacts
    return ArtifactLimits(
        size=chosen.size_limit,
        reserve=chosen.reserve,
        hours=chosen.upload_hours,
        archive=ArchiveLimits(entries=chosen.entries_limit, unpacked=chosen.unpacked_limit),
    )


def _log_command(command: Command, outcome: Completed | AgentError | None, seconds: float) -> None:
    error = outcome.message if isinstance(outcome, AgentError) else None
    log.debug("command", argv=list(command.argv), ms=round(seconds * 1000, 1), error=error)


@asynccontextmanager
async def _served(servers: Sequence[server.Bound], events: Events) -> AsyncIterator[None]:
    """Answer on all ports while the block lasts; at its end open answers are finished, and streams ended."""
    async with anyio.create_task_group() as group:
        for one in servers:
            group.start_soon(one.serve)
        for one in servers:
            await one.answering()
        try:
            yield
        finally:
            events.close()
            for one in servers:
                one.stop()


async def _discover_for_ever(looker: Context, interval: float) -> None:
    """Look at the host now and again, without a task: nobody asked, and nothing on the host is changed."""
    discovery = ZoneDiscover()
    while True:
        try:
            await discovery.reconcile(looker)
        except AgentError as error:
            log.warning("no look at the host", error=error.message)
        if not interval:
            return
        await anyio.sleep(interval)
