"""The agent for bhyve zones on illumos: it says host commands, listens, and can undo what it did."""

__version__ = "0.1.0"
