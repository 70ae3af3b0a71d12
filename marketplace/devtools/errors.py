"""What the workshop's commands refuse, with the exit code each refusal means to the shell."""


class DevtoolsError(Exception):
    """Stop a command with one sentence for the person at the keyboard; exit code 1."""

    exit_code = 1


class NotPossibleHere(DevtoolsError):
    """Say that this machine can't do what was asked, and why; exit code 3."""

    exit_code = 3


class ServiceFailed(DevtoolsError):
    """Say that a service did not start or did not stop; carries the last lines of its log."""
