from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from ct_components.connections import (
    Connections,
    database_error,
    embedded,
    first_line,
    from_environment,
    ledger_url,
    redact,
    redact_url,
    sqlite_url,
    state_home,
)
from ct_components.errors import StateError, Unreachable

HOME = Path("/tmp/state")  # noqa: S108


class TestEnvironment:
    def test_connections_are_what_the_variables_say(self):
        environment = {
            "MLFLOW_TRACKING_URI": "http://mlflow:5000",
            "KFP_CT_LEDGER_URL": "postgresql://db/ledger",
            "KFP_CT_MLFLOW_ARTIFACT_ROOT": "file:///artifacts",
        }
        assert from_environment(environment) == Connections(
            "http://mlflow:5000", "postgresql://db/ledger", "file:///artifacts"
        )

    def test_only_mlflow_is_needed(self):
        assert from_environment({"MLFLOW_TRACKING_URI": "http://m"}) == Connections("http://m", None, None)

    @pytest.mark.parametrize("value", [None, "", " \n"])
    def test_without_mlflow_nothing_starts(self, value):
        environment = {} if value is None else {"MLFLOW_TRACKING_URI": value}
        with pytest.raises(StateError, match="MLFLOW_TRACKING_URI is not set"):
            from_environment(environment)

    def test_the_newline_at_the_end_of_a_secret_is_no_part_of_it(self):
        environment = {"MLFLOW_TRACKING_URI": "http://m\n", "KFP_CT_LEDGER_URL": "sqlite:////x.db\n"}
        assert from_environment(environment) == Connections("http://m", "sqlite:////x.db", None)

    def test_an_empty_ledger_url_is_no_ledger(self):
        assert ledger_url({"KFP_CT_LEDGER_URL": ""}) is None


class TestEmbedded:
    def test_everything_lies_in_the_state_folder(self):
        assert embedded(HOME, {}) == {
            "KFP_CT_HOME": "/tmp/state",  # noqa: S108
            "KFP_CT_LEDGER_URL": "sqlite:////tmp/state/ledger.db",
            "MLFLOW_TRACKING_URI": "sqlite:////tmp/state/mlflow.db",
            "KFP_CT_MLFLOW_ARTIFACT_ROOT": "file:///tmp/state/mlflow-artifacts",
        }

    def test_a_variable_that_is_set_wins(self):
        environment = {"KFP_CT_LEDGER_URL": "postgresql://db/x", "KFP_CT_MLFLOW_ARTIFACT_ROOT": "file:///a"}

        found = embedded(HOME, environment)

        assert found["KFP_CT_LEDGER_URL"] == "postgresql://db/x"
        assert found["KFP_CT_MLFLOW_ARTIFACT_ROOT"] == "file:///a"
        assert found["MLFLOW_TRACKING_URI"] == "sqlite:////tmp/state/mlflow.db"

    def test_a_server_of_ones_own_decides_where_its_artifacts_lie(self):
        found = embedded(HOME, {"MLFLOW_TRACKING_URI": "http://mlflow:5000"})

        assert found["MLFLOW_TRACKING_URI"] == "http://mlflow:5000"
        assert "KFP_CT_MLFLOW_ARTIFACT_ROOT" not in found

    def test_the_state_folder_is_beside_where_one_stands(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)

        assert state_home({}) == tmp_path / ".kfp-ct"
        assert state_home({"KFP_CT_HOME": "elsewhere"}) == tmp_path / "elsewhere"

    @pytest.mark.parametrize(
        "name", ["plain", "with space", "ünï", "100%", "50%20", "a#b", "a@b:c", "what?x=1"]
    )
    def test_a_folder_of_any_name_can_hold_a_database(self, tmp_path, name):
        path = tmp_path / name / "x.db"
        path.parent.mkdir()

        with sa.create_engine(sqlite_url(path), poolclass=sa.NullPool).connect() as connection:
            connection.exec_driver_sql("CREATE TABLE t (x INTEGER)")

        assert path.exists()


class TestRedact:
    @pytest.mark.parametrize(
        ("url", "shown"),
        [
            ("postgresql://ct:secret@db/ledger", "postgresql://ct:***@db/ledger"),
            ("postgresql://ct:se/cr?e#t@db/ledger", "postgresql://ct:***@db/ledger"),
            ("postgresql://ct:a@b@db/ledger", "postgresql://ct:***@db/ledger"),
            ("http://:secret@host", "http://:***@host"),
            ("https://ct:secret@[::1]:5000/x", "https://ct:***@[::1]:5000/x"),
            ("http://ct:secret@[bad", "http://ct:***@[bad"),
            ("postgresql://db/x?user=ct&password=secret&a=b", "postgresql://db/x?user=ct&password=***&a=b"),
            ("http://mlflow:5000/path", "http://mlflow:5000/path"),
            ("sqlite:////tmp/a:b@c/ledger.db", "sqlite:////tmp/a:b@c/ledger.db"),
            ("postgresql://ct@srv:secret@db/ledger", "postgresql://***@srv:***@db/ledger"),
            ("http://token@host/api", "http://***@host/api"),
            ("http://host/api?api_key=secret&a=b", "http://host/api?api_key=***&a=b"),
            ("", ""),
        ],
    )
    def test_passwords_are_hidden_and_nothing_else(self, url, shown):
        assert redact(url) == shown

    def test_an_address_alone_may_have_blanks_in_its_password(self):
        assert redact_url("postgresql://ct:se cr@t et@db/ledger") == "postgresql://ct:***@db/ledger"
        assert redact_url("sqlite:////tmp/a b:c@d/ledger.db") == "sqlite:////tmp/a b:c@d/ledger.db"

    def test_no_error_of_a_database_shows_one(self):
        error = database_error("the ledger", "postgresql://ct:se cret@db/ledger", OSError("away"))

        assert str(error) == "the ledger at postgresql://ct:***@db/ledger cannot be used: away"

    def test_messages_of_others_are_cleaned_too(self):
        text = "API request to http://ct:secret@host/api failed; see http://host:1/help"
        assert redact(text) == "API request to http://ct:***@host/api failed; see http://host:1/help"

    @given(
        user=st.text("abc", min_size=1),
        password=st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1),
    )
    def test_no_password_is_shown_and_hiding_twice_changes_nothing(self, user, password):
        shown = redact(f"postgresql://{user}:{password}@db/ledger")

        assert shown == f"postgresql://{user}:***@db/ledger"
        assert redact(shown) == shown

    def test_the_first_line_of_an_error_is_short_and_clean(self):
        assert first_line(ValueError("http://u:secret@h\nTraceback")) == "http://u:***@h"
        assert first_line(ValueError()) == "ValueError"
        assert len(first_line(ValueError("x" * 1000))) == 300


class TestDatabaseErrors:
    def _error(self, text, kind=sa.exc.OperationalError):
        return database_error(
            "the ledger", "postgresql://ct:secret@db/x", kind("SELECT", {}, Exception(text))
        )

    @pytest.mark.parametrize(
        "text",
        ["connection refused", "could not translate host name", "server closed the connection", "timeout"],
    )
    def test_what_may_go_away_is_unreachable(self, text):
        error = self._error(text)

        assert isinstance(error, Unreachable)
        assert str(error) == f"the ledger at postgresql://ct:***@db/x does not answer: {text}"

    @pytest.mark.parametrize(
        "text",
        ["FATAL: password authentication failed for user", 'database "x" does not exist', "unable to open"],
    )
    def test_what_only_a_person_can_mend_is_a_matter_of_state(self, text):
        assert isinstance(self._error(text), StateError)

    def test_an_error_of_sql_is_no_matter_of_reach(self):
        assert isinstance(self._error("syntax error", sa.exc.ProgrammingError), StateError)
