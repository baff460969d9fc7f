"""`python -m styletransfer`, and the `styletransfer` command."""

from typing import NoReturn

from styletransfer.commands.process import run_process


def main() -> NoReturn:
    """Run the `styletransfer` command as a process."""
    run_process("styletransfer.commands.main")


if __name__ == "__main__":
    main()
