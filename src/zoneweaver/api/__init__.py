"""What may be asked over HTTP: one table of routes, wire models, keys, and the one table from error type to status."""
