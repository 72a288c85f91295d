"""The service manager of the lab host: instances, their states, methods and properties (smf(7))."""
