"""Requests to Kubeflow Pipelines: signed, bounded in time, sent once, and every failure told by kind.

::

    Unreachable      no connection, time-out, HTTP 429 or 5xx: the same request may go through later
    StateError       refused for good, or answered by something that is not KFP, such as a login page
    ├── NotFound     KFP does not know what was asked for
    └── Conflict     KFP has something of this name
"""

import json
import re
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from ct_components.connections import first_line, redact
from ct_components.errors import CTError, StateError, Unreachable
from ct_pipelines.kfp_api.settings import CA_FILE, HOST, TOKEN_FILE, KfpSettings

PAGE_SIZE = 100
MOST_PAGES = 1_000

_PAUSES = (0.0, 0.1, 0.4)  # seconds

_TOKEN = re.compile(r"[\x21-\x7e]+")
_PASSING = frozenset({408, 425, 429})
_WRONG_TLS = re.compile(r"CERTIFICATE|certificate|doesn't match|WRONG_VERSION|RECORD_LAYER", re.IGNORECASE)
_NOT_FOUND_CODE = 5
_LONGEST_MESSAGE = 500
# What the API server's router says of a path that it does not have; of a thing, it says which.
_NO_SUCH_ROUTE = "Not Found"


class NotFound(StateError):
    """KFP answers, and does not know what was asked for."""


class Conflict(StateError):
    """KFP has something of this name already."""


class KfpClient:
    """Kubeflow Pipelines' services, through one connection pool.

    Attributes:
        settings: How it is reached.
    """

    def __init__(self, settings: KfpSettings) -> None:
        import kfp_server_api as kfp

        configuration = kfp.Configuration(host=settings.host)
        # urllib3 would repeat a request whose answer was lost; only who sent it knows whether that is safe.
        configuration.retries = False
        configuration.ssl_ca_cert = _checked_ca(settings.ca_file)
        api = kfp.ApiClient(configuration)
        api.request = _Transport(api.request, settings)
        self.settings = settings
        self.experiments = kfp.ExperimentServiceApi(api)
        self.pipelines = kfp.PipelineServiceApi(api)
        self.recurring_runs = kfp.RecurringRunServiceApi(api)
        self.runs = kfp.RunServiceApi(api)
        self.uploads = kfp.PipelineUploadServiceApi(api)

    def call(self, operation: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        """Calls one operation of a service.

        Raises:
            Unreachable: If KFP does not answer.
            StateError: If it refuses, or something else answers; `NotFound` and `Conflict` by name.
        """
        import kfp_server_api as kfp

        try:
            return operation(*arguments, **options)
        except CTError:
            raise
        except (kfp.OpenApiException, ValueError, TypeError) as error:
            raise StateError(
                f"KFP at {self.settings.host} answers in a form that this version does not know: "
                f"{first_line(error)}"
            ) from error

    def identity(self, value: str | None, what: str) -> str:
        """Returns the id that an answer must hold.

        Raises:
            StateError: If it holds none, so that it came from something else than KFP.
        """
        if not value:
            raise StateError(
                f"KFP at {self.settings.host} answers without the id of {what}; is it KFP's API?"
            )
        return str(value)

    def listed(
        self, operation: Callable[..., Any], attribute: str, *arguments: Any, **options: Any
    ) -> Iterator[Any]:
        """Yields what a list operation returns, page after page.

        Args:
            operation: Such as `runs.run_service_list_runs`.
            attribute: Where its pages hold what they list, such as `runs`.
            arguments: The operation's arguments.
            options: Its options, the same for each page.
        """
        token = ""
        for _ in range(MOST_PAGES):
            options["page_token"] = token or None
            page = self.call(operation, *arguments, page_size=PAGE_SIZE, **options)
            yield from getattr(page, attribute) or ()
            token = page.next_page_token
            if not token:
                return
        raise StateError(f"KFP at {self.settings.host} lists {attribute} without end")


def made_by_another(find: Callable[[], str | None], conflict: Conflict) -> str:
    """Returns what another made just before us. KFP lists it an instant after its name is taken.

    Raises:
        Conflict: If it is not found: only KFP's database takes the names for the same.
    """
    for pause in _PAUSES:
        time.sleep(pause)
        found = find()
        if found:
            return found
    raise conflict


def equals(key: str, value: str) -> str:
    """Returns the filter of a list for one value of one field.

    KFP decodes a filter once more after the request's own decoding, so that a bare + or % would be another.
    What it compares depends on its database's collation: compare again what comes back.

    >>> equals("display_name", "a+b")[-20:]
    '%22a%2Bb%22%7D%5D%7D'
    """
    predicate = {"operation": "EQUALS", "key": key, "string_value": value}
    return quote(json.dumps({"predicates": [predicate]}), safe="")


class _Transport:
    """Stands between the generated client and its HTTP, whose own failures come in a dozen shapes."""

    def __init__(self, send: Callable[..., Any], settings: KfpSettings) -> None:
        self._send = send
        self._settings = settings

    def __call__(self, method: str, url: str, **options: Any) -> Any:
        import kfp_server_api as kfp
        import urllib3

        token = _read_token(self._settings.token_file)
        options["headers"] = dict(options.get("headers") or {})
        if token:
            options["headers"]["Authorization"] = f"Bearer {token}"
        options["_request_timeout"] = self._settings.timeouts
        request = f"{method} {urlsplit(url).path}"
        # What went wrong is told whole in the message; the cause could hold headers, and so the token.
        try:
            response = self._send(method, url, **options)
        except kfp.ApiException as error:
            raise _failure(self._settings.host, request, error, token) from None
        except urllib3.exceptions.HTTPError as error:
            raise Unreachable(f"KFP at {self._settings.host} does not answer: {_reason(error)}") from None
        _check_answer(self._settings.host, request, response)
        return response


def _checked_ca(path: Path | None) -> str | None:
    if path is None:
        return None
    try:
        ssl.create_default_context(cafile=str(path))
    except (OSError, ValueError) as error:  # ssl's own errors are OSErrors
        raise StateError(
            f"{CA_FILE}: {str(path)!r} cannot be used: {first_line(error)}; allowed: certificates in PEM form"
        ) from error
    return str(path)


def _read_token(path: Path | None) -> str:
    if path is None:
        return ""
    try:
        token = path.read_text(encoding="ascii").strip()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise StateError(f"{TOKEN_FILE}: {str(path)!r} cannot be read: {reason}") from None
    if not _TOKEN.fullmatch(token):
        raise StateError(f"{TOKEN_FILE}: {str(path)!r} holds no token; allowed: one word of ASCII characters")
    return token


def _failure(host: str, request: str, error: Any, token: str) -> CTError:
    """Tells an answer that is no success by its HTTP status; 0 is a failure of TLS."""
    status = int(error.status or 0)
    said = _said(error.body) if status else str(error.reason).splitlines()[-1]
    # Hidden before it is cut: the half of a token is a secret, too.
    said = redact(said.replace(token, "***") if token else said)[:_LONGEST_MESSAGE]
    if status == 0:
        return _tls_failure(host, said)
    place = f"{request} of KFP at {host}"
    if status in _PASSING or status >= 500:  # noqa: PLR2004 (HTTP's server errors)
        return Unreachable(f"{place} failed with HTTP {status}: {said}")
    if status < 400:  # noqa: PLR2004 (HTTP's redirections)
        return StateError(
            f"{place} was redirected (HTTP {status}), as to a login page; allowed: an address in {HOST} that "
            f"leads to the API itself, with a token in {TOKEN_FILE}"
        )
    if status == 401:  # noqa: PLR2004 (HTTP's Unauthorized)
        return StateError(
            f"{place} was refused (HTTP 401): {said}; allowed: a token in {TOKEN_FILE} that KFP accepts"
        )
    kind = {404: NotFound, 409: Conflict}.get(status, StateError)
    if kind is NotFound and not _is_of_a_thing(error.body):
        return StateError(f"{place} does not exist; allowed: a {HOST} under which /apis/v2beta1 lies")
    return kind(f"{place} was refused (HTTP {status}): {said}")


def _tls_failure(host: str, said: str) -> CTError:
    if _WRONG_TLS.search(said):
        return StateError(
            f"KFP at {host} is not trusted: {said}; allowed: a certificate of the public authorities, "
            f"or of those in {CA_FILE}"
        )
    return Unreachable(f"KFP at {host} does not answer: {said}")


def _said(body: bytes | str | None) -> str:
    """Returns KFP's own message, of whichever of its servers: the API's, the upload's, or plain text."""
    text = body.decode("utf-8", "replace") if isinstance(body, bytes) else body or ""
    content = _parsed(text)
    if isinstance(content, Mapping):
        text = str(content.get("message") or content.get("error_message") or content.get("error") or "")
    elif text.lstrip().startswith("<"):
        text = "an HTML page, which KFP's API does not send"
    lines = text.strip().splitlines()
    return lines[0] if lines else "without a reason"


def _is_of_a_thing(body: bytes | str | None) -> bool:
    """Whether a 404 is KFP's, and of something that it does not have; a path without a route says less."""
    content = _parsed(body or "")
    return (
        isinstance(content, Mapping)
        and content.get("code") == _NOT_FOUND_CODE
        and content.get("message") != _NO_SUCH_ROUTE
    )


def _check_answer(host: str, request: str, response: Any) -> None:
    """KFP answers with a JSON object, always; a proxy's login page comes with status 200 as well."""
    if isinstance(_parsed(response.data), Mapping):
        return
    kind = str(response.getheader("content-type") or "no content type")[:80]
    raise StateError(
        f"{request} at {host} was answered by something else than KFP ({kind}), such as a login page; "
        f"allowed: an address in {HOST} that leads to the API itself, with a token in {TOKEN_FILE}"
    )


def _parsed(body: bytes | str) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None


def _reason(error: Exception) -> str:
    """urllib3 puts the error that was there first last, and the object's own name in front."""
    first = error.args[-1] if error.args and isinstance(error.args[-1], Exception) else error
    return re.sub(r"^<[^>]*>: |^\w+\(host='[^']*', port=\d+\): ", "", first_line(first))
