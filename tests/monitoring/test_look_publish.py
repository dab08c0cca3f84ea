"""A look's folder appears whole, also where two look at the same instant at once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from ct_components.monitoring.look import Look, publish
from ct_components.windows import Window

NOW = datetime(2026, 11, 28, tzinfo=UTC)


def make_look(page: str) -> Look:
    return Look(
        model="churn",
        monitor="drift",
        champion_version=None,
        as_of=NOW,
        window=Window(NOW, NOW),
        verdict="insufficient",
        reason="no_champion",
        explanation="There is none.",
        fires=False,
        broken=False,
        drifted=None,
        share=None,
        key=None,
        report={},
        page=page,
    )


def test_a_later_look_takes_the_place_of_an_earlier_one(tmp_path):
    publish(make_look("first"), tmp_path)
    folder = publish(make_look("second"), tmp_path)

    assert (folder / "page.html").read_text() == "second"
    assert [each.name for each in folder.parent.iterdir()] == ["20261128T000000Z"]


def test_of_looks_at_once_one_is_there_and_none_fails(tmp_path):
    def look(number: int) -> None:
        for _ in range(100):
            publish(make_look(str(number)), tmp_path)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(look, range(4)))

    (folder,) = (tmp_path / "churn" / "drift").iterdir()
    assert sorted(each.name for each in folder.iterdir()) == ["page.html", "report.json"]
