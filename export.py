"""Export a trained network: `python export.py checkpoints/gallery.ckpt gallery.onnx`."""

from styletransfer.commands.export import main

if __name__ == "__main__":
    main()
