"""The `styletransfer` command: one file for each of its commands."""
