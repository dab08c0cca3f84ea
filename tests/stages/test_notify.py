"""Stage notify: whatever happened, the run is closed and a page says what came of it."""

import pytest

from ct_components.errors import SpecError
from ct_components.stage import Context, stage
from ct_components.stages.notify.close import Ended, close, conclude


def mlflow_status(stages, context):
    return stages.client.get_run(context.mlflow_run_id).info.status


@pytest.fixture
def judged(two_models):
    """The strong run after its verdict."""
    two_models.evaluate(two_models.strong)
    return two_models


def test_a_promoted_run(judged, monkeypatch):
    monkeypatch.setattr(
        "ct_components.stages.promote_challenger.promote.check_in_clean_process", lambda *_: None
    )
    judged.promote(judged.strong)
    page = judged.notify("run-strong")
    row = judged.ledger.run("run-strong")
    assert (row["state"], row["outcome"]) == ("succeeded", "promoted")
    assert row["message"].startswith("Proven better than the champion")
    assert "Promoted" in page
    assert "promote_challenger" in page
    assert mlflow_status(judged, judged.strong.context) == "FINISHED"


def test_a_retained_run(two_models):
    itself = Context(**{**vars(two_models.strong.context), "champion": "2"}).to_json()
    two_models.evaluate(two_models.strong, context=itself)
    page = two_models.notify("run-strong")
    row = two_models.ledger.run("run-strong")
    assert (row["state"], row["outcome"]) == ("succeeded", "retained")
    assert "Retained" in page
    assert row["message"] in page


def test_a_run_whose_stage_failed(judged):
    with pytest.raises(SystemExit), stage("promote_challenger", judged.strong.context):
        raise SpecError("the <b>message</b>")
    page = judged.notify("run-strong", "FAILED")
    row = judged.ledger.run("run-strong")
    assert (row["state"], row["outcome"], row["message"]) == ("failed", "failed", "the <b>message</b>")
    assert "Failed" in page
    assert "the &lt;b&gt;message&lt;/b&gt;" in page
    assert mlflow_status(judged, judged.strong.context) == "FAILED"


def test_a_run_that_failed_outside_its_stages(judged):
    """A pod that was killed leaves no outcome in the ledger."""
    page = judged.notify("run-strong", "CANCELLED")
    assert judged.ledger.run("run-strong")["outcome"] == "failed"
    assert "the pipeline ended as CANCELLED" in page
    assert mlflow_status(judged, judged.strong.context) == "FAILED"


def test_a_run_that_did_not_begin_has_no_row_and_still_a_page(stages):
    with pytest.raises(SystemExit), stage("begin_run", Context(run_id="run-9")):
        raise SpecError("reason: got 'boredom'")
    page = stages.notify("run-9", "FAILED")
    assert stages.ledger.run("run-9") is None
    assert "Failed" in page
    assert "begin_run" in page
    assert "reason: got &#39;boredom&#39;" in page


def test_a_run_of_which_nothing_is_known(stages):
    assert "the pipeline ended as FAILED" in stages.notify("run-9", "FAILED")


def test_without_a_ledger_the_verdict_comes_from_mlflow(judged, no_ledger):
    page = judged.notify("run-strong")
    assert "Promoted" in page
    assert "Proven better than the champion" in page
    assert mlflow_status(judged, judged.strong.context) == "FINISHED"


def test_without_a_ledger_a_failed_run_is_closed_in_mlflow(judged, no_ledger):
    page = judged.notify("run-strong", "FAILED")
    assert "Failed" in page
    assert mlflow_status(judged, judged.strong.context) == "FAILED"


def test_without_a_ledger_a_run_without_verdict_is_retained(two_models, no_ledger):
    assert "no verdict is on record" in two_models.notify("run-strong")


def test_its_own_failed_attempt_is_no_failure_of_the_run(judged):
    with pytest.raises(RuntimeError), stage("notify", Context(run_id="run-strong")):
        raise RuntimeError("out of memory")
    page = judged.notify("run-strong")
    assert judged.ledger.run("run-strong")["outcome"] == "promoted"
    assert "out of memory" not in page


def test_the_page_is_written_though_mlflow_is_away(judged, tmp_path, monkeypatch):
    def away(*_, **__):
        raise SpecError("away")

    monkeypatch.setattr("ct_components.registry.Registry.finish_run", away)
    with pytest.raises(SpecError):
        close("run-strong", "FAILED", str(tmp_path / "page.html"))
    assert "Failed" in (tmp_path / "page.html").read_text()
    assert judged.ledger.run("run-strong")["outcome"] == "failed"


def test_closing_twice_changes_nothing(judged, tmp_path):
    first, second = (close("run-strong", "SUCCEEDED", str(tmp_path / "page.html")) for _ in range(2))
    assert first == second


def test_a_verdict_of_promotion_is_none_when_its_stage_failed():
    assert conclude("FAILED", [], {"verdict": "promote", "explanation": "better"}) == Ended(
        "failed", "the pipeline ended as FAILED; its stages' logs say why"
    )
