"""How to talk to a running guest: a console as a byte stream, what is expected on it, and what is typed."""
