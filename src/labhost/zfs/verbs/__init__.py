"""The verbs of zfs(8): how each is said, one module for each or for a few that belong together."""
