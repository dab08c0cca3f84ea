"""The pipeline's parameter `spec`, as far as it can be read: a run may have failed because it cannot."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from ct_components.errors import SpecError
from ct_components.spec.reader import read

_LONGEST = 1_000_000

logger = logging.getLogger("kfp-ct")


def read_leniently(parameter: str) -> Mapping[str, Any]:
    """Returns the mapping that a parameter holds or names; an empty one where there is none.

    >>> read_leniently("{model: shop, notify: [], unknown: 1}")["model"], read_leniently("/no/file")
    ('shop', {})
    """
    try:
        value = read(_text(parameter.strip())).value
    except (SpecError, OSError, ValueError):
        logger.warning("the spec parameter cannot be read, so it names nobody to tell")
        return {}
    return value if isinstance(value, Mapping) else {}


def _text(parameter: str) -> str:
    # As `ct_components.spec.read_spec` tells them apart.
    if not parameter or "\n" in parameter or parameter.startswith("{"):
        return parameter[:_LONGEST]
    with Path(unquote(parameter.removeprefix("file://"))).open(encoding="utf-8-sig") as file:
        return file.read(_LONGEST)
