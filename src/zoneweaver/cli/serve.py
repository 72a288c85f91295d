"""`zoneweaver serve`: the agent itself."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from zoneweaver.cli.entry import UsageError


def serve(
    *,
    config: Path | None = None,
    home: Path | None = None,
    bind_address: str | None = None,
    https_port: int | None = None,
    http_port: int | None = None,
    log_level: str | None = None,
    set_: Annotated[tuple[str, ...], Parameter(name="--set")] = (),
) -> None:
    """Run the agent in the foreground until it is told to stop (SIGTERM, Ctrl-C).

    Settings come from the file, then from variables ZONEWEAVER_SECTION__OPTION, then from the options here.

    Parameters
    ----------
    config
        Settings file (otherwise /etc/zoneweaver-agent/config.yaml, if there is one).
    home
        State folder: database, certificate, keys (ZONEWEAVER_HOME).
    bind_address
        Address to listen on.
    https_port
        Port for HTTPS (5001).
    http_port
        Port for plain HTTP, 0 for none.
    log_level
        debug, info, warning or error.
    set_
        Any other setting as SECTION.OPTION=VALUE; may be repeated.
    """
    from zoneweaver import agent, settings  # noqa: PLC0415  # late: other commands need none of it

    flags: dict[str, Any] = {
        "home": home,
        "server.bind_address": bind_address,
        "server.https_port": https_port,
        "server.http_port": http_port,
        "logging.level": log_level,
    }
    for text in set_:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise UsageError(f"--set wants SECTION.OPTION=VALUE, not {text!r}")
        flags[name] = value
    agent.run(settings.load(config=config, flags=flags))
