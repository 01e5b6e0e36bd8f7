"""Whatever dies while keys are computed, each is committed exactly once. `make drills` runs the same at full size."""

from __future__ import annotations

from benchmarks import drills


def test_nothing_is_lost_or_doubled_whatever_is_killed_or_cut(database_url: str) -> None:
    drills.blows(database_url, drills.SMALL)


def test_refreshes_and_deletes_beside_workers_keep_jobs_and_results_in_step(database_url: str) -> None:
    assert drills.beside_each_other(database_url, drills.SMALL)["deleted"] >= drills.SMALL.keys // 2


def test_late_result_of_a_stopped_worker_is_refused_once_taken_over(database_url: str) -> None:
    assert drills.stopped_and_replaced(database_url, 2) == {"success": 2, "lost": 2}


def test_late_result_of_a_stopped_worker_is_welcome_before(database_url: str) -> None:
    assert drills.stopped_and_awaited(database_url, 2) == {"success": 2}


def test_worker_learns_of_success_though_the_answer_was_cut(database_url: str) -> None:
    assert drills.cut_answers(database_url, 2) == {"success": 2}
