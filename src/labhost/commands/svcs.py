"""svcs(1): states of service instances."""

from __future__ import annotations

import sys
import time

from labhost.net.options import OptionError, parse
from labhost.smf import services

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from labhost.world import World

WIDTHS = {"state": 14, "nstate": 14, "stime": 8, "fmri": 50, "svc": 21, "inst": 8, "desc": 40, "ctid": 6, "sn": 3,
          "sta": 3, "nsta": 4, "n": 3, "scp": 8, "zone": 16}  # fmt: skip
SHORT = {"online": "ON", "offline": "OFF", "disabled": "DIS", "maintenance": "MNT", "degraded": "DGD",
         "uninitialized": "UN", "legacy_run": "LRC"}  # fmt: skip
USAGE = """Usage: svcs [-aHpv] [-o col[,col ... ]] [-R restarter] [-sS col] [-Z | -z zone ]
            [<service> ...]
       svcs -d | -D [-Hpv] [-o col[,col ... ]] [-sS col] [-Z | -z zone ]
            [<service> ...]
       svcs [-l | -L] [-Z | -z zone] <service> ...
       svcs -x [-v] [-Z | -z zone] [<service> ...]
       svcs -?"""


def main(world: World, argv: list[str]) -> int:
    """List instances: the enabled ones, or those that the patterns name."""
    try:
        options, patterns = parse(argv, "adDHlLo:pR:s:S:vxz:Z")
    except OptionError as error:
        print(f"svcs: {error.text.replace('unrecognized option', 'illegal option')}\n{USAGE}", file=sys.stderr)
        return 2
    asked = dict(options)
    columns = [name.lower() for name in asked.get("o", "state,stime,fmri").split(",")]
    for name in columns:
        if name not in WIDTHS:
            print(f'svcs: Unknown column "{name}".\n{USAGE}', file=sys.stderr)
            return 2
    known = services.load(world)["services"]
    names, code = _named(known, patterns, every="a" in asked)
    if "x" in asked:
        return _explain(known, names if patterns else list(known), code, named=bool(patterns))
    if "L" in asked:
        for fmri in names:
            print(services.log_path(fmri))
        return code
    if "l" in asked:
        for fmri in names:
            _long(fmri, known[fmri])
        return code
    now = time.time()
    rows = sorted(
        (services.ORDER.index(services.shown(known[fmri], now)[0]), known[fmri]["since"], fmri) for fmri in names
    )
    if "H" not in asked:
        _line(columns, [name.upper() for name in columns])
    for _, _, fmri in rows:
        _line(columns, [_cell(name, fmri, known[fmri], now) for name in columns])
    return code


def _named(known: dict[str, Any], patterns: list[str], *, every: bool) -> tuple[list[str], int]:
    if not patterns:
        return [fmri for fmri, instance in known.items() if every or instance["state"] != "disabled"], 0
    names: list[str] = []
    code = 0
    for pattern in patterns:
        found = services.matching(known, pattern)
        if not found:
            print(f"svcs: Pattern '{pattern}' doesn't match any instances", file=sys.stderr)
            code = 1
        names += [fmri for fmri in found if fmri not in names]
    return names, code


def _line(columns: list[str], cells: list[str]) -> None:
    print(" ".join(cell.ljust(WIDTHS[name]) for name, cell in zip(columns, cells, strict=True)).rstrip())


def _cell(name: str, fmri: str, instance: dict[str, Any], now: float) -> str:
    state, following = services.shown(instance, now)
    if name == "state":
        return state + ("*" if following != "-" else "")
    if name == "stime":
        since = time.localtime(instance["since"])
        return time.strftime("%H:%M:%S" if now - instance["since"] < 86400 else "%b_%d", since)
    if name in {"sta", "nsta"}:
        text = SHORT.get(state if name == "sta" else following, "-")
        return text + ("*" if name == "sta" and following != "-" else "")
    service, _, own = fmri.removeprefix("svc:/").partition(":")
    cells: dict[str, str] = {"fmri": fmri, "svc": service, "inst": own, "desc": instance["name"], "nstate": following}
    return {**cells, "ctid": "-", "sn": "-", "n": "-", "scp": "localhost", "zone": "global"}[name]


def _long(fmri: str, instance: dict[str, Any]) -> None:
    state, following = services.shown(instance, time.time())
    since = time.strftime("%a %b %e %H:%M:%S %Y", time.localtime(instance["since"]))
    enabled = "true" if instance["enabled"] else "false"
    if instance.get("transient"):
        enabled = f"{'true' if instance['state'] != 'disabled' else 'false'} (temporary)"
    rows = [("fmri", fmri), ("name", instance["name"]), ("enabled", enabled), ("state", state)]
    rows += [("next_state", "none" if following == "-" else following), ("state_time", since)]
    rows += [("logfile", services.log_path(fmri)), ("restarter", "svc:/system/svc/restarter:default")]
    for name, value in rows:
        print(f"{name:<12} {value}")


def _explain(known: dict[str, Any], names: list[str], code: int, *, named: bool) -> int:
    for fmri in names:
        instance = known[fmri]
        state, _ = services.shown(instance, time.time())
        wrong = instance["enabled"] and state not in {"online", "legacy_run"}
        if not wrong and not named:
            continue
        since = time.strftime("%a %b %e %H:%M:%S %Y", time.localtime(instance["since"]))
        print(f"{fmri} ({instance['name']})\n State: {state} since {since}")
        if wrong:
            print(f"Reason: {instance.get('changed', {}).get('reason') or 'Start method is running.'}")
        elif state == "disabled":
            print("Reason: Disabled by an administrator.")
        print(f"   See: {services.log_path(fmri)}")
        print("Impact: " + ("This service is not running." if state != "online" else "None."))
        print()
    return code
