"""The commands of the host: one module each, `main(world, argv) -> exit code`."""
