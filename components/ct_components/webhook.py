"""Sends an event to the webhook that starts runs, until it is taken or that is hopeless.

A repeated event has the same id and the same key, so that one which was taken without an answer does no harm
when it is sent again. The token goes to the one address that was configured: redirects are not followed, and
neither proxies nor a .netrc of the environment are used.

`exchange` is how anything is sent: the channels that tell people use it too.
"""

import ipaddress
import json
import logging
import os
import re
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import SplitResult, urlsplit

from ct_components.errors import StateError, Unreachable

if TYPE_CHECKING:
    import requests
    from tenacity import RetryCallState

URL = "KFP_CT_WEBHOOK_URL"
TOKEN = "KFP_CT_WEBHOOK_TOKEN"  # noqa: S105 — the variable's name
TOKEN_FILE = "KFP_CT_WEBHOOK_TOKEN_FILE"  # noqa: S105 — the variable's name
CA_FILE = "KFP_CT_WEBHOOK_CA_FILE"

_CONTENT_TYPE = "application/cloudevents+json"
_TOKEN_FORM = re.compile(r"[!-~]{1,16384}")
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?")
_INSIDE = (".svc", ".svc.cluster.local")
_LATER = frozenset({408, 425, 429})
_LONGEST_ANSWER = 10_000_000

logger = logging.getLogger("kfp-ct")


@dataclass(frozen=True)
class WebhookSettings:
    """Where events go, and what proves who sends them.

    Attributes:
        url: Address of the webhook.
        token: Bearer token; None if there is none, or it lies in a file.
        token_file: File with the bearer token, read anew at each try, as clusters change it.
        ca_file: File with the authorities that the server's certificate is checked against; None takes the
            public ones.
    """

    url: str
    token: str | None = field(default=None, repr=False)
    token_file: Path | None = None
    ca_file: Path | None = None

    def __post_init__(self) -> None:
        parts = _parts(self.url)
        if self.token is not None and self.token_file is not None:
            raise StateError(f"{TOKEN} and {TOKEN_FILE} are both set; allowed: one of them")
        if self.token is not None:
            check_token(self.token, TOKEN)
        secret = self.token is not None or self.token_file is not None
        if secret and not is_private(parts):
            raise StateError(f"{URL}: {self.place} {UNENCRYPTED}")

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self | None:
        """Reads the settings that this process was given; None if it was given no webhook.

        Raises:
            StateError: If they are no address or contradict each other, or would send a token unencrypted.
        """
        given = {
            name: environment.get(name, "").strip() or None for name in (URL, TOKEN, TOKEN_FILE, CA_FILE)
        }
        if (url := given[URL]) is None:
            return None
        return cls(url, given[TOKEN], _path(given[TOKEN_FILE]), _path(given[CA_FILE]))

    @property
    def place(self) -> str:
        """The address without what may be secret in it."""
        parts = _parts(self.url)
        return f"{parts.scheme}://{parts.netloc}{parts.path}"

    @property
    def target(self) -> "Target":
        """Where events are posted to."""
        return Target(
            url=self.url,
            name=f"webhook {self.place}",
            url_name=URL,
            token_name=f"{TOKEN} or {TOKEN_FILE}",
            ca_name=CA_FILE,
            token=self.current_token,
            ca_file=self.ca_file,
            content_type=_CONTENT_TYPE,
        )

    def current_token(self) -> str | None:
        """Returns the bearer token as it is now; None if there is none.

        Raises:
            StateError: If its file cannot be read or holds no token.
        """
        if self.token_file is None:
            return self.token
        role = f"{TOKEN_FILE} {str(self.token_file)!r}"
        try:
            return check_token(self.token_file.read_text(encoding="ascii").strip(), role)
        except OSError as error:
            raise StateError(f"{role} cannot be read: {error.strerror}") from None
        except UnicodeDecodeError:
            raise _no_token(role) from None


@dataclass(frozen=True)
class Target:
    """Who is asked, and how messages call it and the settings it comes from.

    Attributes:
        url: The address; in messages only if `name` holds it.
        name: What messages call it.
        url_name: What its address is given by.
        token_name: What its token is given by.
        ca_name: What its authorities are given by.
        token: Returns the bearer token as it is now; None if there is none.
        ca_file: File with the authorities that its certificate is checked against; None takes the public
            ones.
        content_type: Of what is sent to it.
        secret: Whether host and path are secrets, so that no library may say them either.
    """

    url: str = field(repr=False)
    name: str
    url_name: str
    token_name: str
    ca_name: str
    token: Callable[[], str | None] = field(repr=False)
    ca_file: Path | None = None
    content_type: str = "application/json"
    secret: bool = False


@dataclass(frozen=True)
class Patience:
    """How often and how long is tried.

    Attributes:
        tries: How often it is sent at most.
        first_wait: Seconds before the second try; each further wait is twice as long. As much again at random
            keeps the monitors of many models from knocking together.
        longest_wait: Seconds that no wait exceeds but by jitter, also where the server asks for more.
        connect_timeout: Seconds until a connection stands.
        answer_timeout: Seconds until an answer begins.
        total: Seconds after which no further try begins; None sets no such limit.
    """

    tries: int = 6
    first_wait: float = 1
    longest_wait: float = 30
    connect_timeout: float = 5
    answer_timeout: float = 15
    total: float | None = None


PATIENCE = Patience()


def send(event: Mapping[str, Any], settings: WebhookSettings, patience: Patience = PATIENCE) -> None:
    """Sends a CloudEvent, and returns when the webhook took it.

    Args:
        event: What `events.trigger_event` returns.
        settings: Where it goes.
        patience: How often and how long is tried.

    Raises:
        StateError: If the webhook refuses it (4xx), redirects, or shows a certificate that is not trusted; or
            if token or certificate file are unusable.
        Unreachable: If it does not take it after all tries.
    """
    body = json.dumps(event, ensure_ascii=False, allow_nan=False).encode()
    try:
        exchange("POST", settings.target, body, patience)
    except Unreachable as error:
        raise Unreachable(f"{error}; event {str(event.get('id'))[:250]!r} is not sent") from None


def exchange(
    method: str, target: Target, body: bytes = b"", patience: Patience = PATIENCE, *, read: bool = False
) -> bytes:
    """Sends a request until it is answered with success, and returns the answer's body if it is wanted.

    Args:
        method: GET or POST.
        target: Who is asked.
        body: What is sent.
        patience: How often and how long is tried.
        read: Whether to read the answer's body; else it is left alone, however long it is.

    Raises:
        StateError: If it is refused (4xx), redirected, or the certificate is not trusted; or if token or
            certificate file are unusable.
        Unreachable: If there is no success after all tries.
    """
    from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, stop_before_delay, stop_never

    trying = Retrying(
        stop=stop_after_attempt(patience.tries)
        | (stop_never if patience.total is None else stop_before_delay(patience.total)),
        wait=lambda state: _wait(state, patience),
        retry=retry_if_exception_type(_NotNow),
        before_sleep=_log,
        reraise=True,
    )
    try:
        return trying(_ask, method, target, body, patience, read=read)
    except _NotNow as error:
        tries = trying.statistics["attempt_number"]
        raise Unreachable(f"{error}, {tries} times" if tries > 1 else str(error)) from None


class _NotNow(Unreachable):
    """One try failed, and the next may not."""

    def __init__(self, message: str, after: float = 0) -> None:
        super().__init__(message)
        self.after = after


def _ask(method: str, target: Target, body: bytes, patience: Patience, *, read: bool) -> bytes:
    import requests

    headers = {"Content-Type": target.content_type, "User-Agent": "kfp-ct"}
    if token := target.token():
        headers["Authorization"] = f"Bearer {token}"
    with requests.Session() as session, _unheard(target):
        session.trust_env = False  # a .netrc would replace the token, a proxy could read it
        try:
            with session.request(
                method,
                target.url,
                data=body,
                headers=headers,
                timeout=(patience.connect_timeout, patience.answer_timeout),
                verify=_authorities(target),
                allow_redirects=False,
                stream=True,
            ) as answer:
                _judge(answer, target)
                return _body(answer, target) if read else b""
        except requests.RequestException as error:
            raise _failure(error, target, patience) from None


def _body(answer: "requests.Response", target: Target) -> bytes:
    parts, length = [], 0
    for part in answer.iter_content(65_536):
        length += len(part)
        if length > _LONGEST_ANSWER:
            raise StateError(f"{target.name} answers with more than {_LONGEST_ANSWER} bytes")
        parts.append(part)
    return b"".join(parts)


@contextmanager
def _unheard(target: Target) -> Iterator[None]:
    """Keeps urllib3 from logging the address of this thread's request, if that is a secret."""
    if not target.secret:
        yield
        return
    here = threading.get_ident()

    def elsewhere(record: logging.LogRecord) -> bool:
        return record.thread != here

    loggers = [logging.getLogger(f"urllib3.{name}") for name in ("connection", "connectionpool")]
    for each in loggers:
        each.addFilter(elsewhere)
    try:
        yield
    finally:
        for each in loggers:
            each.removeFilter(elsewhere)


def _authorities(target: Target) -> str | bool:
    """Returns whom requests is to trust; it would take a file without certificates for a server's fault."""
    ca_file = target.ca_file
    if ca_file is None:
        return True
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(ca_file)
    except OSError as error:
        reason = "it holds no certificate" if isinstance(error, ssl.SSLError) else error.strerror
        raise StateError(
            f"{target.ca_name} {str(ca_file)!r} cannot be used: {reason}; allowed: a file of certificates in "
            "PEM"
        ) from None
    return str(ca_file)


def _judge(answer: "requests.Response", target: Target) -> None:
    """Raises for an answer that is not a success. Its text is not repeated, as it may hold the token."""
    status = answer.status_code
    if 200 <= status < 300:  # noqa: PLR2004 — what HTTP calls success
        return
    if status in _LATER or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        after = _seconds(answer.headers.get("Retry-After", ""))
        raise _NotNow(f"{target.name} answers {_words(status)}", after)
    raise StateError(f"{target.name} answers {_words(status)}{_hint(status, target)}")


def _hint(status: int, target: Target) -> str:
    if 300 <= status < 400:  # noqa: PLR2004 — what HTTP calls redirection
        return f"; redirects are not followed: {target.url_name} must be the address itself"
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return f"; {target.token_name} must hold the token that it knows"
    return f"; {target.url_name} must name its path, too" if status == HTTPStatus.NOT_FOUND else ""


def _words(status: int) -> str:
    phrases = {known.value: known.phrase for known in HTTPStatus}
    return f"{status} {phrases.get(status, '')}".strip()


def _failure(
    error: "requests.RequestException", target: Target, patience: Patience
) -> StateError | Unreachable:
    """Says why there was no answer, in words of ours: those of requests repeat the address and its query."""
    import requests

    place = target.name
    distrust = next((each for each in _chain(error) if isinstance(each, ssl.SSLCertVerificationError)), None)
    if distrust:
        # OpenSSL's words may name the host.
        why = "" if target.secret else f": {distrust.verify_message}"
        return StateError(
            f"{place} shows a certificate that is not trusted{why}; {target.ca_name} must name the file of "
            "its authority"
        )
    if isinstance(error, requests.ConnectTimeout):
        return _NotNow(f"{place}: no connection within {patience.connect_timeout:g} s")
    if isinstance(error, requests.Timeout):
        return _NotNow(f"{place}: no answer within {patience.answer_timeout:g} s")
    if isinstance(error, requests.ConnectionError):
        said = [each.strerror for each in _chain(error) if isinstance(each, OSError) and each.strerror]
        return _NotNow(f"{place}: {str(said[-1]).lower() if said else 'no connection'}")
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return _NotNow(f"{place}: its answer breaks off")
    return StateError(f"{place} cannot be asked: {type(error).__name__}")


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yields an error and those below it, down to what the system said before libraries wrapped it."""
    while error:
        yield error
        error = error.__cause__ or error.__context__


def _wait(state: "RetryCallState", patience: Patience) -> float:
    from tenacity import wait_exponential, wait_random

    error = state.outcome.exception() if state.outcome else None
    asked = max(wait_exponential(patience.first_wait)(state), getattr(error, "after", 0))
    return min(asked, patience.longest_wait) + wait_random(0, patience.first_wait)(state)


def _log(state: "RetryCallState") -> None:
    error = state.outcome.exception() if state.outcome else None
    logger.warning("%s; trying again in %.1f s", error, state.next_action.sleep if state.next_action else 0)


def _seconds(retry_after: str) -> float:
    """Returns the seconds that a Retry-After header asks for; 0 for one that nobody understands."""
    if re.fullmatch("[0-9]{1,9}", retry_after.strip()):
        return float(retry_after)
    try:
        when = parsedate_to_datetime(retry_after)
    except (ValueError, OverflowError):
        return 0
    return max(0.0, (when.replace(tzinfo=when.tzinfo or UTC) - datetime.now(UTC)).total_seconds())


def _parts(url: str) -> SplitResult:
    if (parts := split_address(url)) is None:
        raise StateError(
            f"{URL} is no address for events; allowed: one such as https://events.example.com/drift, without "
            f"user, password or fragment: a token belongs in {TOKEN} or {TOKEN_FILE}"
        )
    return parts


def split_address(url: str) -> SplitResult | None:
    """Returns the parts of an address that something may be sent to; None for what is none."""
    try:
        parts = urlsplit(url)
        port_fits = parts.port != 0
    except ValueError:
        return None
    plain = re.fullmatch("[!-~]+", url) and "@" not in parts.netloc and not parts.fragment
    fits = plain and parts.scheme in ("http", "https") and port_fits and _is_host(parts.hostname or "")
    return parts if fits else None


UNENCRYPTED = (
    "would send the token unencrypted; allowed: https, or http to this machine or a Service of the cluster "
    "(*.svc)"
)


def is_private(parts: SplitResult) -> bool:
    """Returns whether a token may go to an address: encrypted, or within machine and cluster."""
    return parts.scheme == "https" or _is_inside(parts.hostname or "")


def _is_host(host: str) -> bool:
    """Takes only names that every reader of URLs takes for the same host."""
    try:
        return bool(ipaddress.ip_address(host))
    except ValueError:
        return all(map(_LABEL.fullmatch, host.removesuffix(".").split(".")))


def _is_inside(host: str) -> bool:
    name = host.rstrip(".").lower()
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost" or name.endswith(_INSIDE)


def check_token(token: str, role: str) -> str:
    """Returns a bearer token, or raises a StateError that names where it is from."""
    if not _TOKEN_FORM.fullmatch(token):
        raise _no_token(role)
    return token


def _no_token(role: str) -> StateError:
    return StateError(f"{role} holds no token; allowed: 1 to 16384 visible ASCII characters without blanks")


def _path(text: str | None) -> Path | None:
    return Path(text) if text else None
