"""The one base class of every error that a user can cause and mend."""


class DaganError(ValueError):
    """An expected failure (bad photo, bad flag, bad file) whose message is one clear line.

    The command-line programs print the message and exit with status 2; anything else that is
    raised is a defect of this package and keeps its traceback.
    """
