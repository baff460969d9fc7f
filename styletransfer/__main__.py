"""`python -m styletransfer`, and the `styletransfer` command."""

import sys


def main() -> None:
    """Run the `styletransfer` command as a process."""
    try:
        from styletransfer.commands.process import run_process

        run_process("styletransfer.commands.main")
    except KeyboardInterrupt:  # before `run_process` handles it
        print("Error: interrupted before the work began; nothing was written", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
