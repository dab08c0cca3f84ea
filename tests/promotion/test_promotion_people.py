"""What people do: promote what waits, roll back, ask. On a ledger, and without one."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from promotion_world import Model, Services

from ct_components.champion import make_candidate
from ct_components.errors import ModelError, SpecError, StateError
from ct_components.ledger import Run
from ct_pipelines.promotion import deciding
from ct_pipelines.promotion import services as people
from ct_pipelines.promotion.following import tell_people
from ct_pipelines.promotion.reigns import champion_at

WITH_AND_WITHOUT = pytest.mark.parametrize("with_ledger", [True, False], ids=["ledger", "tags"])


@pytest.fixture
def services(on_sqlite) -> Services:
    return on_sqlite


@pytest.fixture(autouse=True)
def checked(monkeypatch):
    """The versions that were checked in staging; the check itself is tested elsewhere."""
    versions: list[str] = []
    monkeypatch.setattr(deciding, "check", lambda _registry, version, _: versions.append(version.number))
    return versions


@pytest.fixture
def with_ledger() -> bool:
    return True


@pytest.fixture
def here(services, with_ledger) -> people.Services:
    return people.Services(services.registry, services.ledger if with_ledger else None, {})


@pytest.fixture
def champion(model, here) -> Model:
    """A model whose champion is version 1."""
    deciding.promote(here, model.name, "1", "the first", force=True)
    return model


def wait(here, model, version="2", expected="1"):
    found = model.registry.version(model.name, version)
    model.registry.tag_version(found, {"run_id": f"run-{version}", "challenged": expected})
    found = model.registry.version(model.name, version)
    make_candidate(here.registry, here.ledger, found, expected=expected, run_id=f"run-{version}")


def versions(here, model):
    return [(each.version, each.kind, each.note) for each in here.promotions(model.name)]


@WITH_AND_WITHOUT
class TestPromote:
    def test_what_waits_is_checked_again_and_becomes_champion(self, here, champion, checked):
        wait(here, champion)

        outcome = deciding.promote(here, champion.name, None, "agreed")

        assert outcome.text == f"{champion.name}: version 2 is champion, after version 1: promoted by hand"
        assert (outcome.changed, checked) == (True, ["1", "2"])
        assert champion.alias() == champion.alias("staging") == "2"
        assert versions(here, champion) == [("1", "manual", "the first"), ("2", "manual", "agreed")]
        assert here.promotions(champion.name)[-1].run_id == "run-2"
        assert here.waiting(champion.name) == []

    def test_of_several_the_latest_is_taken_and_the_others_are_void(self, here, champion):
        wait(here, champion, "2")
        wait(here, champion, "3")

        assert deciding.promote(here, champion.name, None, "").version == "3"
        with pytest.raises(StateError, match=r"^the verdict on .* version 2 is void: "):
            deciding.promote(here, champion.name, "2", "")
        assert champion.alias() == "3"

    def test_a_verdict_on_a_champion_that_was_replaced_is_void(self, here, champion):
        wait(here, champion)
        champion.move_alias("3")

        with pytest.raises(
            StateError, match=r"^the verdict on .* version 2 is void: .*judged against (champion 1|another)"
        ):
            deciding.promote(here, champion.name, "2", "")

        assert champion.alias() == "3"

    def test_nothing_waits(self, here, champion):
        with pytest.raises(StateError, match=r"no version of .* waits in staging; version 1 is champion"):
            deciding.promote(here, champion.name, None, "")

    def test_a_version_that_does_not_wait_needs_force(self, here, champion):
        with pytest.raises(StateError, match=r"version 3 of .* does not wait; waiting in staging: none; "):
            deciding.promote(here, champion.name, "3", "")
        assert deciding.promote(here, champion.name, "3", "I know better", force=True).version == "3"
        assert here.promotions(champion.name)[-1].run_id is None

    def test_an_unknown_version_is_named_with_those_that_there_are(self, here, champion):
        for force in (False, True):
            with pytest.raises(StateError, match=r"has no version '9'; it has: 3, 2, 1"):
                deciding.promote(here, champion.name, "9", "", force=force)
        assert champion.alias() == "1"

    def test_the_champion_is_champion_already(self, here, champion):
        outcome = deciding.promote(here, champion.name, "1", "")

        assert not outcome.changed
        assert outcome.text == f"{champion.name}: version 1 is champion already"
        assert len(versions(here, champion)) == 1

    def test_one_that_fails_its_check_is_not_promoted(self, here, champion, monkeypatch):
        wait(here, champion)

        def fail(*_):
            raise ModelError("it is too slow")

        monkeypatch.setattr(deciding, "check", fail)
        with pytest.raises(ModelError, match=r"it is too slow; version 1 is champion$"):
            deciding.promote(here, champion.name, None, "")
        assert champion.alias() == "1"
        assert len(here.waiting(champion.name)) == 1

    def test_what_is_rejected_waits_no_more(self, here, champion):
        wait(here, champion)

        outcome = deciding.reject(here, champion.name, None, "wrong weather")

        assert outcome.text == f"{champion.name}: version 2 is rejected; version 1 is champion"
        assert here.waiting(champion.name) == []
        with pytest.raises(StateError, match=r"rejected, wrong weather|does not wait"):
            deciding.promote(here, champion.name, "2", "")


@WITH_AND_WITHOUT
class TestRollback:
    @pytest.fixture
    def third(self, here, champion):
        """Version 3 is champion, after 1 and 2."""
        for version in ("2", "3"):
            deciding.promote(here, champion.name, version, "", force=True)
        return champion

    def test_it_goes_back_step_by_step_and_never_to_what_was_rolled_back(self, here, third):
        went = [deciding.rollback(here, third.name, None, "alarms").version for _ in range(2)]

        assert went == ["2", "1"]
        with pytest.raises(StateError, match=r"has no earlier champion to roll back to; version 1 is"):
            deciding.rollback(here, third.name, None, "alarms")
        assert versions(here, third)[3:] == [("2", "rollback", "alarms"), ("1", "rollback", "alarms")]
        assert third.alias() == "1"

    def test_what_was_rolled_back_is_named_as_what_can_be_told(self, here, third):
        for _ in range(2):
            deciding.rollback(here, third.name, None, "alarms")

        with pytest.raises(StateError, match=r"version 1 is champion; --to takes what was .*: 2, 3$"):
            deciding.rollback(here, third.name, None, "alarms")
        with pytest.raises(StateError, match=r"was never champion; allowed: 2, 3, or any version with"):
            deciding.rollback(here, third.name, "9", "alarms")
        assert deciding.rollback(here, third.name, "3", "it was none of these").version == "3"

    def test_a_champion_that_changed_meanwhile_stays(self, here, third, monkeypatch):
        monkeypatch.setattr(deciding, "check", lambda *_: third.move_alias("1"))

        with pytest.raises(
            StateError, match=r"^version 2 of .* did not become champion: the champion was 3 when .* now 1$"
        ):
            deciding.rollback(here, third.name, None, "alarms")
        assert third.alias() == "1"

    def test_of_two_at_once_the_second_says_that_it_changed_nothing(self, here, third, monkeypatch):
        def check_slowly(*_):
            monkeypatch.setattr(deciding, "check", lambda *_: None)
            deciding.rollback(here, third.name, None, "the first")

        monkeypatch.setattr(deciding, "check", check_slowly)
        outcome = deciding.rollback(here, third.name, None, "the second")

        assert (outcome.changed, outcome.text) == (False, f"{third.name}: version 2 is champion already")
        assert versions(here, third)[3:] == [("2", "rollback", "the first")]

    def test_it_goes_where_it_is_told(self, here, third):
        assert deciding.rollback(here, third.name, "1", "alarms").before == "3"
        assert third.alias() == "1"
        assert not deciding.rollback(here, third.name, "1", "again").changed

    def test_a_version_that_never_was_champion_needs_force(self, here, champion):
        with pytest.raises(StateError, match=r"version 3 of .* was never champion; allowed: none, or any"):
            deciding.rollback(here, champion.name, "3", "alarms")
        assert deciding.rollback(here, champion.name, "3", "alarms", force=True).version == "3"

    def test_a_version_that_does_not_load_needs_force(self, here, third, monkeypatch):
        def fail(*_):
            raise ModelError("it does not load")

        monkeypatch.setattr(deciding, "check", fail)
        with pytest.raises(ModelError, match=r"not load; version 3 is champion; --to takes another version"):
            deciding.rollback(here, third.name, None, "alarms")
        assert third.alias() == "3"
        assert deciding.rollback(here, third.name, None, "alarms", force=True).version == "2"

    def test_a_version_that_was_deleted_is_named(self, here, third):
        third.registry._client.delete_model_version(third.name, "2")

        with pytest.raises(
            StateError, match=r"has no version '2'; it has: 3, 1; version 3 is champion; --to "
        ):
            deciding.rollback(here, third.name, "2", "alarms", force=True)
        assert deciding.rollback(here, third.name, "1", "alarms").version == "1"

    def test_a_hand_is_part_of_the_history(self, here, champion):
        champion.move_alias("3")

        assert deciding.rollback(here, champion.name, None, "who did that?").version == "1"
        assert [(version, kind) for version, kind, _ in versions(here, champion)] == [
            ("1", "manual"),
            ("3", "external"),
            ("1", "rollback"),
        ]


@WITH_AND_WITHOUT
class TestWhoWasChampion:
    @pytest.fixture
    def ask(self, services, with_ledger, model, tmp_path):
        environment = {**services.environment, "KFP_CT_HOME": str(tmp_path)}
        if not with_ledger:
            del environment["KFP_CT_LEDGER_URL"]
        return lambda at="": champion_at(model.name, at, environment)

    def test_the_champion_of_each_instant(self, here, champion, ask):
        first = datetime.now(UTC)
        deciding.promote(here, champion.name, "2", "better", force=True)
        deciding.rollback(here, champion.name, None, "alarms")

        now, then = ask(), ask(first.isoformat())

        assert (now.promotion.version, now.promotion.kind, now.until) == ("1", "rollback", None)
        assert (then.promotion.version, then.promotion.note) == ("1", "the first")
        assert then.until < now.promotion.created_at
        assert json.loads(json.dumps(then.to_dict()))["previous_version"] is None

    def test_an_alias_that_was_moved_by_hand_is_seen(self, champion, ask):
        champion.move_alias("3")

        assert (ask().promotion.version, ask().promotion.kind) == ("3", "external")

    @pytest.mark.usefixtures("champion")
    def test_before_the_first_there_was_none(self, ask):
        found = ask("2020-01-01")

        assert found.promotion is None
        assert found.to_dict()["version"] is None
        assert found.until is not None

    @pytest.mark.usefixtures("champion")
    @pytest.mark.parametrize("at", ["yesterday", "2999-01-01"])
    def test_what_is_no_instant_of_the_past_is_refused(self, ask, at):
        with pytest.raises(SpecError, match=f"^--at: got '{at}'"):
            ask(at)

    def test_a_model_that_nobody_knows(self, ask):
        with pytest.raises(StateError, match="nothing is on record of a champion of"):
            ask()


def test_while_mlflow_is_away_the_ledger_says_it_with_a_word(services, model, caplog, monkeypatch):
    model.promote("1", "")
    away = {**services.environment, "MLFLOW_TRACKING_URI": "http://127.0.0.1:9"}
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")

    assert champion_at(model.name, "", away).promotion.version == "1"
    assert "by the ledger alone, since its alias cannot be seen: MLflow at" in caplog.text


def test_the_spec_of_another_model_is_refused(services, tmp_path):
    spec = tmp_path / "model.yaml"
    source = "{type: parquet, uri: /data/*.parquet, timestamp: at, timezone: UTC}"
    spec.write_text(
        f"model: churn\ntask: binary\nsource: {source}\ncolumns: {{target: left, numeric: [age]}}\n"
    )

    assert people.open_services(spec, "churn", services.environment).spec["model"] == "churn"
    with pytest.raises(SpecError, match=r"model.yaml' is of model 'churn'; allowed: one of 'shop'"):
        people.open_services(spec, "shop", services.environment)


def test_a_date_is_meant_on_the_models_own_clock(services, model):
    model.promote("1", "")
    windows = {"timezone": "Pacific/Kiritimati"}
    run = Run(f"{model.name}-run", model.name, "key", "manual", datetime.now(UTC), None, {}, windows)
    services.ledger.claim_run(run)

    found = champion_at(model.name, "2026-06-01", services.environment)

    assert found.at == datetime(2026, 5, 31, 10, tzinfo=UTC)


def test_a_clock_that_is_behind_does_not_disorder_history(services, model, monkeypatch):
    class Behind(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.now(tz) - timedelta(hours=1)

    model.promote("1", "")
    monkeypatch.setattr("ct_components.ledger.promotions.datetime", Behind)
    model.promote("2", "1")

    first, second = services.ledger.promotions(model.name)
    assert first.created_at == second.created_at
    assert champion_at(model.name, "", services.environment).promotion.version == "2"


def test_a_tag_that_is_no_journal_is_left_out_with_a_word(services, model, caplog):
    here = people.Services(services.registry, None, {})
    deciding.promote(here, model.name, "1", "", force=True)
    model.registry.tag_version(model.registry.version(model.name, "2"), {"promotions": '[{"at": 3}]'})

    assert [each.version for each in here.promotions(model.name)] == ["1"]
    assert "its tag of promotions is unreadable" in caplog.text


def test_a_journal_that_grows_too_long_forgets_its_oldest_entries(services, model):
    here = people.Services(services.registry, None, {})
    for _ in range(8):
        for version in ("1", "2"):
            deciding.promote(here, model.name, version, "ä" * 300, force=True)

    promotions = here.promotions(model.name)
    assert 4 <= len(promotions) < 16
    assert [each.version for each in promotions[-2:]] == ["1", "2"]


def test_people_are_told_what_came_of_it(services, model, monkeypatch):
    """Nobody hears of it where the address is not set, and the champion is changed all the same."""
    monkeypatch.delenv("TEAM_WEBHOOK", raising=False)
    spec = {"notify": [{"type": "webhook", "url": "TEAM_WEBHOOK"}]}
    here = people.Services(services.registry, services.ledger, spec)

    outcome = tell_people(here, deciding.promote(here, model.name, "1", "", force=True))

    assert outcome.told == "not told: webhook"
    assert model.alias() == "1"


class TestCommands:
    """The verbs, as they are typed."""

    def test_promote_rollback_and_champion(self, services, killer, model):
        here = people.Services(services.registry, services.ledger, {})
        deciding.promote(here, model.name, "1", "", force=True)
        wait(here, model)

        said = [
            killer.run(services, "kfp-ct", *arguments).stdout
            for arguments in (
                ("promote", model.name, "--note", "agreed"),
                ("champion", model.name),
                ("rollback", model.name, "--note", "alarms"),
                ("history", model.name),
            )
        ]

        assert said[0] == f"{model.name}: version 2 is champion, after version 1: promoted by hand\n"
        assert f"{model.name}: version 2 is champion since " in said[1]
        assert "promoted by a person, after version 1\n  run: run-2\n  note: agreed" in said[1]
        assert said[2] == f"{model.name}: version 1 is champion, after version 2: rolled back\n"
        assert "rollback  alarms" in said[3]
        assert "promoted  agreed" in said[3]

    @pytest.mark.parametrize(
        ("arguments", "code", "message"),
        [
            (("rollback", "churn"), 2, "Missing option '--note'"),
            (("rollback", "churn", "--note", " "), 2, "--note is empty"),
            (("promote", "churn", "--force"), 2, "--force goes with a VERSION"),
            (("champion", "unheard-of"), 14, "nothing is on record of a champion of 'unheard-of'"),
            (
                ("promote", "unheard-of"),
                14,
                "no version of unheard-of waits in staging; there is no champion",
            ),
            (("rollback", "unheard-of", "--note", "n"), 14, "has no earlier champion"),
        ],
    )
    def test_a_mistake_is_one_message(self, services, killer, arguments, code, message):
        ended = killer.run(services, "kfp-ct", *arguments)

        assert ended.returncode == code
        assert message in ended.stdout
        assert "Traceback" not in ended.stdout
