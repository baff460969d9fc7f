"""Check names of styles: they must not contain words and signs of the options' grammar."""

from styletransfer.errors import StyleError

RESERVED = ("identity", "each", "random", "rest")
SEPARATORS = ",:/\\="


def check_style_name(name: str) -> None:
    """Refuse a name that could not be used in `--style`, in `--mask` or as a file name.

    Raises:
        StyleError: The name is empty, is a reserved word, has spaces around it, or contains a
            separator or an unprintable character.
    """
    if name in RESERVED:
        raise StyleError(f"a style cannot be called {name!r}: the options reserve it; rename it")
    if not name.strip() or name != name.strip() or not name.isprintable():
        fault = "it is empty, has spaces around it or is not printable"
        raise StyleError(f"{name!r} is no name for a style: {fault}; rename it")
    if found := sorted(set(name) & set(SEPARATORS)):
        signs = " ".join(found)
        raise StyleError(f"{name!r} is no name for a style: it contains {signs}; rename it")
    if name.strip(".") == "":
        raise StyleError(f"{name!r} is no name for a style: it means a folder; rename it")
