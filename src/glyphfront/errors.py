"""The one exception a user is meant to read."""


class GlyphfrontError(Exception):
    """A fault that the user can mend.

    The message is one line that says what is wrong and what to do. The command line prints it on stderr and
    exits with status 2; library users catch this class.
    """


class RunsFailedError(GlyphfrontError):
    """Runs of a study failed; the others are finished and kept."""
