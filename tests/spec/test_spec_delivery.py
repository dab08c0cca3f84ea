"""The sections registry, serving and notify: secrets by the name of a variable, never as they are."""

import pytest

from ct_components.spec import parse_spec


def test_by_default_a_winner_is_promoted_and_nothing_else_happens(small):
    spec = parse_spec(small, "model.yaml")

    assert (spec.registry.promotion, spec.serving.type, spec.notify) == ("auto", "none", [])


def test_a_channel_names_the_variable_that_holds_its_address(small):
    channels = "notify: [{type: slack, url: KFP_CT_SLACK_URL}, {type: alertmanager, url: AM, on: [failed]}]"

    slack, alertmanager = parse_spec(f"{small}{channels}\n", "model.yaml").notify

    assert slack.on == ["promoted", "waiting", "retained", "failed"]
    assert alertmanager.on == ["failed"]


@pytest.mark.parametrize(
    ("added", "found"),
    [
        (
            "notify: [{type: slack, url: 'https://hooks.example/secret'}]",
            "notify[0].url (line 8): got 'https",
        ),
        ("notify: [{type: pager, url: A}]", "notify[0].type (line 8): got 'pager'"),
        ("notify: [{type: slack, url: A, on: []}]", "notify[0].on (line 8): got []"),
        ("serving: {type: kserve, url: 'http://user:secret@host/'}", "serving.url (line 8): got 'http"),
        ("serving: {type: kserve, name: Not_A_Name}", "serving.name (line 8): got 'Not_A_Name'"),
        ("serving: {timeout: 0m}", "serving.timeout (line 8): got '0m'"),
        ("registry: {promotion: never}", "registry.promotion (line 8): got 'never'"),
        ("registry: {check: {memory_mb: 1}}", "registry.check.memory_mb (line 8): got 1"),
    ],
)
def test_what_is_not_allowed_is_refused(added, found, small, refused):
    (line,) = refused(f"{small}{added}\n")

    assert line.startswith(found)
