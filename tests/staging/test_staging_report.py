"""What the check found, as it is said and as it is kept."""

import math

import pytest

from ct_components.staging import CheckReport, Finding, supervise


@pytest.mark.parametrize(
    ("figure", "limit", "passed"),
    [(0.5, 0.5, True), (0.75, 0.5, False), (math.nan, 0.5, False), (0.0, 0.0, True), (7.0, None, True)],
)
def test_a_finding_is_passed_within_its_limit(figure, limit, passed):
    assert Finding("load", figure, limit, "s").passed is passed


def test_a_report_says_every_figure_with_its_limit():
    report = CheckReport(
        "models:/shop/2",
        [Finding("load", 0.5, 120.0, "s"), Finding("signature", 3, None, "columns", "as recorded")],
    )
    assert str(report) == (
        "models:/shop/2 passes its check in staging: load: 0.5 s, limit 120 s; "
        "signature: 3 columns (as recorded)"
    )
    assert report.to_dict() == {
        "version": "models:/shop/2",
        "checks": [
            {"check": "load", "figure": 0.5, "limit": 120.0, "unit": "s", "note": "", "passed": True},
            {
                "check": "signature", "figure": 3, "limit": None, "unit": "columns", "note": "as recorded",
                "passed": True,
            },
        ],
    }  # fmt: skip


def test_a_container_without_a_limit_has_all_there_is(tmp_path, monkeypatch):
    (tmp_path / "memory.max").write_text("max\n")
    (tmp_path / "memory.stat").write_text("anon 7\n")
    monkeypatch.setattr(supervise, "_CGROUP", tmp_path)
    assert supervise._left_in_container() == math.inf
