"""Export a trained network: `python export.py` is `styletransfer export`."""

from styletransfer.commands.process import run_process

if __name__ == "__main__":
    run_process("styletransfer.commands.main", ["export"])
