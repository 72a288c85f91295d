"""Is it allowed, then enqueue or answer: modules named as in `api/`."""
