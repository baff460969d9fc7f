"""Export a trained network: `python export.py checkpoints/gallery.ckpt gallery.onnx`."""

from styletransfer.export.cli import main

if __name__ == "__main__":
    main()
