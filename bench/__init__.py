"""Measurements of the whole agent on a lab host; `python -m bench` makes them all (docs/reference/figures.md)."""
