"""A trigger's key: the same for the same reason, so that what arrives twice has one effect.

A key is a pure function of reason and window, and belongs to one model. A schedule's window is the instant
that was scheduled, a monitor's is the day on which the window ended on the model's own clock. Only a manual
trigger's is random, as nobody can say which of two people meant the same.
"""

import hashlib
import re
import uuid
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from ct_components.errors import SpecError

ALLOWED = (
    "1 to 190 letters, digits and . _ : / @ + -, without @ and a number at the end, and with no empty part, "
    ". or .. between slashes"
)
_KEY = re.compile(r"[A-Za-z0-9_.:/@+-]{1,190}")
_ATTEMPT = re.compile(r"(.+)@([1-9][0-9]*)")


def schedule_key(instant: datetime) -> str:
    """Returns the key of a scheduled instant.

    >>> schedule_key(datetime(2026, 11, 29, 3, 0, tzinfo=UTC))
    'schedule-2026-11-29T03:00Z'
    """
    return f"schedule-{instant.astimezone(UTC):%Y-%m-%dT%H:%MZ}"


def day_key(reason: str, window_end: datetime, timezone: str) -> str:
    """Returns the key of what a monitor saw in a window: one a day, however often it looks.

    >>> day_key("drift", datetime(2013, 6, 2, 3, 30, tzinfo=UTC), "America/New_York")
    'drift-2013-06-01'
    """
    return f"{reason}-{window_end.astimezone(ZoneInfo(timezone)):%Y-%m-%d}"


def manual_key() -> str:
    """Returns a key that nobody had before."""
    return f"manual-{uuid.uuid4().hex}"


def check_key(key: str) -> str:
    """Returns a key that somebody gave.

    Raises:
        SpecError: If it has another form, or that of a further attempt.
    """
    is_path = any(part in {"", ".", ".."} for part in key.split("/"))
    if not _KEY.fullmatch(key) or _ATTEMPT.fullmatch(key) or is_path:
        raise SpecError(f"key: got {key[:80]!r}; allowed: {ALLOWED}")
    return key


def attempt_key(key: str, attempt: int) -> str:
    """Returns the key that the run of an attempt claims; a forced attempt must not find the first one's.

    >>> attempt_key("drift-2013-06-01", 1), attempt_key("drift-2013-06-01", 2)
    ('drift-2013-06-01', 'drift-2013-06-01@2')
    """
    return key if attempt == 1 else f"{key}@{attempt}"


def split_attempt(run_key: str) -> tuple[str, int]:
    """Returns the key and the attempt of what a run claims.

    >>> split_attempt("drift-2013-06-01@2"), split_attempt("drift-2013-06-01")
    (('drift-2013-06-01', 2), ('drift-2013-06-01', 1))
    """
    match = _ATTEMPT.fullmatch(run_key)
    return (match[1], int(match[2])) if match else (run_key, 1)


def run_name(model: str, run_key: str) -> str:
    """Returns the name of the run that a trigger makes, by which a second submitter finds it.

    >>> run_name("flight-delay", "drift-2013-06-01")
    'ct-953d5286751dac96086a6b216629b212149d70e1'
    """
    return f"ct-{hashlib.sha256(f'{model}|{run_key}'.encode()).hexdigest()[:40]}"


def is_clone(name: str, model: str, run_key: str) -> bool:
    """Returns whether a run that brings a key which had its run was copied from that by hand.

    The door names its runs after their keys. KFP names those of a recurring run itself, and so are two at one
    scheduled instant, unless a person copied one of them.

    >>> is_clone("Clone of ct-953d", "flight-delay", "drift-2013-06-01")
    True
    >>> is_clone(run_name("flight-delay", "drift-2013-06-01"), "flight-delay", "drift-2013-06-01")
    False
    """
    if name in {"", run_name(model, run_key)}:
        return False
    return not run_key.startswith("schedule-") or name.casefold().startswith("clone of")
