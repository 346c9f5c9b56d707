"""What a person is told when a source cannot become a template."""


class Refused(Exception):
    """The source is damaged, hostile or unfit. `remedy` says what to do, where there is something."""

    def __init__(self, message, remedy=""):
        super().__init__(message)
        self.message = message
        self.remedy = remedy


def shown(text, limit=200):
    """Text out of an archive as it may be printed: in one line, without control characters, not too long."""
    if isinstance(text, bytes):
        text = text.decode("utf-8", "backslashreplace")
    text = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text[:limit + 1])
    return text if len(text) <= limit else text[:limit] + "..."
