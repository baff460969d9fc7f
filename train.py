"""Train a network: `python train.py fit --config configs/gallery.yaml`."""

from styletransfer.training.cli import main

if __name__ == "__main__":
    main()
