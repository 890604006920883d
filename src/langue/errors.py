"""The one error a user is meant to read."""


class LangueError(Exception):
    """A mistake that the user can mend.

    Its message is one clear sentence that says what is wrong and what to do. The command line prints it and ends with
    exit status 2; from Python it is an ordinary exception. Mistakes of Langue itself are never dressed up as this.
    """
