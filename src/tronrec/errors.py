"""The one exception that means: the user can mend this, and the message says how."""


class UserError(ValueError):
    """Bad data or a bad parameter; the message names place, value and remedy.

    The command line prints it without a traceback and exits with status 1.
    """
