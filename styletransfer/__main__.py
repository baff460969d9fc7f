"""`python -m styletransfer`, the same as the `styletransfer` command."""

from styletransfer.commands.main import main

if __name__ == "__main__":
    main()
