"""Zones of the host: their configuration, their states, and the bhyve brand that runs them."""
