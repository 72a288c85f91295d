"""ZFS of the lab host: datasets, snapshots, their content and their space."""
