"""Train a network: `python train.py fit` is `styletransfer train fit`."""

from styletransfer.commands.process import run_process

if __name__ == "__main__":
    run_process("styletransfer.commands.main", ["train"])
