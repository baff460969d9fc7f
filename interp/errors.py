"""The two ways in which a call of `interp` fails; each message is one line with the remedy."""


class RequestError(ValueError):
    """What was asked for does not exist or cannot be done as asked; a command exits with 2."""


class WorkError(RuntimeError):
    """A right call whose work failed: an unusable file, no memory, a NaN; a command exits with 1.

    Image files raise `styletransfer.images.ImageError`, which commands treat the same.
    """
