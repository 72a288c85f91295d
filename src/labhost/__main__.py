"""`python -m labhost`: make a lab host, look at it, order faults, end it."""

from __future__ import annotations

import argparse

from labhost.world import World


def main(argv: list[str] | None = None) -> int:
    """Run one labhost command line."""
    parser = argparse.ArgumentParser(prog="labhost", description="An emulated OmniOS host in a folder.")
    actions = parser.add_subparsers(dest="action", required=True)
    up = actions.add_parser("up", help="make the host, or bring it up to date")
    up.add_argument("dir")
    given = parser.parse_args(argv)
    World.create(given.dir)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
