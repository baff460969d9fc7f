"""The errors of both packages. The message is one line that names the problem and the remedy.

Each error has the exit status of a command that ends with it: 2 for a wrong call, 1 for work that
failed. Any other exception is a bug and keeps its traceback.
"""


def one_line(text: str) -> str:
    """Return a text as one line for a terminal, with unprintable characters escaped.

    Names of files and styles may contain line feeds, terminal codes and invalid characters.
    """
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in " ".join(text.split())
    )


class StyleTransferError(Exception):
    """The base class of all errors of both packages."""

    exit_code = 1


class RequestError(StyleTransferError):
    """A wrong call: it asks for something that does not exist or cannot be done."""

    exit_code = 2


class StyleError(RequestError):
    """A style, blend or strength that is malformed or that the model does not have."""


class MaskError(RequestError):
    """A mask that does not fit the picture, or a wrong list of masks."""


class MemoryLimitError(RequestError):
    """A picture that needs more memory than is allowed."""


class OutputError(RequestError):
    """An output that would overwrite a file, or whose format or folder cannot be used."""


class DataSetError(RequestError):
    """A source or destination of a data set that cannot be used."""


class ProviderError(RequestError):
    """An execution provider that this ONNX Runtime does not have."""


class DeviceError(RequestError):
    """A PyTorch device that this machine does not have."""


class TrainingDataError(RequestError):
    """Photographs or paintings that cannot be used for training."""


class EvaluationDataError(RequestError):
    """Photographs or paintings that cannot be used to evaluate a model."""


class WeightsError(RequestError):
    """A file of weights that is missing, damaged, or for another network."""


class WorkError(StyleTransferError):
    """Work that failed although the call was right, such as for lack of memory."""


class ImageError(StyleTransferError):
    """An image file that cannot be read or written."""


class FilmError(StyleTransferError):
    """A film that cannot be read."""


class ModelError(StyleTransferError):
    """An ONNX file that is not a styletransfer model, or that cannot do what is asked."""


class CheckpointError(StyleTransferError):
    """A checkpoint that is damaged, in an old format, or of another network."""


class DestinationError(StyleTransferError):
    """A destination that cannot take more files: it is full, read-only or damaged."""


class ScratchError(StyleTransferError):
    """Too little space on disk for temporary files."""


class DivergenceError(StyleTransferError):
    """Training whose loss stays infinite or NaN."""


class PrecisionError(StyleTransferError):
    """A network whose weights exceed the range of float16."""


class ParityError(StyleTransferError):
    """An exported graph whose output differs from that of its network."""


class MissingExtraError(StyleTransferError):
    """A Python package that is not installed and belongs to an extra."""


class StoppedError(StyleTransferError):
    """Training that a signal stopped. The exit status is 128 plus the signal's number."""

    def __init__(self, signal: int, message: str) -> None:
        super().__init__(message)
        self.exit_code = 128 + signal
