"""Events of jobs in any order, on a real database, against a model of a few lines."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from levada_server.errors import DuplicateEntity, LeaseLost, LevadaError, MissingParent, UnknownJob
from levada_server.jobs.lease import Failure
from levada_server.model.table import PartIntegrity, RetryPolicy, Tier
from levada_server.operations import deletes, jobs
from levada_server.operations.completion import results as job_results
from levada_server.query.algebra import Equalities, JobOperand, Restrict, TableOperand
from tests.support import make
from tests.support.make import ME, NO_TIME, named

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from uuid import UUID

    from levada_server.jobs.lease import Lease
    from levada_server.operations.context import Engine

ATTEMPTS = 2
KEYS = st.integers(0, 2)
WORKERS = st.integers(0, 1)
ANY = st.integers(0, 5)
"""One of the leases that were handed out last."""
STAT = named("Stat")


@dataclass
class Job:
    """A job in the model; `due` is False while it waits after an error."""

    id: int
    state: str = "pending"
    attempt: int = 0
    token: UUID | None = None
    session: UUID | None = None
    failed_token: UUID | None = None
    error: str | None = None
    shared: bool = False
    due: bool = True

    def pend(self) -> None:
        self.state, self.attempt, self.token, self.session, self.failed_token = "pending", 0, None, None, None
        self.shared, self.due = False, True


class Model:
    """The keys to compute, the computed keys, their jobs, and the workers."""

    def __init__(self) -> None:
        self.source: set[int] = set()
        self.results: set[int] = set()
        self.jobs: dict[int, Job] = {}
        self.sessions: dict[int, UUID] = {}
        self.living: set[UUID] = set()
        self.leases: list[Lease] = []

    def lost(self, job: Job) -> bool:
        return job.state == "reserved" and job.session not in self.living


@pytest_asyncio.fixture
async def pipeline(engine: Engine) -> Engine:
    """`Session`, and `Stat` computed from it, whose jobs are tried twice."""
    await make.make_table(engine, "Session", "session : int32\n")
    retry = RetryPolicy(ATTEMPTS, timedelta(days=1))
    await make.make_table(engine, "Stat", "-> Session\n", Tier.COMPUTED, retry=retry)
    return engine


async def test_jobs_do_as_the_model_does(pipeline: Engine) -> None:
    loop = asyncio.get_running_loop()

    class Machine(JobMachine):
        def __init__(self) -> None:
            super().__init__(pipeline, loop)

    # The machine is synchronous: it runs in a thread, and the database's work runs in this loop.
    checks = settings(max_examples=30, stateful_step_count=40, deadline=None, database=None)
    await asyncio.to_thread(run_state_machine_as_test, Machine, settings=checks)


class JobMachine(RuleBasedStateMachine):
    """Does the same to the database and to the model, and compares them after each step."""

    def __init__(self, engine: Engine, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self.engine = engine
        self.loop = loop
        self.model = Model()

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:  # noqa: ANN401  # the result of the work
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(60)

    @initialize()
    def empty(self) -> None:
        self.run(self._empty())
        for key in range(3):
            self.add_to_the_source(key)
        self.refresh()
        for worker in range(2):
            self.renew(worker)

    async def _empty(self) -> None:
        async with self.engine.scope.connection() as connection:
            await connection.execute(
                "TRUNCATE lab.session, lab.stat; TRUNCATE levada.worker_session CASCADE; "
                "TRUNCATE levada_jobs.t2"  # of Stat, the second table
            )

    # ------------------------------------------------------------------------------------- rows

    # There are few rules with many ways each, so that rules of workers come often enough to go deep.
    @rule(key=KEYS, how=st.sampled_from(["add_to_the_source", "insert_by_hand", "delete_a_parent", "delete_a_result"]))
    def change_rows(self, key: int, how: str) -> None:
        getattr(self, how)(key)

    def add_to_the_source(self, key: int) -> None:
        if key not in self.model.source:
            self.run(make.insert(self.engine, "Session", [{"session": key}]))
            self.model.source.add(key)

    def insert_by_hand(self, key: int) -> None:
        if key in self.model.source - self.model.results:
            self.run(make.insert(self.engine, "Stat", [{"session": key}], allow_direct_insert=True))
            self.model.results.add(key)

    def delete_a_parent(self, key: int) -> None:
        self.run(self._delete("Session", key))
        if key in self.model.source:
            self.model.source.discard(key)
            self.model.results.discard(key)
            if key in self.model.jobs and self.model.jobs[key].state != "reserved":
                del self.model.jobs[key]

    def delete_a_result(self, key: int) -> None:
        self.run(self._delete("Stat", key))
        if key in self.model.results:
            self.model.results.discard(key)
            if key in self.model.jobs and self.model.jobs[key].state == "success":
                self.model.jobs[key].pend()

    def _delete(self, table: str, key: int) -> Coroutine[Any, Any, Any]:
        chosen = Restrict(TableOperand(named(table)), Equalities((("session", key),)))
        return deletes.delete(self.engine, ME, chosen, PartIntegrity.ENFORCE, digest="", quick=False)

    # ---------------------------------------------------------------------------------- workers

    @rule(worker=WORKERS, how=st.sampled_from(["renew", "fall_silent", "end"]))
    def change_worker(self, worker: int, how: str) -> None:
        getattr(self, how)(worker)

    def renew(self, worker: int) -> None:
        if worker not in self.model.sessions:
            self.model.sessions[worker] = self.run(make.make_session(self.engine))
        session = self.model.sessions[worker]
        self.run(jobs.renew_sessions(self.engine, ME, {session: None}))
        self.model.living.add(session)

    def fall_silent(self, worker: int) -> None:
        if worker in self.model.sessions:
            session = self.model.sessions[worker]
            self.run(make.expire(self.engine, session))
            self.model.living.discard(session)

    def end(self, worker: int) -> None:
        if worker in self.model.sessions:
            session = self.model.sessions.pop(worker)
            self.run(jobs.delete_session(self.engine, ME, session))
            self.model.living.discard(session)

    # ------------------------------------------------------------------------------------- jobs

    @rule(how=st.sampled_from(["refresh", "let_time_pass"]))
    def go_on(self, how: str) -> None:
        getattr(self, how)()

    def refresh(self) -> None:
        self.run(make.refresh(self.engine, "Stat"))
        model = self.model
        for key, job in list(model.jobs.items()):
            waits = job.state in ("pending", "error", "ignored")
            if (job.state == "pending" and key in model.results) or (waits and key not in model.source):
                del model.jobs[key]
        ids = {row["session"]: row["_job_id"] for row in self.run(self._rows())}
        for key in model.source - model.results - model.jobs.keys():
            model.jobs[key] = Job(ids[key])

    @rule(worker=WORKERS, most=st.sampled_from([1, 10]))
    def reserve(self, worker: int, most: int) -> None:
        if worker not in self.model.sessions:
            self.renew(worker)
        session = self.model.sessions[worker]
        leases = self.run(make.reserve(self.engine, session, "Stat", most))
        self.model.leases += leases
        self._judge_reserved(session, most, {dict(lease.key)["session"]: lease for lease in leases})

    def _judge_reserved(self, session: UUID, most: int, leases: dict[Any, Lease]) -> None:
        """Check the handed-out jobs against all that could be, and record them."""
        jobs_ = self.model.jobs
        due = {key for key, job in jobs_.items() if job.state == "pending" and job.due}
        lost = {key for key, job in jobs_.items() if self.model.lost(job)}
        spent = {key for key in lost if not jobs_[key].shared and jobs_[key].attempt >= ATTEMPTS}
        suspects = {key for key in lost if jobs_[key].shared}
        plain = due | (lost - spent - suspects)
        assert leases.keys() <= plain | suspects
        if leases.keys() & suspects:
            assert len(leases) == 1
        elif len(lost) <= most:
            assert len(leases) == min(most, len(plain)) or suspects
        for key, lease in leases.items():
            job = jobs_[key]
            job.attempt += key not in suspects
            assert (lease.job_id, lease.attempt) == (job.id, job.attempt)
            job.state, job.token, job.session, job.error = "reserved", lease.token, session, None
            job.shared, job.failed_token = len(leases) > 1, None
        given_up = {row["session"] for row in self.run(self._rows()) if row["_error_type"] == "WorkerLost"}
        for key in spent & given_up:
            jobs_[key].state, jobs_[key].error = "error", "WorkerLost"
        if len(lost) <= most:
            assert spent <= given_up

    def let_time_pass(self) -> None:
        self.run(make.make_due(self.engine, "Stat"))
        for job in self.model.jobs.values():
            job.due = True

    @precondition(lambda self: self.model.leases)
    @rule(which=ANY)
    def complete(self, which: int) -> None:
        lease, key, job = self._lease(which)
        expected: type[LevadaError] | None = None
        if job is None:
            expected = UnknownJob
        elif job.token != lease.token or not (job.state in ("reserved", "success") or job.error == "WorkerLost"):
            expected = LeaseLost
        elif job.state != "success":
            expected = DuplicateEntity if key in self.model.results else None
            expected = expected if key in self.model.source else MissingParent
            if expected is None:
                self.model.results.add(key)
                job.state, job.error, job.shared = "success", None, False
        done = self.run(job_results.complete(self.engine, ME, [make.completed(lease, {"Stat": [{"session": key}]})]))
        assert type(done.outcomes[0]) is (expected or type(None)), done.outcomes[0]

    @precondition(lambda self: self.model.leases)
    @rule(which=ANY, interrupted=st.booleans())
    def fail(self, which: int, *, interrupted: bool) -> None:
        lease, _, job = self._lease(which)
        work = job_results.fail(
            self.engine,
            ME,
            STAT,
            lease.job_id,
            lease.token,
            Failure("E", "", ""),
            duration=NO_TIME,
            code_version="",
            interrupted=interrupted,
        )
        held = job is not None and job.token == lease.token
        if job is not None and held and (job.state == "reserved" or job.error == "WorkerLost"):
            job.error, job.shared = "E", False
            if job.attempt < ATTEMPTS:
                job.state, job.failed_token, job.token, job.session = "pending", lease.token, None, None
                job.due = interrupted
            else:
                job.state = "error"
            assert self.run(work) == job.state
        elif job is not None and (
            (held and job.state == "error" and job.error == "E") or job.failed_token == lease.token
        ):
            assert self.run(work) == ("error" if held else "pending")  # repeated
        else:
            with pytest.raises(UnknownJob if job is None else LeaseLost):
                self.run(work)

    @precondition(lambda self: self.model.leases)
    @rule(which=ANY)
    def release(self, which: int) -> None:
        lease, _, job = self._lease(which)
        count = self.run(jobs.release(self.engine, ME, [(STAT, lease.job_id, lease.token)]))
        held = job is not None and job.state == "reserved" and job.token == lease.token
        assert count == held
        if job is not None and held:
            job.state, job.token, job.session, job.shared = "pending", None, None, False
            job.attempt -= 1

    @rule(key=KEYS, how=st.sampled_from(["ignore", "retry", "cancel"]))
    def ask(self, key: int, how: str) -> None:
        getattr(self, how)(key)

    def ignore(self, key: int) -> None:
        job = self.model.jobs.get(key)
        count = self.run(jobs.ignore(self.engine, ME, STAT, self._one(key)))
        assert count == (job is not None and job.state in ("pending", "error"))
        if job is not None and count:
            job.state, job.token, job.session, job.failed_token = "ignored", None, None, None

    def retry(self, key: int) -> None:
        job = self.model.jobs.get(key)
        count = self.run(jobs.retry(self.engine, ME, STAT, self._one(key)))
        assert count == (job is not None and job.state in ("error", "ignored"))
        if job is not None and count:
            job.pend()

    def cancel(self, key: int) -> None:
        job = self.model.jobs.get(key)
        count = self.run(jobs.cancel(self.engine, ME, STAT, self._one(key)))
        assert count == (job is not None and job.state == "reserved")
        if job is not None and count:
            job.state, job.error = "error", "JobCancelled"

    def _one(self, key: int) -> Restrict:
        return Restrict(JobOperand(STAT), Equalities((("session", key),)))

    def _lease(self, which: int) -> tuple[Lease, Any, Job | None]:
        """Choose a lease that was handed out, with its key, and its job if it still exists."""
        lease = self.model.leases[-1 - which % len(self.model.leases)]
        key = dict(lease.key)["session"]
        job = self.model.jobs.get(key)  # type: ignore[call-overload]  # an integer
        return lease, key, job if job is not None and job.id == lease.job_id else None

    async def _rows(self) -> list[Any]:
        return (await jobs.list_jobs(self.engine, ME, STAT, (), after=0, limit=100))[1]

    # -------------------------------------------------------------------------------- comparison

    @invariant()
    def database_is_as_the_model(self) -> None:
        found = {row["session"]: row for row in self.run(self._rows())}
        assert {
            key: (row["_job_id"], row["_state"], row["_attempt"], row["_lease_token"], row["_shared"])
            for key, row in found.items()
        } == {key: (job.id, job.state, job.attempt, job.token, job.shared) for key, job in self.model.jobs.items()}
        results = {row["session"] for row in self.run(make.fetch(self.engine, "Stat"))}
        assert results == self.model.results
        assert {key for key, job in self.model.jobs.items() if job.state == "success"} <= results
