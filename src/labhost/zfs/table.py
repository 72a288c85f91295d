"""Tables as zfs(8) and zpool(8) print them."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


def show(headers: Sequence[tuple[str, bool]], rows: Sequence[Sequence[str]], *, scripted: bool) -> None:
    """Print rows under headers (text, right-aligned?), or tab-separated without headers if `scripted`."""
    if scripted:
        sys.stdout.write("".join("\t".join(row) + "\n" for row in rows))
        return
    widths = [
        max([len(header), 5 if right else 0, *(len(row[at]) for row in rows)])
        for at, (header, right) in enumerate(headers)
    ]
    last = len(headers) - 1
    for row in [[header for header, _ in headers], *rows]:
        cells = []
        for at, cell in enumerate(row):
            if headers[at][1]:
                cells.append(cell.rjust(widths[at]))
            else:
                cells.append(cell if at == last else cell.ljust(widths[at]))
        sys.stdout.write("  ".join(cells) + "\n")
