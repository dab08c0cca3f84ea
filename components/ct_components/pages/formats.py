"""How values become text, once for all pages: the Jinja2 filters.

None becomes an en dash, 0.0 is a number like any other, and a minus is a minus sign rather than a hyphen.
"""

import math
from datetime import datetime
from urllib.parse import quote
from zoneinfo import ZoneInfo

DASH = "\u2013"
MINUS = "\u2212"
_MINUTE = 60
_HOUR = 3600


def fixed(value: float | None, digits: int = 4) -> str:
    """Returns a score, with four decimals.

    >>> fixed(0.74216), fixed(0.0), fixed(float("nan")), fixed(None) == DASH
    ('0.7422', '0.0000', 'NaN', True)
    """
    if value is None:
        return DASH
    if not math.isfinite(value):
        return _not_finite(value)
    # Adding 0.0 turns the -0.0 of a rounded tiny loss into 0.0.
    return f"{round(value, digits) + 0.0:.{digits}f}".replace("-", MINUS)


def signed(value: float | None, digits: int = 4) -> str:
    """Returns a gain, with its sign unless it is zero as shown.

    >>> signed(0.0123), signed(0.0), signed(-0.00001), signed(-0.5) == MINUS + "0.5000"
    ('+0.0123', '0.0000', '0.0000', True)
    """
    text = fixed(value, digits)
    rises = value is not None and math.isfinite(value) and round(value, digits) > 0
    return f"+{text}" if rises else text


def gain(value: float | None, relative: bool = False) -> str:
    """Returns a gain: of a score in its units, relative to the old loss in percent.

    >>> gain(0.0123), gain(0.0123, True), gain(0.0, True), gain(None, True) == DASH
    ('+0.0123', '+1.23 %', '0.00 %', True)
    """
    if not relative or value is None:
        return signed(value)
    text = signed(100 * value, 2)
    return f"{text} %"


def general(value: float | str | None) -> str:
    """Returns a value of unknown kind: text as it is, numbers with at most six significant digits.

    >>> general(0.25), general(12345678), general("EWR"), general(True)
    ('0.25', '12,345,678', 'EWR', 'true')
    """
    if value is None:
        return DASH
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return count(value)
    if not math.isfinite(value):
        return _not_finite(value)
    return f"{value + 0.0:,.6g}".replace("-", MINUS)


def short(value: float | None) -> str:
    """Returns a number in little space, with at most four significant digits.

    >>> short(1035.2), short(0.3333333), short(0.0)
    ('1,035', '0.3333', '0')
    """
    if value is None:
        return DASH
    return _not_finite(value) if not math.isfinite(value) else f"{value + 0.0:,.4g}".replace("-", MINUS)


def probability(value: float | None) -> str:
    """Returns a p-value or an alpha: four decimals, three significant digits when small.

    >>> probability(0.05), probability(0.00338), probability(2e-13), probability(0.0)
    ('0.05', '0.00338', '< 0.0001', '0')
    """
    if value is None:
        return DASH
    if not math.isfinite(value):
        return _not_finite(value)
    return "< 0.0001" if 0 < value < 1e-4 else f"{value + 0.0:.3g}"  # noqa: PLR2004 — where four decimals end


def count(value: int | None) -> str:
    """Returns a number of things.

    >>> count(336776), count(0)
    ('336,776', '0')
    """
    return DASH if value is None else f"{value:,}".replace("-", MINUS)


def percent(value: float | None) -> str:
    """Returns a share, with one decimal; never 0.0 % or 100.0 % for what is merely close to it.

    >>> percent(0.2178), percent(1.0), percent(0.0), percent(0.00001), percent(0.99999)
    ('21.8 %', '100 %', '0 %', '< 0.1 %', '> 99.9 %')
    """
    if value is None:
        return DASH
    if not math.isfinite(value):
        return _not_finite(value)
    if 0 < value < 0.0005:  # noqa: PLR2004 — what one decimal would round to nothing
        return "< 0.1 %"
    if 0.9995 < value < 1:  # noqa: PLR2004 — and what it would round to everything
        return "> 99.9 %"
    digits = 0 if value in (0.0, 1.0) else 1
    return f"{100 * value + 0.0:.{digits}f} %".replace("-", MINUS)


def seconds(value: float | None) -> str:
    """Returns a duration.

    >>> seconds(0.0), seconds(1.24), seconds(75), seconds(3661)
    ('0.0 s', '1.2 s', '1 min 15 s', '1 h 01 min')
    """
    if value is None:
        return DASH
    if round(value, 1) < _MINUTE:
        return f"{value + 0.0:.1f} s"
    whole = round(value)
    if whole < _HOUR:
        return f"{whole // _MINUTE} min {whole % _MINUTE:02d} s"
    return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE:02d} min"


def instant(iso: str | None, timezone: str = "UTC") -> str:
    """Returns an instant on the wall clock of a time zone; midnight is the day alone.

    >>> instant("2013-04-01T04:00:00+00:00", "America/New_York"), instant("2013-04-01T04:30:00Z")
    ('2013-04-01', '2013-04-01 04:30')
    """
    if not iso:
        return DASH
    local = datetime.fromisoformat(iso).astimezone(ZoneInfo(timezone))
    return f"{local:%Y-%m-%d}" if (local.hour, local.minute) == (0, 0) else f"{local:%Y-%m-%d %H:%M}"


def href(path: str) -> str:
    """Returns an address for a link: http(s) as it is, anything else as a path relative to the page.

    A scheme such as `javascript:` becomes a harmless file name, and `//host` no other host.

    >>> href("runs/a b/run.html"), href("javascript:alert(1)"), href("//evil.example/x")
    ('runs/a%20b/run.html', 'javascript%3Aalert%281%29', '/evil.example/x')
    """
    if path.startswith(("http://", "https://")):
        return path
    return quote("/" + path.lstrip("/") if path.startswith("/") else path, safe="/")


def shorten(text: str | None, limit: int = 60) -> str:
    """Returns text for a narrow cell: the middle of what is too long is left out.

    >>> shorten("sha256:0123456789abcdef", 11)
    'sha25…bcdef'
    """
    if text is None:
        return DASH
    half = (limit - 1) // 2
    return text if len(text) <= limit else f"{text[:half]}…{text[-half:]}"


def _not_finite(value: float) -> str:
    return "NaN" if math.isnan(value) else "∞" if value > 0 else f"{MINUS}∞"


FILTERS = {
    "fixed": fixed,
    "signed": signed,
    "gain": gain,
    "general": general,
    "short": short,
    "probability": probability,
    "count": count,
    "percent": percent,
    "seconds": seconds,
    "instant": instant,
    "href": href,
    "shorten": shorten,
}
