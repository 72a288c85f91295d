"""The tree of commands; each is imported when it is used."""

from __future__ import annotations

from typing import Final

from cyclopts import App, Parameter

from zoneweaver import __version__

PARAMETERS: Final = Parameter(negative_iterable="", negative_bool="", show_default=False)
"""What holds for all options: no inverse unless one is meant."""

app: Final = App(
    name="zoneweaver",
    help="Manage bhyve zones on illumos through the zoneweaver agent, or run the agent.",
    help_epilogue="Exit status: 0 done, 1 refused or failed, 2 wrong usage, 3 no agent answers.",
    help_format="markdown",
    version=f"zoneweaver {__version__}",
    default_parameter=PARAMETERS,
)

for _name, _help in {
    "zones": "Create, change, start, stop and delete zones.",
    "network": "Links, addresses, address translation and DHCP of the host; a map of all of it.",
    "tasks": "See what was asked, how far it is, and stop or repeat it.",
    "provision": "From a bare zone to a configured server, in six stages.",
    "artifacts": "Give files to the agent: what zones are provisioned with, images.",
    "recipes": "Set up guests over their console, step by step.",
    "profiles": "Keep what many zones are provisioned with.",
    "keys": "Make and take back API keys.",
    "audit": "See who changed what.",
    "lab": "An emulated OmniOS host on this machine, to try everything on.",
}.items():
    app.command(f"zoneweaver.cli.{_name}:app", name=_name, help=_help)
app.command("zoneweaver.cli.status:status", name="status", help="Say how the agent and its host are.")
app.command("zoneweaver.cli.serve:serve", name="serve", help="Run the agent in the foreground.")
app.command("zoneweaver.cli.demo:demo", name="demo", help="Show a zone's life on a lab host of its own.")
app.command("zoneweaver.cli.completion:completion", name="completion", help="Print the completion script for a shell.")
app.command("zoneweaver.cli.status:version", name="version", help="Print the version.")
