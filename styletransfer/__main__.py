"""`python -m styletransfer`, the same as the `styletransfer` command."""

from styletransfer.cli import main

if __name__ == "__main__":
    main()
