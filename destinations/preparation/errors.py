"""What goes wrong in preparation as a whole. A bad row never raises: it becomes an issue."""


class PreparationError(Exception):
    """The rows could not be prepared at all.

    The text is made for people and never holds a value of a row: an engine's own message may quote one.
    """
