"""The reference page of the commands, written from the commands: `python -m zoneweaver.cli.reference`."""

from __future__ import annotations

import sys

from zoneweaver.cli import terminal
from zoneweaver.cli.commands import app

HEAD = (
    "<!-- Written by `python -m zoneweaver.cli.reference > docs/reference/cli.md`; change the commands instead. -->\n\n"
)


def text() -> str:
    """Return docs/reference/cli.md as the commands are now."""
    return HEAD + app.generate_docs(output_format="markdown").rstrip() + "\n"


if __name__ == "__main__":
    sys.argv[0] = "zoneweaver"  # or cyclopts names the module that runs in each usage line
    terminal.put(text())
