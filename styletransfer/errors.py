"""The errors of both packages: one line that names the thing and the remedy.

Each carries the exit status of a command that ends with it: 2 for a wrong call, 1 for work that
failed. Anything else that is raised is a bug, and keeps its traceback.
"""


def one_line(text: str) -> str:
    """Return a text as one line for a terminal. Characters that are not printable are escaped.

    Names of files and styles may hold line feeds, codes that a terminal obeys, and half characters.
    """
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in " ".join(text.split())
    )


class StyleTransferError(Exception):
    """The base class of all errors here."""

    exit_code = 1


class RequestError(StyleTransferError):
    """A call that asks for what does not exist or cannot be done."""

    exit_code = 2


class StyleError(RequestError):
    """A style, blend or strength that the model does not have or that is no such thing."""


class MaskError(RequestError):
    """A mask, or a list of masks, that does not fit."""


class MemoryLimitError(RequestError):
    """A picture that takes more memory than it may."""


class OutputError(RequestError):
    """An output that would overwrite a file, or that cannot be written in that form."""


class DataSetError(RequestError):
    """A source or destination of a data set that cannot be used."""


class ProviderError(RequestError):
    """An execution provider that is not there."""


class DeviceError(RequestError):
    """A device that is not there."""


class TrainingDataError(RequestError):
    """Photographs or paintings that cannot be trained on."""


class EvaluationDataError(RequestError):
    """Photographs or paintings that a model cannot be judged on."""


class WeightsError(RequestError):
    """A file of weights that is missing, damaged, or of another network."""


class WorkError(StyleTransferError):
    """A right call whose work failed: no memory, a value that is not finite."""


class ImageError(StyleTransferError):
    """An image file that cannot be read or written."""


class FilmError(StyleTransferError):
    """A film that cannot be read."""


class ModelError(StyleTransferError):
    """An ONNX file that is no model of ours, or that cannot do what is asked."""


class CheckpointError(StyleTransferError):
    """A checkpoint that is damaged, of an old format, or of another network."""


class DestinationError(StyleTransferError):
    """A destination of a data set that takes no more files: it is full, read-only or damaged."""


class ScratchError(StyleTransferError):
    """No room on disk for the work."""


class DivergenceError(StyleTransferError):
    """Training whose loss stays infinite or not a number."""


class PrecisionError(StyleTransferError):
    """A network that float16 cannot hold."""


class ParityError(StyleTransferError):
    """An exported graph that differs from its network."""


class MissingExtraError(StyleTransferError):
    """A package that an extra of the installation brings, and that is not there."""


class StoppedError(StyleTransferError):
    """Training that a signal stopped; the exit status is that of a process it ends."""

    def __init__(self, signal: int, message: str) -> None:
        super().__init__(message)
        self.exit_code = 128 + signal
