"""Attacks on readers, each with the tests that show what becomes of it.

`ATTACKS` maps every row of the threat model's attack table to tests of this folder; DESIGN.md prints the same table
between the marks `<!-- attacks -->` and `<!-- /attacks -->`, and `test_table` holds one against the other.
"""

from __future__ import annotations

_MIRRORS = "test_mirrors.py"
_KEYS = "test_keys.py"

ATTACKS: dict[str, tuple[str, ...]] = {
    "Tampered pack": (f"{_MIRRORS}::test_a_pack_that_was_changed_is_refused",),
    "Wrong article served": (f"{_MIRRORS}::test_another_article_than_the_one_asked_for_is_refused",),
    "Rollback": (
        f"{_MIRRORS}::test_a_mirror_cannot_roll_back_a_reader_who_was_here_before",
        f"{_KEYS}::test_a_slow_reader_does_not_undo_what_another_one_learnt",
    ),
    "Freeze": (
        f"{_MIRRORS}::test_a_mirror_that_stands_still_is_stale_when_the_next_edition_is_due",
        f"{_MIRRORS}::test_a_mirror_that_is_behind_another_one_is_stale_for_a_first_visitor_too",
        f"{_MIRRORS}::test_an_older_edition_cannot_pass_for_the_newest_under_todays_checkpoint",
    ),
    "Mix-and-match": (
        f"{_MIRRORS}::test_files_of_different_days_cannot_be_mixed",
        f"{_MIRRORS}::test_a_mirror_that_is_pushed_to_while_it_is_read_raises_no_alarm",
        f"{_MIRRORS}::test_swapped_tiles_are_named",
    ),
    "Equivocation": (
        f"{_KEYS}::test_two_mirrors_that_show_two_histories_are_caught_by_comparing_them",
        f"{_KEYS}::test_a_history_that_too_few_witnesses_saw_is_not_believed",
        f"{_KEYS}::test_a_history_as_short_as_before_the_witnesses_is_not_fresh",
        f"{_KEYS}::test_noise_raises_no_alarm_of_two_histories",
    ),
    "Forged article": (f"{_KEYS}::test_an_article_that_somebody_else_signed_is_refused",),
    "Endless data": (
        f"{_MIRRORS}::test_data_without_end_is_cut_off",
        f"{_MIRRORS}::test_a_bomb_does_not_go_off",
    ),
    "Slow retrieval": (f"{_MIRRORS}::test_a_mirror_that_gives_every_file_in_the_last_moment_is_given_up",),
    "Odd or redirecting host": (
        f"{_MIRRORS}::test_a_redirect_to_another_host_is_not_followed",
        f"{_MIRRORS}::test_hosts_that_say_oddly_that_there_is_no_newer_root",
    ),
    "Online key theft": (f"{_KEYS}::test_a_stolen_online_key_changes_nothing_that_readers_believe",),
    "Publisher key theft": (
        f"{_KEYS}::test_a_publisher_key_that_was_revoked_signs_nothing_more",
        f"{_KEYS}::test_an_edition_dated_ahead_is_not_fresh",
    ),
    "Log key theft, backdating": (
        f"{_KEYS}::test_a_stolen_log_key_can_do_nothing_once_the_log_is_frozen",
        f"{_KEYS}::test_a_thief_does_not_keep_readers_away_once_his_log_is_frozen",
        f"{_KEYS}::test_a_new_log_with_another_key_than_was_announced_is_noted",
    ),
    "Root keys below the threshold": (
        f"{_KEYS}::test_root_keys_below_the_threshold_convince_nobody",
        f"{_KEYS}::test_a_chain_of_roots_that_does_not_hold_is_refused",
        f"{_KEYS}::test_a_root_key_that_counted_alone_once_accuses_nobody_when_it_is_one_of_three",
    ),
    "Offline threshold theft": (f"{_KEYS}::test_two_trust_files_of_one_version_are_evidence_against_the_root_keys",),
    "Targeted trust.json": (
        f"{_KEYS}::test_a_trust_file_made_for_one_reader_is_refused",
        f"{_KEYS}::test_two_trust_files_of_one_version_are_evidence_against_the_root_keys",
    ),
    "Malicious mirror's reader page": (f"{_MIRRORS}::test_hostile_pages_on_a_mirror_convince_nobody_and_alarm_nobody",),
    "Article page draws “verified”": (f"{_MIRRORS}::test_a_page_that_draws_verified_is_compared_with_its_bundle",),
    "Coerced history rewrite": (f"{_KEYS}::test_a_history_that_was_rewritten_is_evidence_to_who_saw_the_one_before",),
    "Takedown for safety": (
        f"{_KEYS}::test_what_was_withdrawn_is_gone_and_readers_are_told",
        f"{_KEYS}::test_a_mirror_that_keeps_what_was_withdrawn_is_behind",
    ),
}
