"""Train a network: `python train.py fit --config configs/gallery.yaml`."""

from styletransfer.commands.train import main

if __name__ == "__main__":
    main()
