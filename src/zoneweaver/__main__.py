"""`python -m zoneweaver`: the same as the command `zoneweaver`."""

from __future__ import annotations

from zoneweaver.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
