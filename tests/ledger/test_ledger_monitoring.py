"""Looks of the monitors, and the metrics that scoring services write."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
import sqlalchemy as sa

from ct_components.errors import StateError

NOON = datetime(2013, 4, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


class TestLooks:
    def test_looks_come_back_as_they_were_taken(self, ledger, look):
        taken = [look(looked_at=NOON + i * DAY, verdict=word) for i, word in enumerate(("fine", "fire"))]

        numbers = [ledger.record_look(each) for each in taken]

        assert ledger.looks("churn", "drift") == taken
        assert numbers[0] < numbers[1]

    def test_what_is_not_known_stays_unknown(self, ledger, look):
        unknown = look(champion_version=None, drifted=None, share=None, key=None, report_uri=None)
        ledger.record_look(unknown)

        assert ledger.looks("churn", "drift") == [unknown]

    def test_a_share_of_zero_and_no_drift_are_known(self, ledger, look):
        ledger.record_look(look(share=0.0, drifted=False))

        (found,) = ledger.looks("churn", "drift")
        assert found.share == 0.0
        assert found.drifted is False

    def test_looks_are_told_apart(self, ledger, look):
        ledger.record_look(look(model="fraud"))
        ledger.record_look(look(monitor="performance"))
        ledger.record_look(look(champion_version="2"))
        ledger.record_look(look(looked_at=NOON + DAY))

        assert len(ledger.looks("churn", "drift")) == 2
        assert ledger.looks("churn", "drift", "2") == [look(champion_version="2")]
        assert ledger.looks("churn", "drift", since=NOON + DAY) == [look(looked_at=NOON + DAY)]

    def test_an_unknown_monitor_is_refused(self, ledger, look):
        with pytest.raises(sa.exc.IntegrityError):
            ledger.record_look(look(monitor="weather"))


class TestMetrics:
    def test_values_come_back_in_order_of_days(self, ledger, metric):
        records = [metric(0.5 + i / 8, day=date(2013, 4, i)) for i in (3, 1, 2)]
        ledger.add_metrics(records)

        assert ledger.metrics("churn") == [records[1], records[2], records[0]]

    def test_no_values_are_nothing(self, ledger):
        ledger.add_metrics([])

        assert ledger.metrics("churn") == []

    def test_a_day_without_a_value_is_not_zero(self, ledger, metric):
        ledger.add_metrics([metric(None, n=0), metric(0.0, day=date(2013, 4, 2))])

        assert [each.value for each in ledger.metrics("churn")] == [None, 0.0]

    def test_of_one_day_the_value_written_last_counts(self, ledger, metric):
        ledger.add_metrics([metric(0.75), metric(0.25, written_at=NOON - DAY), metric(0.5, metric="f1")])

        assert [(each.metric, each.value) for each in ledger.metrics("churn")] == [
            ("roc_auc", 0.75),
            ("f1", 0.5),
        ]

    def test_of_one_instant_the_later_one_counts(self, ledger, metric):
        ledger.add_metrics([metric(0.5), metric(None)])

        assert ledger.metrics("churn") == [metric(None)]

    def test_values_are_told_apart(self, ledger, metric):
        ledger.add_metrics([metric(), metric(version="2"), metric(metric="f1"), metric(model="fraud")])

        assert len(ledger.metrics("churn")) == 3
        assert ledger.metrics("churn", version="2") == [metric(version="2")]
        assert ledger.metrics("churn", metric="f1") == [metric(metric="f1")]
        assert ledger.metrics("churn", version="2", metric="f1") == []

    @pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
    def test_what_is_no_number_is_not_taken(self, ledger, metric, value, database):
        """SQLite takes NaN for a value that is missing."""
        if database == "sqlite" and value != value:  # noqa: PLR0124
            ledger.add_metrics([metric(value)])
            assert ledger.metrics("churn")[0].value is None
            return
        with pytest.raises(sa.exc.IntegrityError):
            ledger.add_metrics([metric(0.5), metric(value)])
        assert ledger.metrics("churn") == []

    def test_many_values_are_added_in_a_moment(self, ledger, metric):
        days = [date(2013, 1, 1) + i * DAY for i in range(5_000)]
        ledger.add_metrics(metric(0.5, day=day) for day in days)

        assert len(ledger.metrics("churn")) == 5_000


class TestAnotherProgramsMetrics:
    """What docs/reference/ledger.md promises to a scoring service that knows SQL alone."""

    INSERT = (
        "INSERT INTO ct_model_metrics (model, version, metric, day, value, n) "
        "VALUES ('churn', '1', 'roc_auc', '2013-04-01', {}, {})"
    )

    def test_six_columns_are_enough(self, ledger, url, execute):
        begun = datetime.now(UTC).replace(microsecond=0)
        execute(url, self.INSERT.format("0.75", 500))

        (found,) = ledger.metrics("churn")
        assert (found.value, found.n, found.day, found.source) == (0.75, 500, date(2013, 4, 1), "")
        assert begun <= found.written_at <= datetime.now(UTC)
        assert found.written_at.utcoffset() == timedelta(0)

    def test_a_value_may_be_unknown(self, ledger, url, execute):
        execute(url, self.INSERT.format("NULL", 0))

        assert ledger.metrics("churn")[0].value is None

    def test_a_later_value_replaces_it(self, ledger, url, execute):
        execute(url, self.INSERT.format("0.75", 500), self.INSERT.format("0.5", 600))

        assert [each.n for each in ledger.metrics("churn")] == [600]

    @pytest.mark.parametrize(("value", "n"), [("0.5", -1), ("9e999", 1), ("'NaN'", 1)])
    def test_the_database_itself_refuses_what_makes_no_sense(self, url, ledger, execute, value, n):
        with pytest.raises(Exception, match=r"CHECK|check constraint|out of range"):
            execute(url, self.INSERT.format(value, n))
        assert ledger.metrics("churn") == []

    @pytest.mark.parametrize("database", [pytest.param("postgresql", marks=pytest.mark.service)])
    def test_a_user_who_may_do_nothing_else_can_write_them(self, ledger, url, execute):
        execute(
            url,
            "CREATE ROLE scorer",
            "GRANT INSERT ON ct_model_metrics TO scorer",
            "GRANT USAGE ON SEQUENCE ct_model_metrics_id_seq TO scorer",
        )
        try:
            execute(url, f"SET ROLE scorer; {self.INSERT.format('0.75', 500)}")
            with pytest.raises(Exception, match="permission denied for table ct_runs"):
                execute(url, "SET ROLE scorer; DELETE FROM ct_runs")
        finally:
            execute(url, "DROP OWNED BY scorer", "DROP ROLE scorer")

        assert [each.value for each in ledger.metrics("churn")] == [0.75]

    @pytest.mark.parametrize("database", ["sqlite"])
    def test_a_day_that_is_none_is_named(self, ledger, url, execute):
        execute(url, self.INSERT.format("0.5", 1).replace("2013-04-01", "1 April"))

        with pytest.raises(StateError, match=r"ct_model_metrics of .* or no time: .*1 April"):
            ledger.metrics("churn")


def test_instants_are_stored_in_utc(ledger, look, url, execute):
    ledger.record_look(look(looked_at=datetime(2013, 4, 1, tzinfo=timezone(timedelta(hours=-4)))))

    ((text,),) = execute(url, "SELECT CAST(looked_at AS VARCHAR) FROM ct_looks")
    assert text.startswith("2013-04-01 04:00:00")
