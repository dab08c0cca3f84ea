"""Candidates: versions that won and wait in staging for a person, and verdicts that came to nothing."""

from dataclasses import asdict
from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ct_components.ledger.records import Candidate, Promotion
from ct_components.ledger.subject import Subject, first
from ct_components.ledger.tables import candidates


class Candidates(Subject):
    """One row a version; whoever decides first has decided."""

    def candidate(self, model: str, version: str) -> Candidate | None:
        """Returns a version's candidacy, decided or not."""
        rows = self._rows(sa.select(candidates).where(_is(model, version)))
        return Candidate(**rows[0]) if rows else None

    def candidate_of_run(self, run_id: str) -> Candidate | None:
        """Returns the candidacy of the version that a run judged."""
        rows = self._rows(sa.select(candidates).where(candidates.c.run_id == run_id))
        return Candidate(**rows[0]) if rows else None

    def waiting(self, model: str) -> list[Candidate]:
        """Returns the versions that wait for a person, the latest first."""
        query = (
            sa.select(candidates)
            .where(candidates.c.model == model, candidates.c.decision.is_(None))
            .order_by(candidates.c.created_at.desc(), candidates.c.version.desc())
        )
        return [Candidate(**row) for row in self._rows(query)]

    def record_candidate(self, candidate: Candidate) -> Candidate:
        """Lets a version wait for a person, and returns what is on record: a repetition changes nothing."""
        try:
            with self._database.writing() as connection:
                connection.execute(candidates.insert().values(asdict(candidate)))
        except sa.exc.IntegrityError:
            return self.candidate(candidate.model, candidate.version) or candidate
        return candidate

    def reject_candidate(self, model: str, version: str, note: str) -> bool:
        """Decides that a version does not become champion; False if it does not wait any more."""
        with self._database.writing() as connection:
            return bool(connection.execute(_decide(_is(model, version), "rejected", note)).rowcount)

    def record_void(self, candidate: Candidate, note: str) -> None:
        """Records that the verdict on a version is void, unless it was decided otherwise."""
        row = {**asdict(candidate), "decided_at": datetime.now(UTC), "decision": "void", "note": note}
        same = _is(candidate.model, candidate.version)
        with self._database.writing() as connection:
            if first(connection, sa.select(candidates.c.version).where(same)):
                connection.execute(_decide(same, "void", note))
                return
            try:
                with connection.begin_nested():
                    connection.execute(candidates.insert().values(row))
            except sa.exc.IntegrityError:
                # Another attempt of the same stage was quicker.
                connection.execute(_decide(same, "void", note))


def settle_candidates(connection: Connection, promotion: Promotion) -> None:
    """Decides what waits, in the transaction that makes another version champion."""
    # Also what had been decided otherwise: somebody insisted.
    promoted = {"decision": "promoted", "decided_at": promotion.created_at, "note": promotion.note}
    won = _is(promotion.model, promotion.version) & (candidates.c.decision.is_distinct_from("promoted"))
    connection.execute(candidates.update().where(won).values(promoted))
    # A verdict on this very champion still stands, if it returns.
    others = candidates.c.expected.is_distinct_from(promotion.version)
    note = f"version {promotion.version} became champion; this one was judged against another"
    connection.execute(_decide((candidates.c.model == promotion.model) & others, "void", note))


def _is(model: str, version: str) -> sa.ColumnElement[bool]:
    return (candidates.c.model == model) & (candidates.c.version == version)


def _decide(which: sa.ColumnElement[bool], decision: str, note: str) -> sa.Update:
    values = {"decision": decision, "decided_at": datetime.now(UTC), "note": note}
    return candidates.update().where(which, candidates.c.decision.is_(None)).values(values)
