"""The `interp` command: one file for each of its commands."""
