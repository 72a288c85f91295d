"""Run all measurements, or those named; print them and keep them in bench-results.json."""

from __future__ import annotations

import importlib
import json
import pkgutil
import sys

import bench

RESULTS = "bench-results.json"


def main(names: list[str]) -> int:
    """Measure and print one line for each number."""
    known = [module.name for module in pkgutil.iter_modules(bench.__path__) if not module.name.startswith("_")]
    strange = sorted(set(names) - set(known))
    if strange:
        print(f"there is no measurement called {strange[0]}; there are: {', '.join(known)}", file=sys.stderr)
        return 2
    results: dict[str, dict[str, float]] = {}
    for name in names or known:
        results[name] = importlib.import_module(f"bench.{name}").measure()
        for what, number in results[name].items():
            print(f"{name}: {what:<40} {number:>10.2f}", flush=True)
    with open(RESULTS, "w", encoding="utf-8") as file:
        json.dump(results, file, indent=1)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
