"""How one host command is said and heard: a module per command, over one process runner."""
