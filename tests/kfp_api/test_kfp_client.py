"""How a request to KFP can go wrong, and what is said of it."""

import subprocess
import sys

import pytest
from fake_kfp_api import fake_kfp

from ct_components.errors import StateError, Unreachable
from ct_pipelines.kfp_api.client import Conflict, KfpClient, NotFound, equals, made_by_another
from ct_pipelines.kfp_api.settings import KfpSettings

TOKEN = "eyJhbGciOi.secret-part.signature"  # noqa: S105 (of nobody)


def list_runs(client):
    return list(client.listed(client.runs.run_service_list_runs, "runs"))


@pytest.fixture
def token_file(tmp_path):
    path = tmp_path / "token"
    path.write_text(f"{TOKEN}\n")
    return path


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("unreachable", "does not answer: .*Remote end closed connection"),
        ("dies_after", "does not answer: .*Remote end closed connection"),
        ("unavailable", "HTTP 503: upstream connect error"),
        ("too_many", "HTTP 429: too many requests"),
        ("broken", "HTTP 500: database: Internal Server Error"),
    ],
)
def test_what_may_pass_is_unreachable(fake, client, kind, said):
    fake.fail("list_runs", kind)

    with pytest.raises(Unreachable, match=said):
        list_runs(client)
    assert list_runs(client) == []


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (
            "refused",
            "GET /apis/v2beta1/runs of KFP at http.* was refused .HTTP 403.: Failed: User is not author",
        ),
        (
            "html",
            "answered by something else than KFP .text.html., such as a login page; .*KFP_CT_KFP_HOST",
        ),
        ("redirect", "was redirected .HTTP 302., as to a login page"),
    ],
)
def test_what_stays_so_is_a_state_error(fake, client, kind, said):
    fake.fail("list_runs", kind)

    with pytest.raises(StateError, match=said):
        list_runs(client)


def test_nobody_there_is_unreachable(closed_port):
    client = KfpClient(KfpSettings(f"http://127.0.0.1:{closed_port}"))

    with pytest.raises(Unreachable, match=r"does not answer: .*Connection refused"):
        list_runs(client)


def test_an_unknown_name_is_unreachable():
    with pytest.raises(Unreachable, match=r"nowhere\.invalid"):
        list_runs(KfpClient(KfpSettings("https://nowhere.invalid")))


@pytest.mark.parametrize("kind", ["slow", "slow_after"])
def test_a_slow_answer_is_waited_for_as_long_as_the_settings_say(fake, settings, kind):
    fake.fail("list_runs", kind, seconds=0.3)
    assert list_runs(KfpClient(settings)) == []

    fake.fail("list_runs", kind, seconds=2)
    with pytest.raises(Unreachable, match="does not answer: Read timed out"):
        list_runs(KfpClient(settings))


@pytest.mark.parametrize("kind", ["unreachable", "dies_after", "unavailable", "broken", "redirect"])
def test_nothing_is_sent_twice_whatever_happens(fake, client, kind):
    fake.fail("list_runs", kind, count=10)

    with pytest.raises((Unreachable, StateError)):
        list_runs(client)
    assert fake.requests() == ["list_runs"]


def test_a_host_whose_paths_are_others_is_told_from_a_thing_that_is_not_there(fake):
    wrong = KfpClient(KfpSettings(f"{fake.url}/elsewhere"))

    with pytest.raises(StateError, match="does not exist; allowed: a KFP_CT_KFP_HOST under which") as caught:
        wrong.call(wrong.runs.run_service_get_run, "some-id")
    assert not isinstance(caught.value, NotFound)


def test_an_answer_of_another_form_is_a_state_error(fake, client):
    fake.put("experiments", experiment_id="e", namespace="", display_name="x", created_at="no date at all")

    with pytest.raises(StateError, match="answers in a form that this version does not know"):
        list(client.listed(client.experiments.experiment_service_list_experiments, "experiments"))


def test_all_pages_of_a_list_are_read(fake, client):
    for number in range(230):
        fake.put(
            "experiments",
            experiment_id=f"{number:03}",
            namespace="",
            display_name="x",
            created_at="2026-01-01",
        )

    found = list(client.listed(client.experiments.experiment_service_list_experiments, "experiments"))

    assert [each.experiment_id for each in found] == [f"{number:03}" for number in range(230)]
    assert fake.requests() == ["list_experiments"] * 3


HOSTILE = ["a+b", "100%", '"}]}', "ä b", "a&filter=x", "\\", "{{x}}", "a/b", "%2B", "'; DROP TABLE runs; --"]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_filter_finds_a_name_of_any_characters(fake, client, name):
    for each in ("other", name):
        fake.put("experiments", experiment_id=each, namespace="", display_name=each)

    found = client.listed(
        client.experiments.experiment_service_list_experiments,
        "experiments",
        filter=equals("display_name", name),
    )

    assert [each.display_name for each in found] == [name]


def test_the_token_is_read_anew_for_every_request(fake, settings, token_file):
    client = KfpClient(KfpSettings(settings.host, token_file=token_file))
    fake.want_token(TOKEN)
    list_runs(client)
    fake.want_token("rotated")

    with pytest.raises(StateError, match=r"refused .HTTP 401.*allowed: a token in KFP_CT_KFP_TOKEN_FILE"):
        list_runs(client)
    token_file.write_text("rotated")
    list_runs(client)

    assert fake.authorizations() == [f"Bearer {TOKEN}", f"Bearer {TOKEN}", "Bearer rotated"]


def test_without_a_token_file_no_token_is_sent(fake, client):
    list_runs(client)

    assert fake.authorizations() == [None]


def test_a_missing_token_file_is_named(settings, tmp_path):
    client = KfpClient(KfpSettings(settings.host, token_file=tmp_path / "missing"))

    with pytest.raises(StateError, match=r"KFP_CT_KFP_TOKEN_FILE: .*missing' cannot be read: No such file"):
        list_runs(client)


@pytest.mark.parametrize(
    "content", [b"", b" \n", b"two words", b"line\r\nX-Evil: 1", "schlüssel".encode(), b"\xff"]
)
def test_a_file_that_holds_no_token_is_refused_without_showing_it(fake, settings, tmp_path, content):
    path = tmp_path / "token"
    path.write_bytes(content)

    with pytest.raises(StateError, match="KFP_CT_KFP_TOKEN_FILE: ") as caught:
        list_runs(KfpClient(KfpSettings(settings.host, token_file=path)))
    assert not any(word in str(caught.value) for word in ("words", "Evil", "schl"))
    assert fake.requests() == []


@pytest.mark.parametrize("token", [TOKEN, "t0k3n" * 200])
def test_a_server_that_repeats_the_token_does_not_bring_it_into_the_message(
    fake, settings, token_file, token
):
    token_file.write_text(token)
    client = KfpClient(KfpSettings(settings.host, token_file=token_file))
    fake.fail("list_runs", "echo")

    with pytest.raises(StateError, match=r"bad header Bearer \*\*\*") as caught:
        list_runs(client)
    error = caught.value
    assert token[:10] not in str(error)
    assert error.__cause__ is None
    assert error.__suppress_context__  # a traceback shows no response, and so no header


def test_tls_is_verified_against_the_given_authority(certificate):
    with fake_kfp(tls=certificate) as fake:
        assert list_runs(KfpClient(KfpSettings(fake.url, ca_file=certificate[0]))) == []


def test_a_certificate_that_nobody_vouches_for_is_refused(certificate):
    with (
        fake_kfp(tls=certificate) as fake,
        pytest.raises(StateError, match=r"is not trusted: .*KFP_CT_KFP_CA_FILE"),
    ):
        list_runs(KfpClient(KfpSettings(fake.url)))


def test_a_certificate_of_another_host_is_refused(certificate):
    with fake_kfp(tls=certificate) as fake:
        elsewhere = fake.url.replace("127.0.0.1", "localhost")

        with pytest.raises(StateError, match=r"is not trusted: .*localhost"):
            list_runs(KfpClient(KfpSettings(elsewhere, ca_file=certificate[0])))


def test_https_to_a_server_without_tls_is_a_state_error(fake):
    with pytest.raises(StateError, match="is not trusted: "):
        list_runs(KfpClient(KfpSettings(fake.url.replace("http:", "https:"))))


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_a_file_without_certificates_is_named(tmp_path, content):
    path = tmp_path / "ca.pem"
    if content:
        path.write_text(content)

    with pytest.raises(StateError, match=r"KFP_CT_KFP_CA_FILE: .*ca.pem' cannot be used"):
        KfpClient(KfpSettings("https://kfp.example.com", ca_file=path))


def test_what_another_made_is_waited_for_until_kfp_lists_it():
    answers = iter([None, None, "theirs"])

    assert made_by_another(lambda: next(answers), Conflict("taken")) == "theirs"


def test_the_client_starts_without_kfp_itself():
    """`kfp` and `kubernetes` take seconds to import; a submitter is gone by then."""
    program = (
        "import sys; import ct_pipelines.kfp_api.recurring, ct_pipelines.kfp_api.runs; "
        "from ct_pipelines.kfp_api.client import KfpClient; "
        "from ct_pipelines.kfp_api.settings import KfpSettings; "
        "KfpClient(KfpSettings('http://localhost')); "
        "heavy = {'kfp', 'kubernetes', 'mlflow', 'sklearn', 'pandas', 'evidently', 'alembic'}; "
        "print(sorted(heavy & set(sys.modules)))"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
