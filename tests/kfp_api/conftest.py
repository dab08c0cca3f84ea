"""A fake of Kubeflow Pipelines for each test, and small pipelines to upload."""

import ipaddress
from datetime import UTC, datetime, timedelta

import pytest
from fake_kfp_api import fake_kfp
from kfp_samples import SPEC, write_package

from ct_components.spec import parse_spec
from ct_pipelines.kfp_api.client import KfpClient
from ct_pipelines.kfp_api.runs import KfpEngine
from ct_pipelines.kfp_api.settings import KfpSettings


@pytest.fixture
def fake():
    with fake_kfp() as control:
        yield control


@pytest.fixture
def settings(fake):
    return KfpSettings(fake.url, timeouts=(5, 1))


@pytest.fixture
def client(settings):
    return KfpClient(settings)


@pytest.fixture
def package(tmp_path):
    """A compiled pipeline."""
    return write_package(tmp_path / "pipeline.yaml")


@pytest.fixture
def engine(settings, package):
    return KfpEngine(settings, package)


@pytest.fixture(scope="session")
def spec():
    return parse_spec(SPEC, "model.yaml")


@pytest.fixture
def other_package(tmp_path):
    """A pipeline of the same name and another content."""
    return write_package(tmp_path / "other.yaml", "another one")


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    """A certificate for 127.0.0.1 that only itself vouches for, and its key."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    folder = tmp_path_factory.mktemp("tls")
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "fake KFP")])
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, private.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(address, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(private.public_key()), critical=False)
        .sign(private, hashes.SHA256())
    )
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key.write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return certificate, key
