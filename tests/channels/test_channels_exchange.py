"""How channels ask and are answered, beyond what the webhook's own tests say of sending."""

import datetime as dt
import ipaddress
import ssl
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ct_components.channels import Told, tell
from ct_components.channels.tell import PATIENCE
from ct_components.webhook import Patience

QUICK = Patience(tries=3, first_wait=0.01, longest_wait=0.1, connect_timeout=1, answer_timeout=1, total=3)


def breaks_off(handler):
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'[{"labels"')
    handler.close_connection = True


@pytest.fixture
def ask(channel, message):
    """Tells an Alertmanager, which is asked before it is told."""

    def send(server, patience=QUICK):
        (told,) = tell(
            [channel("alertmanager")], message("failed"), {"ALERTMANAGER_URL": server.url}, patience
        )
        return told

    return send


def test_an_answer_that_breaks_off_is_asked_for_again(receiver, ask):
    server = receiver()
    server.getting = [breaks_off, breaks_off]

    assert ask(server) == Told("alertmanager", True)

    assert len(server.bodies) == 1


def test_an_answer_that_always_breaks_off_is_unreachable(receiver, ask):
    server = receiver()
    server.getting = [breaks_off] * 3

    assert ask(server).problem == "alertmanager channel ALERTMANAGER_URL: its answer breaks off, 3 times"


def test_an_answer_without_end_is_not_read_to_its_end(receiver, ask, monkeypatch):
    monkeypatch.setattr("ct_components.webhook._LONGEST_ANSWER", 100_000)
    server = receiver()
    server.listed = b" " * 1_000_000

    assert ask(server).problem == "alertmanager channel ALERTMANAGER_URL answers with more than 100000 bytes"


def test_no_try_begins_after_the_whole_time(receiver, channel, message):
    server = receiver(503)
    patience = Patience(tries=100, first_wait=0.1, longest_wait=0.1, answer_timeout=1, total=0.5)

    began = time.monotonic()
    (told,) = tell([channel("slack")], message(), {"SLACK_URL": server.url}, patience)

    assert time.monotonic() - began < 0.7
    assert 2 <= len(server.requests) <= 5
    assert told.problem.endswith(f"{len(server.requests)} times")


def test_by_default_it_takes_a_minute_at_most():
    assert PATIENCE.total + PATIENCE.connect_timeout + PATIENCE.answer_timeout == 60


@pytest.fixture
def certified(tmp_path):
    """The file of a certificate of this machine's own, and the server side that shows it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "s3cr3t-host.example.com")])
    now, day = dt.datetime.now(dt.UTC), dt.timedelta(days=1)
    loopback = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - day).not_valid_after(now + day)
    builder = builder.add_extension(loopback, critical=False)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    encoding = serialization.Encoding.PEM
    own = tmp_path / "own.pem"
    own.write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(encoding))
    secret = tmp_path / "key.pem"
    plain = serialization.NoEncryption()
    secret.write_bytes(key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, plain))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(own, secret)
    return own, context


def test_a_certificate_is_trusted_if_its_authority_is_named(certified, receiver, channel, message):
    own, context = certified
    server = receiver(context=context)
    environment = {"SLACK_URL": server.url.replace("http:", "https:")}

    (distrusted,) = tell([channel("slack")], message(), environment, QUICK)
    (trusted,) = tell(
        [channel("slack")], message(), {**environment, "KFP_CT_NOTIFY_CA_FILE": str(own)}, QUICK
    )

    assert distrusted.problem == (
        "slack channel SLACK_URL shows a certificate that is not trusted; KFP_CT_NOTIFY_CA_FILE must name "
        "the file of its authority"
    )
    assert trusted == Told("slack", True)


def test_the_words_for_a_wrong_host_do_not_say_which(certified, receiver, channel, message, logged):
    own, context = certified
    url = receiver(context=context).url.replace("http://127.0.0.1", "https://localhost")

    environment = {"SLACK_URL": url, "KFP_CT_NOTIFY_CA_FILE": str(own)}
    (told,) = tell([channel("slack")], message(), environment, QUICK)

    assert "shows a certificate that is not trusted; " in told.problem
    assert "localhost" not in told.problem + logged.text
