"""Each feature in docs/matlab/features.md is shown by a shared case, or by a test of each client that has it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "matlab" / "features.md"

# The tests of the Python client and of the MATLAB client, or the name of a shared case. Empty: the client lacks it.
SHOWN_BY: dict[str, tuple[str, str] | str] = {
    "restrict, project, aggregate, join, unite": "operators",
    "insert, update, delete": "changes",
    "plan of a delete": ("test_a_plan_deletes_nothing_else", "test_delete_cascades_as_planned"),
    "files that nobody changes any more": (
        "test_only_files_that_nobody_changes_are_yielded",
        "test_both_clients_find_the_same_files",
    ),
    "content of stores that is compared with its hash": (
        "test_a_file_that_was_changed_is_told",
        "test_damaged_bytes_of_a_store_are_never_returned",
    ),
    "find rows that insert would refuse": (
        "test_validate_asks_everything_that_an_insert_would",
        "test_rows_at_fault_are_found_before_they_are_inserted",
    ),
    "transactions": ("test_declaring_and_jobs_are_no_part_of_it", "test_jobs_are_not_part_of_transactions"),
    "alter a table": ("test_tables_are_altered_to_their_classes_after_asking", "test_a_table_is_altered_to_its_class"),
    "rename a schema": ("test_a_schema_keeps_its_tables_under_another_name", "test_a_schema_is_renamed"),
    "contract of make": (
        "test_a_write_elsewhere_is_refused_where_the_contract_is_held",
        "test_the_contract_of_make_is_set_for_a_schema",
    ),
    "write classes for tables": (
        "test_the_saved_file_declares_the_same_tables",
        "test_classes_are_written_for_tables_that_have_none",
    ),
    "populate some keys, in an order, with a limit": (
        "test_calls_keys_and_order_can_be_limited",
        "test_populate_takes_keys_order_limit_and_priority",
    ),
    "priorities of jobs": ("test_urgent_jobs_can_be_taken_alone", "test_less_urgent_jobs_are_not_taken"),
    "make in three parts, with further inputs": (
        "test_make_may_have_three_steps_and_arguments",
        "test_a_make_in_three_parts_takes_further_inputs",
    ),
    "retry, ignore and cancel jobs": (
        "test_failed_jobs_are_shown_and_acted_upon",
        "test_failed_jobs_are_retried_ignored_and_counted",
    ),
    "workers": ("test_number_of_jobs_can_be_limited", "test_a_worker_computes_until_all_is_done"),
    "inputs of several keys at once": (
        "test_reads_of_several_keys_are_one_call",
        "test_inputs_of_several_keys_come_at_once",
    ),
    "progress in one line": ("test_progress_is_shown", "test_progress_is_shown_in_one_line"),
    "stale results, and computing them again": (
        "test_results_are_stale_once_their_inputs_change",
        "test_recompute_compares_and_replaces_only_when_confirmed",
    ),
    "rows that others depend on, or that depend on others": (
        "test_cascade_gives_the_rows_that_depend_on_a_row",
        "test_rows_are_followed_to_what_depends_on_them",
    ),
    "what lies upstream of a key": (
        "test_a_job_records_what_it_read_and_wrote",
        "test_a_make_reads_what_lies_upstream_of_its_key",
    ),
    "diagrams with counts": ("test_any_diagram_counts_rows_and_jobs", "test_a_diagram_counts_rows_and_jobs"),
    "values in stores": ("test_any_value_comes_back_from_the_server", "test_values_go_into_a_store_and_come_back"),
    "arrays in stores": ("test_an_array_comes_back", "test_arrays_go_into_npy_files_and_come_back"),
    "files and folders in stores": ("test_a_folder_comes_back_whole", "test_folders_and_bytes_become_objects"),
    "files that are in a store already": (
        "test_a_file_in_its_store_is_registered_where_it_lies",
        "test_a_file_in_a_store_is_registered_in_its_place",
    ),
    "log in by a browser": ("test_a_user_logs_in_and_gets_a_token", "test_a_login_shows_the_page_and_keeps_the_token"),
    "make, list and revoke tokens": (
        "test_users_and_tokens_are_told_to_programs",
        "test_tokens_are_made_listed_and_revoked",
    ),
    "new rows that come by themselves": (
        "test_two_workers_insert_each_row_once",
        "test_a_worker_discovers_rows_and_computes_what_they_make_possible",
    ),
    "several servers of one database": (
        "test_several_addresses_take_turns_and_an_unknown_host_is_left_out",
        "test_calls_go_on_at_the_other_server_when_one_is_killed",
    ),
    "export of provenance": ("test_provenance_is_valid_prov", ""),
    "codecs of one's own": ("test_a_codec_that_stores_otherwise_is_a_difference_and_can_be_altered", ""),
    "staged inserts": ("test_files_of_a_staged_folder_are_replaced_and_removed", ""),
}


def _rows() -> list[list[str]]:
    lines = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in lines[2:]]


def _has_test(pattern: str, *folders: str) -> bool:
    files = [file for folder in folders for file in (ROOT / "tests").glob(folder)]
    return any(re.search(pattern, file.read_text(encoding="utf-8"), re.MULTILINE) for file in files)


@pytest.mark.parametrize("row", _rows(), ids=lambda row: row[0])
def test_a_feature_is_shown_by_tests(row: list[str]) -> None:
    feature, _, python, matlab = row
    shown = SHOWN_BY[feature]
    if isinstance(shown, str):
        assert (ROOT / "tests" / "cases" / f"{shown}.json").exists()
        return
    for name, cell, patterns, folders in (
        (shown[0], python, (r"^(?:async )?def {}\(",), ("clients/python/**/*.py", "rpc/test_logins.py")),
        (shown[1], matlab, (r"^function {}\(", r"^(?:async )?def {}\("), ("clients/matlab/*.m", "clients/matlab/*.py")),
    ):
        assert (cell == "no") == (not name), f"{cell}: {name or 'nothing'} shows it"
        if name:
            assert any(_has_test(pattern.format(name), *folders) for pattern in patterns), f"there is no test {name}"


def test_no_feature_is_shown_that_the_page_lacks() -> None:
    assert set(SHOWN_BY) == {row[0] for row in _rows()}
