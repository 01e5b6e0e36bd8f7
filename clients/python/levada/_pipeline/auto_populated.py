"""Tables whose rows come from `make`: their key source, their progress, and their computation."""

from __future__ import annotations

import logging
import os
import sys
from functools import reduce
from operator import mul
from typing import TYPE_CHECKING, Any, ClassVar

from levada._base.config import config
from levada._base.errors import InvalidDefinition, InvalidRequest, PreconditionFailed
from levada._base.progress import is_for_people
from levada._jobs import job_calls
from levada._jobs.computing import Computing, has_make, own_key_source
from levada._jobs.job_table import Jobs
from levada._net.job_context import job_of
from levada._pipeline.lineage import upstream
from levada._pipeline.populate import Selection, collect, populate_here, populate_in_processes, populate_on_engine
from levada._pipeline.recomputation import Recomputation, recompute, replace_stale
from levada._pipeline.staleness import FEW_RESULTS, Staleness, verdicts
from levada._query.class_level import CLASS_LEVEL, on_class, property_on_class
from levada._query.restriction import AndList

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from levada._pipeline.lineage import Lineage
    from levada._query.relation import Relation
    from levada._tables.table import Table

CLASS_LEVEL.add("key_source")

_LOG = logging.getLogger("levada")


class AutoPopulated(Computing):
    """A table whose rows come from its `make` and can be computed from here."""

    _abstract: ClassVar[bool] = True

    _told_of_stale: ClassVar[bool] = False

    @property
    def key_source(self) -> Relation:
        """The key source: the join of the tables that the primary key refers to, unless the class defines another."""
        parents = self.parents(primary=True, as_objects=True, foreign_key_info=True)
        if not parents:
            raise InvalidDefinition(
                f"`{type(self).__name__}` refers to no table in its primary key, so it needs its own key_source."
            )
        return reduce(mul, [_keys(parent, info["attr_map"]) for parent, info in parents])

    @property_on_class
    def target(self) -> Table:
        """The table whose rows `make` inserts: this one."""
        return self

    @property
    def upstream(self) -> Lineage:
        """The rows that the current key depends on: inside `make`, `self.upstream[Session]` is the part it may read.

        Each table upstream, and each part of one, is restricted to the key along the foreign keys.

        Raises:
            InvalidRequest: No `make` is running.
        """
        job = job_of(self.connection)
        if job is None:
            raise InvalidRequest("`upstream` is only available inside make, where there is a key.")
        return upstream(self, job)

    @property_on_class
    def jobs(self) -> Jobs:
        """The jobs of this table: their keys, workers and outcomes."""
        return Jobs(self.connection, self._name, self._source)

    @on_class
    def staleness(self) -> Staleness:
        """Return whether each result is still true: its key, a `state` and a `reason`.

        The state is `fresh`, `stale` or `unknown`. A result is stale if its code differs from what this process would
        run, if what its `make` read has changed, or if a result upstream is stale. It is unknown if `make` read data
        outside the database, or if the result was inserted by hand. The server compares inputs that may have changed
        since it last looked.
        """
        return verdicts(self)

    @on_class
    def stale(self) -> Staleness:
        """Return the results that other code or other inputs would compute differently, with the reason."""
        return verdicts(self).stale

    @on_class
    def recompute(
        self,
        *restrictions: object,
        tolerance: Mapping[str, float] | None = None,
        make_kwargs: Mapping[str, Any] | None = None,
        suppress_errors: bool = False,
    ) -> Recomputation:
        """Compute results again, and compare them with what is stored; nothing is replaced until that is confirmed.

        `make` runs under a lease that reserves nothing, and its inserts are kept here. Only results of jobs can be
        computed again, not rows that were inserted by hand.

        Args:
            restrictions: Only results that meet these, such as `Rate.stale()`.
            tolerance: The largest absolute difference that counts as none, by attribute, in its unit; also within
                arrays and other values of a blob. By default values must be equal.
            make_kwargs: Further arguments of `make`.
            suppress_errors: Continue after an error of a `make`; see `errors` of what is returned.

        Returns:
            The comparison, which shows itself; its `confirm()` replaces the results.

        Raises:
            InvalidRequest: The table has no `make`, or is restricted.
            PreconditionFailed: `make` writes by itself, or reads what it has inserted.
            Exception: The first that a `make` raised, unless `suppress_errors`.
        """
        self._check_populate()
        return recompute(
            self,
            self._results(restrictions),
            tolerance=tolerance or {},
            make_kwargs=make_kwargs or {},
            suppress_errors=suppress_errors,
        )

    def _results(self, restrictions: Sequence[object]) -> Relation | None:
        """Return the keys of the results that meet some restrictions; None for all."""
        return self.proj() & AndList(restrictions) if restrictions else None

    @on_class
    def progress(self, *restrictions: object, display: bool = False) -> tuple[int, int]:
        """Return the progress of the table.

        Args:
            restrictions: Count only keys of the key source that meet these.
            display: Also write it to standard output.

        Returns:
            The number of keys that are not computed yet, and the number of all keys.
        """
        answer = job_calls.progress(self.connection, [self._name], self._source(restrictions, None))[0]
        remaining, total = answer.remaining_count, answer.total_count
        if display:
            done = total - remaining
            share = 100 * done / total if total else 100.0
            sys.stdout.write(f"{type(self).__name__:<20} completed {done} of {total} ({share:.1f} %)\n")
        return remaining, total

    @on_class
    def populate(
        self,
        *restrictions: object,
        suppress_errors: bool = False,
        return_exception_objects: bool = False,
        reserve_jobs: bool = False,
        max_calls: int | None = None,
        display_progress: bool | None = None,
        processes: int | None = 1,
        make_kwargs: Mapping[str, Any] | None = None,
        priority: int | None = None,
        refresh: bool | None = None,
        order: str = "original",
        limit: int | None = None,
        keys: Sequence[Mapping[str, Any]] | None = None,
        engine: object = None,
        stale: bool = False,
        prefetch: bool = True,
    ) -> dict[str, Any]:  # Any: a number and a list
        """Call `make` for every key of the key source that is not in the table yet.

        It works under leases, beside other populates and workers: no key is committed twice. The inserts of a `make`
        are committed when it ends, all or nothing. A `make` that inserts nothing is called again by the next populate,
        and by workers after a delay; under the contract `"on"` it is an error.

        Args:
            restrictions: Compute only keys of the key source that meet these.
            suppress_errors: Continue after an error; all errors are kept with their jobs, see `jobs.errors`.
            return_exception_objects: Return exceptions rather than their messages.
            reserve_jobs: Skip keys that failed before; otherwise they are tried again.
            max_calls: Call `make` at most this often.
            display_progress: Show the progress, with the number of errors; None: in a notebook and on a terminal.
            processes: Compute in this many processes, None for one per processor core; they must be able to import the
                class.
            make_kwargs: Further arguments of `make`.
            priority: The urgency of new jobs, 0 first; less urgent jobs are not taken.
            refresh: False: compute only keys that have a job already. With `reserve_jobs` it is by default the setting
                `jobs.auto_refresh`.
            order: `"original"` (most urgent first), `"reverse"` or `"random"`; with one process.
            limit: Consider at most this many keys.
            keys: Compute only these keys.
            engine: Compute in a Dask client, or an executor of `concurrent.futures`. Its processes must reach the
                server and be able to import the class.
            stale: Also compute results again that are stale, here and after the missing ones, and replace each. Without
                it they stay, and the log says once how many there are.
            prefetch: Fetch the inputs of several keys at once, a moment before `make` asks for them; see
                `prefetch` of the class.

        Returns:
            `success_count`, the number of computed keys, and `error_list`, pairs of a key and its error.

        Raises:
            InvalidRequest: The table has no `make`, or is restricted, or an argument is wrong.
            Exception: The first that a `make` raised, unless `suppress_errors`.
        """
        self._check_populate()
        processes = (os.cpu_count() or 1) if processes is None else processes
        if processes < 1:
            raise InvalidRequest(f"processes must be at least 1, not {processes}.")
        if engine is not None and processes != 1:
            raise InvalidRequest("Pass either processes or an engine: the engine has its own number of processes.")
        source = self._source(restrictions, keys)
        if refresh is None:
            refresh = config["jobs.auto_refresh"] or not reserve_jobs
        if refresh:
            job_calls.refresh(
                self.connection,
                self._name,
                source,
                priority=priority,
                retry_errors=not reserve_jobs,
                ask_unready=True,
            )
        all_jobs = jobs = self.jobs
        if source is not None:
            # On names alone: they are the table's, whatever the source computes them from.
            jobs = jobs.restrict(source.proj(*jobs.primary_key), semantic_check=False)
        if priority is not None:
            jobs = jobs.at_least(priority)
        selection = Selection(self, all_jobs, jobs, order, limit, max_calls, make_kwargs or {}, prefetch)
        if engine is not None:
            populating = populate_on_engine(selection, engine)
        elif processes == 1:
            populating = populate_here(selection)
        else:
            populating = populate_in_processes(selection, processes)
        progress = is_for_people() if display_progress is None else display_progress
        with populating as outcomes:
            summary = collect(
                outcomes,
                progress=selection.progress() if progress else None,
                suppress_errors=suppress_errors,
                return_exception_objects=return_exception_objects,
            )
        if not stale:
            self._tell_of_stale()
            return summary
        results = self.stale()
        if source is not None:
            results = results.restrict(source.proj(*results.primary_key), semantic_check=False)
        left = None if max_calls is None else max_calls - summary["success_count"] - len(summary["error_list"])
        count, errors = replace_stale(
            self,
            results,
            make_kwargs=make_kwargs or {},
            suppress_errors=suppress_errors,
            return_exception_objects=return_exception_objects,
            max_calls=left,
        )
        return {
            "success_count": summary["success_count"] + count,
            "error_list": summary["error_list"] + errors,
        }

    def _tell_of_stale(self) -> None:
        """Say once for each class that results are stale, if there are few enough to find out quickly."""
        kind = type(self)
        if kind._told_of_stale:
            return
        if len(self) > FEW_RESULTS:
            return
        count = len(self.stale())
        if count:
            kind._told_of_stale = True
            one = (
                f"{count} result of `{kind.__name__}` is" if count == 1 else f"{count} results of `{kind.__name__}` are"
            )
            _LOG.warning(
                f"{one} stale: other code or other inputs would give another. {kind.__name__}.stale() says why, and "
                "populate(stale=True) recomputes."
            )

    def _check_populate(self) -> None:
        if not has_make(type(self)):
            raise InvalidRequest(
                f"`{type(self).__name__}` has no make, so it cannot be populated: give its class a method "
                "make(self, key), or make_fetch, make_compute and make_insert."
            )
        if self._restricted_here():
            raise InvalidRequest(
                f"populate works on the whole table; pass the restriction to it: {type(self).__name__}.populate(…)."
            )
        if self.connection.in_transaction:
            raise PreconditionFailed(
                "populate commits each key by itself, and a transaction is open; end it before populate."
            )

    def _source(
        self, restrictions: Sequence[object], keys: Sequence[Mapping[str, Any]] | None = None
    ) -> Relation | None:
        """The restricted key source, if it differs from the one that the server knows."""
        source = own_key_source(self)
        if source is None:
            if not restrictions and keys is None:
                return None
            source = self.key_source
        if restrictions:
            source &= AndList(restrictions)
        return source if keys is None else source & list(keys)


def _keys(parent: Table, attribute_map: dict[str, str]) -> Relation:
    """Return the keys of a parent under the child's names."""
    return parent.proj(**{child: name for child, name in attribute_map.items() if child != name})
