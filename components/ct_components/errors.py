"""Everything that can go wrong on purpose.

::

    CTError                      1   base; never raised itself
    ├── BadInput                     never retried: the same input gives the same answer
    │   ├── SpecError           10   the model spec, a parameter or an option
    │   ├── DataError           11   rows that a model must not learn: rules, classes, infinities
    │   ├── SourceError         12   data that cannot be read: missing, corrupt, empty window
    │   ├── ModelError          13   an estimator that cannot be built, fitted, stored or loaded
    │   ├── StateError          14   ledger, registry or state folder do not allow what was asked
    │   └── Duplicate           15   another run holds the same key
    ├── StageTimeout            20   a stage took longer than it was given
    └── Unreachable             75   a service does not answer: try again (sysexits' EX_TEMPFAIL)
        └── Overtaken           75   another run was quicker: what was decided must be decided anew

A Job's podFailurePolicy fails at once on 10 to 15 and retries on 75. Exit code 1 is a bug, 2 a misuse of
the command line. A message names the role, the value, and what was allowed or available.
"""


class CTError(Exception):
    """An error that a user can act on; shown as one message, without a traceback."""

    exit_code = 1


class BadInput(CTError):
    """Input that stays wrong however often it is tried."""


class SpecError(BadInput):
    """A model spec, parameter or option that is not allowed."""

    exit_code = 10


class DataError(BadInput):
    """Rows that were read, and that a model must not learn."""

    exit_code = 11


class SourceError(BadInput):
    """Data that cannot be read, or are not there."""

    exit_code = 12


class ModelError(BadInput):
    """An estimator or a stored model that cannot do what its stage needs."""

    exit_code = 13


class StateError(BadInput):
    """Ledger, registry or state folder do not allow what was asked."""

    exit_code = 14


class Duplicate(BadInput):
    """Another run holds the same key."""

    exit_code = 15


class StageTimeout(CTError):
    """A stage took longer than it was given."""

    exit_code = 20


class Unreachable(CTError):
    """A service does not answer; the same call may go through later."""

    exit_code = 75


class Overtaken(Unreachable):
    """Another run changed what this one had reckoned with; decided anew, it may go through."""


EXIT_CODES = {
    kind.exit_code: kind
    for kind in (
        SpecError,
        DataError,
        SourceError,
        ModelError,
        StateError,
        Duplicate,
        StageTimeout,
        Unreachable,
    )
}

BAD_INPUT = {code: kind for code, kind in EXIT_CODES.items() if issubclass(kind, BadInput)}
"""The kinds that are never retried, by exit code."""
