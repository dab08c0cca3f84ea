"""The webhook's sender against real servers on loopback."""

import dataclasses
import datetime as dt
import inspect
import ipaddress
import json
import logging
import ssl
import threading
import time
import traceback
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ct_components.errors import StateError, Unreachable
from ct_components.events import parse_event, trigger_event
from ct_components.webhook import Patience, WebhookSettings, send

NOW = dt.datetime(2013, 6, 2, 5, tzinfo=dt.UTC)
EVENT = trigger_event("flight-delay", "drift", None, "drift-2013-06-01", NOW)
TOKEN = "s3cr3t-t0k3n"  # noqa: S105 — a test's own
QUICK = Patience(tries=3, first_wait=0.01, longest_wait=0.3, connect_timeout=1, answer_timeout=0.3)


class Receiver(ThreadingHTTPServer):
    """A real HTTP server that does what a test says, step by step; the last step again and again."""

    daemon_threads = True

    def __init__(self, *steps):
        super().__init__(("127.0.0.1", 0), Handler)
        self.steps = list(steps) or [200]
        self.requests = []
        self.times = []

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/drift"

    def handle_error(self, request, client_address):
        """Clients that go away are what some tests are about."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.times.append(time.monotonic())
        self.server.requests.append((self.path, dict(self.headers), body))
        step = self.server.steps.pop(0) if len(self.server.steps) > 1 else self.server.steps[0]
        if callable(step):
            step(self)
        elif step == "close":
            self.close_connection = True
            self.connection.close()
        else:
            answer(self, step)

    do_GET = do_POST  # noqa: N815 — where a redirect would lead to

    def log_message(self, *_):
        pass


def answer(handler, status, *headers, body=b"{}"):
    handler.send_response(status)
    for name, value in (*headers, ("Content-Length", str(len(body)))):
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(body)


def with_headers(status, *headers, body=b"{}"):
    return lambda handler: answer(handler, status, *headers, body=body)


def slow(handler):
    time.sleep(QUICK.answer_timeout * 2)
    answer(handler, 200)


@pytest.fixture
def receiver():
    """Starts receivers, and ends them."""
    started = []

    def start(*steps, context=None):
        server = Receiver(*steps)
        if context:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        started.append((server, thread))
        return server

    yield start
    for server, thread in started:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def logged(caplog):
    caplog.set_level(logging.DEBUG)
    return caplog


def settings_for(server, token=TOKEN, **others):
    return WebhookSettings(server.url, token, **others)


def ids(server):
    return [json.loads(body)["id"] for _, _, body in server.requests]


def failure(kind, server, **others):
    with pytest.raises(kind) as caught:
        send(EVENT, settings_for(server, **others), QUICK)
    return str(caught.value)


def test_the_event_arrives_as_a_cloudevent_with_the_token(receiver):
    server = receiver(200)

    send(EVENT, settings_for(server), QUICK)

    [(path, headers, body)] = server.requests
    assert path == "/drift"
    assert headers["Content-Type"] == "application/cloudevents+json"
    assert headers["Authorization"] == f"Bearer {TOKEN}"
    assert parse_event(body, timezone="UTC").key == "drift-2013-06-01"


def test_without_a_token_none_is_sent(receiver):
    server = receiver(202)

    send(EVENT, settings_for(server, token=None), QUICK)

    assert "Authorization" not in server.requests[0][1]


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_what_may_go_away_is_tried_again_with_the_same_event(status, receiver, logged):
    server = receiver(status, status, 200)

    send(EVENT, settings_for(server), QUICK)

    assert ids(server) == ["flight-delay/drift-2013-06-01"] * 3
    assert len({body for _, _, body in server.requests}) == 1
    assert f"answers {status} " in logged.text
    assert "trying again in 0.0 s" in logged.text


def test_after_all_tries_it_is_unreachable(receiver):
    server = receiver(503)

    message = failure(Unreachable, server)

    assert len(server.requests) == 3
    assert message == (
        f"webhook {server.url} answers 503 Service Unavailable, 3 times; "
        "event 'flight-delay/drift-2013-06-01' is not sent"
    )


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (400, "400 Bad Request"),
        (401, "401 Unauthorized; KFP_CT_WEBHOOK_TOKEN or KFP_CT_WEBHOOK_TOKEN_FILE must hold the token"),
        (403, "403 Forbidden; KFP_CT_WEBHOOK_TOKEN"),
        (404, "404 Not Found; KFP_CT_WEBHOOK_URL must name its path"),
        (499, "499"),
    ],
)
def test_a_refusal_is_final(status, words, receiver):
    server = receiver(status)

    message = failure(StateError, server)

    assert len(server.requests) == 1
    assert message.startswith(f"webhook {server.url} answers {words}")


def test_a_connection_that_is_closed_is_tried_again(receiver):
    server = receiver("close", "close", 200)

    send(EVENT, settings_for(server), QUICK)

    assert ids(server) == ["flight-delay/drift-2013-06-01"] * 3


def test_nobody_listening_is_unreachable_and_the_query_is_not_shown(closed_port, logged):
    settings = WebhookSettings(f"http://127.0.0.1:{closed_port}/drift?key={TOKEN}", TOKEN)

    with pytest.raises(Unreachable, match=r"127.0.0.1:\d+/drift: connection refused, 3 times"):
        send(EVENT, settings, QUICK)

    ours = [record.getMessage() for record in logged.records if record.name == "kfp-ct"]
    assert len(ours) == 2
    assert not any(TOKEN in line for line in ours)


def test_a_slow_answer_is_not_waited_for(receiver):
    server = receiver(slow, 200)

    began = time.monotonic()
    send(EVENT, settings_for(server), QUICK)

    assert ids(server) == ["flight-delay/drift-2013-06-01"] * 2
    assert time.monotonic() - began < 2


def test_an_answer_that_never_comes_is_unreachable(receiver):
    assert "no answer within 0.3 s, 3 times" in failure(Unreachable, receiver(slow))


def test_an_answer_is_not_read_beyond_its_status(receiver):
    def endless(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", str(10**12))
        handler.end_headers()

    began = time.monotonic()
    send(EVENT, settings_for(receiver(endless)), QUICK)

    assert time.monotonic() - began < 0.25


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(status, receiver):
    elsewhere = receiver(200)
    server = receiver(with_headers(status, ("Location", elsewhere.url)))

    message = failure(StateError, server)

    assert "redirects are not followed" in message
    assert elsewhere.requests == []


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_retry_after_is_honoured(form, receiver):
    patience = dataclasses.replace(QUICK, longest_wait=5)
    soon = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=2)
    wanted = "1" if form == "seconds" else format_datetime(soon, usegmt=True)
    server = receiver(with_headers(429, ("Retry-After", wanted)), 200)

    send(EVENT, settings_for(server), patience)

    assert 0.9 <= server.times[1] - server.times[0] < 3


@pytest.mark.parametrize("wanted", ["3600", "9" * 5000, "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_retry_after_is_capped(wanted, receiver):
    server = receiver(with_headers(503, ("Retry-After", wanted)), 200)

    send(EVENT, settings_for(server), QUICK)

    assert server.times[1] - server.times[0] < 1


@pytest.mark.parametrize(
    "wanted",
    [
        "",
        "-5",
        "soon",
        "nan",
        "Mon, 01 Jan 0001 00:00:00 GMT",
        "1e9",
        f"Mon, 01 Jan {'9' * 30} 00:00:00 GMT",
        f"Mon, 01 Jan 2001 00:00:00 +{'9' * 30}",
    ],
)
def test_a_retry_after_that_makes_no_sense_is_as_none(wanted, receiver):
    server = receiver(with_headers(503, ("Retry-After", wanted)), 200)

    send(EVENT, settings_for(server), QUICK)

    assert server.times[1] - server.times[0] < 0.25


def test_waits_grow_and_differ(receiver):
    patience = Patience(tries=5, first_wait=0.05, longest_wait=0.2)
    first, second = receiver(500, 500, 500, 500, 200), receiver(500, 500, 500, 500, 200)

    for server in (first, second):
        send(EVENT, settings_for(server), patience)

    waits = [
        [b - a for a, b in zip(server.times, server.times[1:], strict=False)] for server in (first, second)
    ]
    for each in waits:
        for wait, least in zip(each, [0.05, 0.1, 0.2, 0.2], strict=True):
            assert least <= wait < least + 0.05 + 0.1
    assert waits[0] != pytest.approx(waits[1], abs=1e-4)


def test_a_token_file_is_read_at_each_try(receiver, tmp_path):
    file = tmp_path / "token"
    file.write_text("old\n")

    def rotate(handler):
        file.write_text("new\n")
        answer(handler, 503)

    server = receiver(rotate, 200)
    send(EVENT, settings_for(server, token=None, token_file=file), QUICK)

    assert [headers["Authorization"] for _, headers, _ in server.requests] == ["Bearer old", "Bearer new"]


@pytest.mark.parametrize("content", ["", "\n", "two words", f"{TOKEN}\r\nX-Header: 1", "ключ", "x" * 20_000])
def test_a_token_file_without_token_is_refused_unseen(content, receiver, tmp_path):
    file = tmp_path / "token"
    file.write_text(content)
    server = receiver(200)

    message = failure(StateError, server, token=None, token_file=file)

    assert message.startswith(f"KFP_CT_WEBHOOK_TOKEN_FILE '{file}' holds no token; allowed: ")
    assert server.requests == []


def test_a_token_file_that_is_missing_is_refused(receiver, tmp_path):
    message = failure(StateError, receiver(200), token=None, token_file=tmp_path / "token")

    assert "cannot be read: No such file or directory" in message


def test_netrc_and_proxies_of_the_environment_are_not_used(receiver, tmp_path, monkeypatch):
    netrc = tmp_path / "netrc"
    netrc.write_text("default login somebody password else\n")
    proxy, server = receiver(200), receiver(200)
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HTTP_PROXY", proxy.url)
    monkeypatch.setenv("http_proxy", proxy.url)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)

    send(EVENT, settings_for(server), QUICK)

    assert server.requests[0][1]["Authorization"] == f"Bearer {TOKEN}"
    assert proxy.requests == []


@pytest.mark.parametrize("how", ["echo", "redirect", "refuse", "close", "slow", "teapot"])
def test_the_token_is_in_no_error_and_no_log(how, receiver, logged):
    echo = f"your token {TOKEN} is wrong".encode()
    step = {
        "echo": with_headers(401, ("WWW-Authenticate", f"Bearer {TOKEN}"), body=echo),
        "redirect": with_headers(302, ("Location", f"http://127.0.0.1/?token={TOKEN}")),
        "refuse": with_headers(503, ("Retry-After", TOKEN), body=echo),
        "close": "close",
        "slow": slow,
        "teapot": lambda handler: handler.send_response(418, TOKEN) or handler.end_headers(),
    }[how]
    settings = settings_for(receiver(step))

    with pytest.raises((StateError, Unreachable)) as caught:
        send(EVENT, settings, QUICK)

    shown = "".join(traceback.format_exception(caught.value)) + repr(settings) + logged.text
    assert "webhook http://127.0.0.1:" in shown
    assert TOKEN not in shown


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """A private authority: its file, and a server's context with a certificate that it signed."""
    folder = tmp_path_factory.mktemp("tls")
    ca_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    addresses = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    ca = certificate("our authority", ca_key, ca_key, x509.BasicConstraints(ca=True, path_length=None))
    server = certificate("127.0.0.1", key, ca_key, addresses)
    (folder / "ca.pem").write_bytes(ca)
    (folder / "server.pem").write_bytes(server + pem_of(key))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    return folder / "ca.pem", context


def certificate(name, key, signer, extension):
    """A certificate for two days, signed by our authority; Python 3.13 asks for all of its extensions."""
    now, day = dt.datetime.now(dt.UTC), dt.timedelta(days=1)
    subject, issuer = (
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)]) for text in (name, "our authority")
    )
    of_signer = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())
    uses = dict.fromkeys(inspect.signature(x509.KeyUsage).parameters, False)
    uses |= {"key_cert_sign" if key is signer else "digital_signature": True}
    builder = x509.CertificateBuilder(issuer, subject, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - day).not_valid_after(now + day)
    builder = builder.add_extension(extension, critical=key is signer)
    builder = builder.add_extension(x509.KeyUsage(**uses), critical=True)
    builder = builder.add_extension(
        x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
    )
    signed = builder.add_extension(of_signer, critical=False).sign(signer, hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.PEM)


def pem_of(key):
    plain = serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)


def test_a_private_authority_is_trusted_when_its_file_is_given(receiver, authority):
    ca_file, context = authority
    server = receiver(200, context=context)
    url = server.url.replace("http:", "https:")

    send(EVENT, WebhookSettings(url, TOKEN, ca_file=ca_file), QUICK)

    assert ids(server) == ["flight-delay/drift-2013-06-01"]


def test_a_private_authority_is_not_trusted_otherwise(receiver, authority):
    server = receiver(200, context=authority[1])
    url = server.url.replace("http:", "https:")

    with pytest.raises(StateError, match=r"not trusted: .+; KFP_CT_WEBHOOK_CA_FILE must name"):
        send(EVENT, WebhookSettings(url, TOKEN), QUICK)

    assert server.requests == []


def test_a_certificate_of_another_host_is_not_trusted(receiver, authority):
    ca_file, context = authority
    server = receiver(200, context=context)
    url = server.url.replace("http://127.0.0.1", "https://localhost")

    with pytest.raises(StateError, match="not trusted: Hostname mismatch"):
        send(EVENT, WebhookSettings(url, TOKEN, ca_file=ca_file), QUICK)

    assert server.requests == []


@pytest.mark.parametrize("content", [None, "", "no certificate"])
def test_a_ca_file_without_certificates_is_refused_by_name(content, receiver, authority, tmp_path):
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_text(content)
    url = receiver(200, context=authority[1]).url.replace("http:", "https:")

    with pytest.raises(StateError, match=r"^KFP_CT_WEBHOOK_CA_FILE '.*ca.pem' cannot be used"):
        send(EVENT, WebhookSettings(url, TOKEN, ca_file=file), QUICK)


def test_settings_come_from_the_environment(tmp_path):
    found = WebhookSettings.from_environment(
        {
            "KFP_CT_WEBHOOK_URL": " https://events.example.com/drift ",
            "KFP_CT_WEBHOOK_TOKEN_FILE": str(tmp_path / "token"),
            "KFP_CT_WEBHOOK_CA_FILE": str(tmp_path / "ca.pem"),
        }
    )

    assert found == WebhookSettings(
        "https://events.example.com/drift", None, tmp_path / "token", tmp_path / "ca.pem"
    )


@pytest.mark.parametrize("environment", [{}, {"KFP_CT_WEBHOOK_URL": " ", "KFP_CT_WEBHOOK_TOKEN": TOKEN}])
def test_without_an_address_there_are_no_settings(environment):
    assert WebhookSettings.from_environment(environment) is None


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1:1",
        "localhost",
        "127.1.2.3",
        "[::1]:80",
        "hook.argo.svc:12000",
        "hook.argo.svc.cluster.local",
    ],
)
def test_a_token_may_go_unencrypted_within_machine_and_cluster(host):
    assert WebhookSettings(f"http://{host}/drift", TOKEN).place == f"http://{host}/drift"


@pytest.mark.parametrize(
    "host",
    [
        "events.example.com",
        "10.0.0.1",
        "localhost.example.com",
        "svc",
        "svc.example.com",
        "127.0.0.1.example.com",
        "hook.argo",
        "[2001:db8::1]",
    ],
)
@pytest.mark.parametrize("variable", ["KFP_CT_WEBHOOK_TOKEN", "KFP_CT_WEBHOOK_TOKEN_FILE"])
def test_elsewhere_it_may_not(host, variable):
    environment = {"KFP_CT_WEBHOOK_URL": f"http://{host}/drift", variable: TOKEN}

    with pytest.raises(StateError, match="would send the token unencrypted; allowed: https"):
        WebhookSettings.from_environment(environment)

    assert WebhookSettings(f"http://{host}/drift")
    assert WebhookSettings(f"https://{host}/drift", TOKEN)


@pytest.mark.parametrize(
    "url",
    [
        "events.example.com/drift",
        "ftp://events.example.com",
        "file:///etc/passwd",
        "https://",
        "https://user:s3cr3t-t0k3n@events.example.com",
        "https://events.example.com:99999",
        "https://events.example.com:0",
        "https://events.example.com:x",
        "https://events.example.com/#part",
        "https://events..example.com",
        f"https://{'a' * 64}.example.com",
        "https://events.example.com/a b",
        "https://events.example.com/\r\nX-Header: 1",
        "http://evil.example.com\\.svc/",
        "https://[::1",
        "https://ev\u0435nts.example.com",
    ],
)
def test_what_is_no_address_is_refused_unseen(url):
    with pytest.raises(
        StateError, match=r"^KFP_CT_WEBHOOK_URL is no address for events; allowed: "
    ) as caught:
        WebhookSettings(url)

    assert TOKEN not in str(caught.value)


@pytest.mark.parametrize("token", ["two words", "line\nend", "schlüssel", ""])
def test_what_is_no_token_is_refused_unseen(token):
    with pytest.raises(StateError, match=r"^KFP_CT_WEBHOOK_TOKEN holds no token; allowed: ") as caught:
        WebhookSettings("https://events.example.com", token)

    assert not token or token not in str(caught.value)


def test_a_token_has_one_source(tmp_path):
    with pytest.raises(StateError, match="are both set; allowed: one of them"):
        WebhookSettings("https://events.example.com", TOKEN, tmp_path / "token")


def test_a_query_is_not_shown():
    assert WebhookSettings(f"https://events.example.com/drift?token={TOKEN}").place == (
        "https://events.example.com/drift"
    )
