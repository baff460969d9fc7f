"""`python -m interp`, and the `interp` command."""

import sys


def main() -> None:
    """Run the `interp` command as a process."""
    try:
        from styletransfer.commands.process import run_process

        run_process("interp.commands.main")
    except KeyboardInterrupt:  # before `run_process` could listen
        print("Error: interrupted before the work began; nothing was written", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
