"""Reading zones: how many answers a second, how quick a single one, and that no host command is run for them."""

from __future__ import annotations

import time

from bench import load
from bench.figure import Effort, Row, at_least, at_most, exactly, median, quantile, told
from bench.https import Connection
from bench.lab import Bench, bench

CONNECTIONS = 8


def one_key(effort: Effort) -> list[Row]:
    """GET /zones by many connections that share a key, with and without changes in between."""
    with bench(zones=effort.zones) as made:
        made.connection().get("/zones")
        rows = _under_load(made, f"GET /zones, {effort.zones} zones, 1 key", made.keys, effort)
        name = "zone0000"
        process = load.begin(made.port, connections=CONNECTIONS, seconds=effort.seconds, path="/zones", keys=made.keys)
        before = _made(made)
        changed = 0
        with made.connection() as connection:
            while process.poll() is None:
                _change(connection, name, changed)
                changed += 1
                time.sleep(0.05)
        seen = load.finish(process)
        said = f"{changed / effort.seconds:.0f} changes/s; {_kept(made, before, seen.answers)}"
        rows.append(told("the same with changes in between", seen.per_second, "answers/s", said))
        rows.append(told("the same with changes in between, p50", seen.p50, "ms", f"p99 {seen.p99:.1f} ms"))
        return rows


def many_keys(effort: Effort) -> list[Row]:
    """GET /zones by as many callers as there are keys."""
    with bench(zones=effort.zones, number_of_keys=effort.keys) as made:
        made.connection().get("/zones")
        return _under_load(made, f"GET /zones, {effort.zones} zones, {effort.keys} keys", made.keys, effort)


def _under_load(made: Bench, what: str, keys: list[str], effort: Effort) -> list[Row]:
    before, used = _made(made), made.processor()
    seen = load.run(made.port, connections=CONNECTIONS, seconds=effort.seconds, path="/zones", keys=keys)
    share = (made.processor() - used) / effort.seconds
    if seen.wrong:
        raise RuntimeError(f"{seen.wrong} answers were refusals")
    said = (
        f"{_kept(made, before, seen.answers)}; {seen.bytes} bytes each; "
        f"processors: agent {share:.0%}, generator {seen.own_share:.0%}"
    )
    return [
        at_least(what, 800, seen.per_second, "answers/s", said),
        at_most(f"{what}, p50", 10, seen.p50, "ms", f"p99 {seen.p99:.1f} ms"),
    ]


def single(effort: Effort) -> list[Row]:
    """A zone's details one after the other, and the host's journal meanwhile."""
    with bench(zones=effort.zones) as made, made.connection() as connection:
        before = len(made.ran())
        connection.get("/zones/zone0000")
        taken = [_timed(connection, f"/zones/zone{n % effort.zones:04d}") for n in range(5 * effort.rounds)]
        commands = len(made.ran()) - before
    return [
        at_most("GET /zones/{name}", 5, median(taken), "ms", f"p99 {quantile(taken, 0.99):.1f} ms"),
        exactly("GET /zones/{name}: host commands", 0, commands, "commands", f"{len(taken) + 1} requests"),
    ]


def many_zones(effort: Effort) -> list[Row]:
    """GET /zones with a thousand zones, the first after a change, and again."""
    with bench(zones=effort.many_zones) as made, made.connection() as connection:
        path = f"/zones?limit={effort.many_zones}"
        cold, warm = [], []
        for turn in range(effort.rounds):
            _change(connection, "zone0000", turn)
            cold.append(_timed(connection, path))
            warm.append(_timed(connection, path))
        size = len(connection.raw_get(path))
    what = f"GET /zones, {effort.many_zones} zones"
    return [
        at_most(f"{what}, after a change", 60, median(cold), "ms", f"p99 {quantile(cold, 0.99):.1f} ms; {size} bytes"),
        at_most(f"{what}, unchanged", 60, median(warm), "ms", f"p99 {quantile(warm, 0.99):.1f} ms"),
    ]


def _timed(connection: Connection, path: str) -> float:
    began = time.perf_counter()
    connection.raw_get(path)
    return (time.perf_counter() - began) * 1000


def _change(connection: Connection, name: str, turn: int) -> None:
    status, answer = connection.ask("PUT", f"/zones/{name}", {"notes": f"change {turn}"})
    if status != 200:
        raise RuntimeError(f"the zone could not be changed: {status} {answer}")


def _made(made: Bench) -> float:
    """How many lists the agent has made so far, rather than answered with kept bytes."""
    with made.connection() as connection:
        for line in connection.raw_get("/metrics").decode().splitlines():
            if line.startswith("zoneweaver_lists_made_total "):
                return float(line.split()[1])
    raise RuntimeError("the agent does not count the lists it makes")


def _kept(made: Bench, before: float, answers: int) -> str:
    return f"{1 - (_made(made) - before) / max(1, answers):.1%} from kept bytes"
