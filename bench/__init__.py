"""Measurements: each module has `measure()`, which answers names and numbers; `python -m bench` runs them all."""
