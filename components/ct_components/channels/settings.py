"""Which channels there are, and where each leads: addresses are secrets, so a spec only names them."""

import logging
import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ct_components.errors import StateError
from ct_components.spec import Channel
from ct_components.webhook import UNENCRYPTED, Target, check_token, is_private, split_address

SECRETS_DIR = "KFP_CT_SECRETS_DIR"
SECRETS_FOLDER = "/etc/kfp-ct/connections"
"""Where the compiled pipeline mounts the Secret `kfp-ct-connections`, a file for each of its keys."""
CA_FILE = "KFP_CT_NOTIFY_CA_FILE"

_LONGEST_SECRET = 65_536

logger = logging.getLogger("kfp-ct")


def read_channels(spec: Any) -> list[Channel]:
    """Returns the channels of a model spec, as plain values, that may be broken in any way.

    A channel is taken if it says what it is and where it leads. One that does not is left out with a warning,
    which repeats none of its values: they may be the secrets themselves, put in the wrong place.
    """
    listed = spec.get("notify") if isinstance(spec, Mapping) else None
    found = [
        _read_channel(number, each) for number, each in enumerate(listed if isinstance(listed, list) else ())
    ]
    return [each for each in found if each]


def _read_channel(number: int, value: Any) -> Channel | None:
    needed = (
        {name: value[name] for name in ("type", "url", "token") if name in value} if _is_map(value) else {}
    )
    for attempt in (value, needed):
        try:
            return Channel.model_validate(attempt)
        except ValidationError as error:
            wrong = ", ".join(sorted({str(each["loc"][0]) for each in error.errors() if each["loc"]}))
    logger.warning("notify[%s]: nobody is told there, its %s is not allowed", number, wrong or "form")
    return None


def _is_map(value: Any) -> bool:
    return isinstance(value, Mapping)


def find_secret(name: str, environment: Mapping[str, str] = os.environ) -> str | None:
    """Returns what a variable holds, else the file of its name; None if neither is there, or it is empty.

    Raises:
        StateError: If the file is there and cannot be read.
    """
    if value := environment.get(name, "").strip():
        return value
    path = secrets_folder(environment) / name
    try:
        with path.open(encoding="utf-8") as file:
            return file.read(_LONGEST_SECRET).strip() or None
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text in UTF-8"
        raise StateError(f"{name}: {str(path)!r} cannot be read: {reason}") from None


def secrets_folder(environment: Mapping[str, str]) -> Path:
    """Returns the folder of the secrets' files."""
    return Path(environment.get(SECRETS_DIR, "").strip() or SECRETS_FOLDER)


def target_of(channel: Channel, environment: Mapping[str, str]) -> Target:
    """Returns where a channel leads.

    Raises:
        StateError: If a variable that it names is not set, or holds no address or token.
    """
    url = _needed(channel.url, environment)
    parts = split_address(url)
    if parts is None:
        raise StateError(
            f"{channel.url} holds no address; allowed: an http or https URL without user, password or "
            "fragment"
        )
    if channel.token and not is_private(parts):
        raise StateError(f"{channel.url} {UNENCRYPTED}")
    return Target(
        url=url,
        name=f"{channel.type} channel {channel.url}",
        url_name=channel.url,
        token_name=channel.token or "notify's token",
        ca_name=CA_FILE,
        token=partial(_token, channel.token, environment),
        ca_file=_authorities(environment),
        secret=True,
    )


def _needed(name: str, environment: Mapping[str, str]) -> str:
    if value := find_secret(name, environment):
        return value
    raise StateError(f"{name} is not set, and {secrets_folder(environment)} holds no file of that name")


def _token(name: str | None, environment: Mapping[str, str]) -> str | None:
    return check_token(_needed(name, environment), name) if name else None


def _authorities(environment: Mapping[str, str]) -> Path | None:
    given = environment.get(CA_FILE, "").strip()
    return Path(given) if given else None
