"""Everything that the ledger knows of a model, in one moment."""

from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa

from ct_components.ledger.subject import Subject, fetch
from ct_components.ledger.tables import (
    candidates,
    looks,
    models,
    promotions,
    runs,
    stage_outcomes,
    triggers,
    verdicts,
)


class History(Subject):
    """The whole record."""

    def models(self) -> list[str]:
        """Returns the names of all models that the ledger has heard of, sorted."""
        known = sa.union(sa.select(models.c.model), sa.select(promotions.c.model))
        with self._database.reading() as connection:
            return sorted(connection.scalars(known))

    def latest_run(self, model: str) -> Mapping[str, Any] | None:
        """Returns a model's latest run, whose spec says how the model is delivered; None without one."""
        query = sa.select(runs).where(runs.c.model == model, runs.c.spec.is_not(None))
        rows = self._rows(query.order_by(runs.c.created_at.desc(), runs.c.run_id.desc()).limit(1))
        return dict(rows[0]) if rows else None

    def history(self, model: str | None = None) -> dict[str, list[dict[str, Any]]]:
        """Returns triggers, runs with verdicts and stages, candidates, promotions and looks, oldest first.

        The reports of the looks are left out: each may be as long as all the rest.
        """
        ids = sa.select(runs.c.run_id).where(_of(runs, model))
        queries = {
            "triggers": triggers.select().where(_of(triggers, model)).order_by("created_at", "run_key"),
            "runs": runs.select().where(_of(runs, model)).order_by("created_at", "run_id"),
            "verdicts": verdicts.select().where(verdicts.c.run_id.in_(ids)),
            "stages": stage_outcomes.select()
            .where(stage_outcomes.c.run_id.in_(ids))
            .order_by("started_at", "finished_at"),
            "candidates": candidates.select()
            .where(_of(candidates, model))
            .order_by("created_at", "model", "version"),
            "promotions": promotions.select().where(_of(promotions, model)).order_by("model", "sequence"),
            "looks": sa.select(*(each for each in looks.c if each.name != "report"))
            .where(_of(looks, model))
            .order_by("id"),
        }
        with self._database.reading() as connection:
            found = {name: [dict(row) for row in fetch(connection, query)] for name, query in queries.items()}
        found["runs"] = _whole(found["runs"], found.pop("verdicts"), found.pop("stages"))
        return found


def _of(table: sa.Table, model: str | None) -> sa.ColumnElement[bool]:
    return sa.true() if model is None else table.c.model == model


def _whole(
    of_runs: Iterable[dict[str, Any]],
    judged: Iterable[Mapping[str, Any]],
    ended: Iterable[dict[str, Any]],
) -> list[dict[str, Any]]:
    verdict_of = {row["run_id"]: row for row in judged}
    stages_of: dict[str, list[dict[str, Any]]] = {}
    for row in ended:
        stages_of.setdefault(row["run_id"], []).append(row)
    return [
        {**row, "verdict": verdict_of.get(row["run_id"]), "stages": stages_of.get(row["run_id"], [])}
        for row in of_runs
    ]
