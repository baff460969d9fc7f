"""Names of styles: those that the options of the commands can tell from their own words."""

from styletransfer.errors import StyleError

RESERVED = ("identity", "each", "random", "rest")
SEPARATORS = ",:/\\="


def check_style_name(name: str) -> None:
    """Refuse a name that a style text, a mask or a file's name could not hold.

    Raises:
        StyleError: `name` is a word of the grammar, holds a separator or a character that does
            not print, or has blanks around it.
    """
    if name in RESERVED:
        raise StyleError(f"a style cannot be called {name!r}: the options use this word; rename it")
    if not name.strip() or name != name.strip() or not name.isprintable():
        raise StyleError(f"{name!r} is no name for a style: it is empty or has blanks around it")
    if found := sorted(set(name) & set(SEPARATORS)):
        signs = " ".join(found)
        raise StyleError(f"{name!r} is no name for a style: it holds {signs}; rename it")
    if name.strip(".") == "":
        raise StyleError(f"{name!r} is no name for a style: it names a folder; rename it")
