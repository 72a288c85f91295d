"""What runs inside a booted zone: nothing at all, or a system that speaks on its serial console."""
