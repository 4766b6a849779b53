"""The one tree of errors: every error says what is wrong, and its hint says what to do about it."""


class XraybenchError(Exception):
    """Base of all expected errors; the command line prints it with its hint and exits with `exit_code`."""

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n  hint: {self.hint}" if self.hint else self.message


def reason_of(error: Exception) -> str:
    """An error as records and lists of failures give it: on one line, with what to do about it."""
    if not isinstance(error, XraybenchError):
        return repr(error)
    return f"{error.message}; {error.hint}" if error.hint else error.message


class UsageError(XraybenchError):
    """A name, option or parameter that does not exist or does not fit."""

    exit_code = 2


class TaskFileError(UsageError):
    """A task file with an unknown key or a value that does not fit."""


class ValidationError(XraybenchError):
    """A record, page, model or plug-in breaks its contract."""

    exit_code = 4


class RecordError(ValidationError):
    """A file of a run folder cannot be read, or belongs to another version of the format."""


class DataError(XraybenchError):
    """Data are missing, unreadable or not what their source promises."""

    exit_code = 5


class PluginError(XraybenchError):
    """A plug-in, or the object it names, cannot be loaded."""

    exit_code = 5


class NotApplicableError(XraybenchError):
    """An explainer or metric does not apply to this model or data; the message is the reason shown on the board."""
