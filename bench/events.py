"""From a change to the event that tells of it, with many who listen."""

from __future__ import annotations

import selectors
import time

from bench.figure import Effort, Row, at_most, median, quantile
from bench.https import Listener
from bench.lab import bench


def measure(effort: Effort) -> list[Row]:
    """Change a zone's notes again and again; each listener hears of each change."""
    taken: list[float] = []
    with bench(zones=1) as made, made.connection() as connection:
        listeners = [made.listener("zones") for _ in range(effort.subscribers)]
        selector = selectors.DefaultSelector()
        for listener in listeners:
            selector.register(listener.socket, selectors.EVENT_READ, listener)
        for turn in range(effort.rounds):
            began = time.perf_counter()
            connection.begin("PUT", "/zones/zone0000", {"notes": f"change {turn}"})
            missing, deadline = len(listeners), began + 10
            while missing:
                if time.perf_counter() > deadline:
                    raise TimeoutError(f"{missing} of {len(listeners)} did not hear of change {turn}")
                for selected, _ in selector.select(1.0):
                    heard: Listener = selected.data
                    for moment, event in heard.read():
                        if event.get("name") == "zone0000":
                            taken.append((moment - began) * 1000)
                            missing -= 1
            connection.answer()
    what = f"change → event, {effort.subscribers} listeners, p99"
    said = f"median {median(taken):.1f} ms, slowest {max(taken):.1f} ms; {effort.rounds} changes"
    return [at_most(what, 50, quantile(taken, 0.99), "ms", said)]
