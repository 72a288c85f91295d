"""What an emulated host must get right, point by point, and the tests that fail when it does not."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

import pytest

HERE = Path(__file__).parent

# point -> what belongs to it -> the tests, by file and function
CHECKLIST: dict[str, dict[str, str]] = {
    "1 zonecfg": {
        "the words are joined to one string": "zones/test_zonecfg: words_are_joined_so_shell_quoting_is_lost",
        "separators and comments": (
            "zones/test_lexer: statements_end_at_semicolons_and_lines a_comment_begins_only_where_a_command_could"
        ),
        "quotes without escapes": (
            "zones/test_lexer: quotes_know_no_escapes a_quoted_value_is_itself a_bare_word_is_itself "
            "an_unclosed_quote_breaks_its_statement_alone"
        ),
        "lists and complex values": (
            "zones/test_lexer: a_comma_separates_only_inside_brackets a_value_of_no_form_is_a_syntax_error"
        ),
        "keywords and nothing as values": "zones/test_files: words_of_the_language_are_values_too",
        "goes on after an error and commits": (
            "zones/test_zonecfg: an_error_stops_nothing_and_all_the_rest_is_committed standard_input_is_a_dialogue"
        ),
        "a file stops and commits": ("zones/test_zonecfg: a_file_stops_at_its_first_error_and_commits_what_was_before"),
        "an open resource commits nothing": "zones/test_zonecfg: an_incomplete_resource_commits_nothing",
        "verified before it is saved": "zones/test_zonecfg: what_does_not_verify_is_not_saved",
        "whole document, no lock, the last one wins": (
            "zones/test_zonecfg: the_document_is_replaced_as_a_whole_without_a_lock"
        ),
        "the index is locked": (
            "zones/test_dialogue: a_session_waits_for_the_index; "
            "zones/test_zonecfg: parallel_sessions_on_different_zones_lose_nothing_in_the_index"
        ),
        "create on an installed zone": ("zones/test_zonecfg: create_on_an_installed_zone_says_no_and_edits_it"),
        "create on a configured zone": (
            "zones/test_zonecfg: create_on_a_configured_zone_ends_the_run; zones/test_dialogue: creating_anew_asks"
        ),
        "templates": "zones/test_zonecfg: templates templates_of_the_system_are_read_only",
        "delete": (
            "zones/test_zonecfg: deleting; "
            "zones/test_dialogue: a_deletion_asks an_installed_zone_is_not_deleted_without_force"
        ),
        "duplicates": "zones/test_zonecfg: resources_are_unique_by_their_key",
        "remove and select": (
            "zones/test_zonecfg: removing_and_selecting a_changed_resource_moves_behind_the_others; "
            "zones/test_dialogue: removing_all_of_a_kind_asks; "
            "zones/test_files: capped_resources_are_selected_without_a_pair"
        ),
        "revert, cancel, exit": "zones/test_dialogue: revert_and_cancel_forget exit_ends_the_run",
        "an unknown zone": (
            "zones/test_zonecfg: an_unknown_zone_is_said_to_be_unknown; "
            "zones/test_dialogue: an_unknown_zone_is_to_be_created"
        ),
        "names, values, exit codes": (
            "zones/test_zonecfg: what_is_refused a_bogus_name_exits_2 a_wrong_command_line_is_usage renaming "
            "a_value_may_have_2047_bytes_and_macs_stay_as_written"
        ),
        "info": (
            "zones/test_zonecfg: info_shows_everything_in_its_order; "
            "zones/test_files: info_shows_the_kinds_in_their_order"
        ),
        "export": (
            "zones/test_zonecfg: an_export_makes_the_same_zone_again; "
            "zones/test_files: what_export_says_of_globals_and_nets"
        ),
        "the files": (
            "zones/test_files: the_document_has_the_form_of_the_real_one the_index_keeps_comments_and_quotes_paths "
            "verify_gives_a_debug_number; "
            "zones/test_lexer: a_configuration_survives_its_document a_document_of_another_writer_is_read"
        ),
    },
    "2 zoneadm list": {
        "eight fields, escaped, active first, ids and uuids": (
            "zones/test_zoneadm: the_list_has_eight_fields_active_zones_first"
        ),
        "flags": "zones/test_zoneadm: the_flags_of_list",
        "question marks, always fresh": "zones/test_zoneadm: the_list_sees_a_changed_configuration",
        "paths with colons": "zones/test_files: the_index_keeps_comments_and_quotes_paths",
    },
    "3 states": {
        "boot of a running and halt of a halted zone exit 0": "conformance/test_states: each_command_in_each_state",
        "who needs which state": "conformance/test_states: each_command_in_each_state the_global_zone_and_an_unknown_one; zones/test_zoneadm: unknown_zones_and_commands",
        "the way from ready to installed": "zones/test_zoneadm: ready_boot_and_halt",
        "detach, attach, move": "zones/test_zoneadm: detach_and_attach move_renames_the_dataset",
        "clone takes the zonepath only": (
            "zones/test_zoneadm: clone_clones_the_zonepath_and_never_a_disk clone_copies_where_it_cannot_clone"
        ),
        "one command at a time": (
            "zones/test_zoneadm: a_second_command_waits_for_the_first a_second_shutdown_is_refused"
        ),
    },
    "4 boot": {
        "exit 0, then installed": "zones/test_brand: a_boot_that_exits_0_and_then_falls_back",
        "what the hook refuses": "zones/test_brand: a_boot_the_hook_refuses",
        "what verification refuses": (
            "zones/test_zoneadm: a_missing_iso_fails_the_verification a_missing_dataset_fails_the_verification "
            "the_index_and_the_configuration_must_agree"
        ),
        "links that cannot be lent": (
            "zones/test_brand: links_that_cannot_be_lent_fail_the_boot a_preset_list_of_addresses_fails_the_boot "
            "an_allowed_address_protects_the_link_only_while_running"
        ),
        "arguments are ignored": "zones/test_zoneadm: arguments_of_boot_change_nothing",
        "devices by pattern": "zones/test_brand: a_device_match_may_be_a_pattern",
        "a boot that is killed": "zones/test_brand: a_boot_killed_half_way_leaves_an_installed_zone",
        "a guest that is killed": "zones/test_brand: a_guest_killed_from_outside_leaves_an_installed_zone",
    },
    "5 the configuration of a boot": {
        "a reset keeps it, a boot takes the new one": (
            "zones/test_brand: a_running_zone_keeps_the_configuration_it_booted_with"
        ),
        "VNICs on demand, MAC written back": (
            "zones/test_brand: a_vnic_on_demand_lives_as_long_as_the_zone vlan_0_is_none_and_a_mac_is_kept"
        ),
        "a VNIC that is there": "zones/test_brand: a_vnic_that_is_there_is_taken_as_it_is",
        "leaks and losses by editing": (
            "zones/test_brand: a_net_removed_while_running_leaks_its_vnic "
            "a_premade_vnic_is_taken_as_it_is_and_deleted_if_global_nic_is_added"
        ),
        "the automatic link": (
            "zones/test_brand: global_nic_auto_follows_the_routes global_nic_auto_without_a_route "
            "global_nic_auto_needs_an_address"
        ),
        "bootnext": "zones/test_brand: bootnext_is_for_one_boot",
    },
    "6 stopping": {
        "a deaf guest, its shutdown, its power switch": ("zones/test_brand: a_deaf_guest_holds_up_shutdown_and_halt"),
        "halt waits and wins": "zones/test_brand: halt_takes_a_deaf_guest_away_in_the_end",
        "what comes meanwhile waits": "zones/test_zoneadm: a_second_command_waits_for_the_first",
        "guests end with the lab": (
            "zones/test_brand: ending_the_lab_ends_its_guests; "
            "test_ending: a_guest_is_found_however_its_command_was_called a_guest_does_not_outlive_its_folder "
            "a_guest_does_not_go_over_to_a_new_host_of_the_same_name; test_main: down_ends_what_runs"
        ),
    },
    "7 install and uninstall": {
        "a dataset of its own": (
            "zones/test_zoneadm: install_makes_a_dataset_under_a_mounted_parent install_reuses_a_dataset_that_is_there"
        ),
        "no dataset, left-over root": (
            "zones/test_zoneadm: install_fails_without_a_dataset_and_with_a_left_over_root "
            "install_takes_no_options_of_the_brand"
        ),
        "paths": "zones/test_zoneadm: zonepaths_may_not_overlap who_may_write_beside_the_zonepath",
        "uninstall takes what is below": "zones/test_zoneadm: uninstall_takes_volumes_below_with_it",
        "what holds uninstall back": (
            "zones/test_zoneadm: a_clone_below_blocks_uninstall uninstall_refuses_what_is_mounted_below_the_root"
        ),
        "nothing is left of a life": "zones/test_brand: zones_live_side_by_side",
    },
    "8 zfs": {
        "messages": (
            "zfs/test_messages: what_is_refused_says_why; zfs/test_creating: what_may_not_be_is_refused_in_its_words; "
            "zfs/test_transcript: every_command_of_the_transcript_says_the_same; "
            "zfs/test_lineage: what_cannot_be_renamed_is_said"
        ),
        "dependent clones": "zfs/test_destroying: dependent_clones_elsewhere_hold_a_tree_back",
        "busy while a zone runs": (
            "zfs/test_destroying: a_volume_of_a_running_zone_is_busy a_recursive_destroy_goes_on_past_what_is_busy; "
            "zones/test_brand: a_volume_of_a_running_zone_is_busy"
        ),
        "children": (
            "zfs/test_messages: what_is_refused_says_why; zfs/test_destroying: a_zones_tree_goes_with_all_that_is_stored"
        ),
        "holds": (
            "zfs/test_destroying: a_held_snapshot_stays_until_released "
            "a_deferred_destroy_happens_with_the_last_reason_to_wait"
        ),
        "sizes of volumes": (
            "zfs/test_creating: a_volume_has_its_size_in_whole_blocks; "
            "zfs/test_messages: a_volume_may_be_larger_or_smaller_later"
        ),
        "reservations and room": (
            "zfs/test_creating: a_volume_reserves_its_room_unless_sparse "
            "a_reservation_grows_and_shrinks_with_the_volume a_snapshot_of_a_full_volume_needs_room_again "
            "a_quota_limits_what_is_below"
        ),
        "create -p": "zfs/test_creating: parents_are_made_and_what_is_there_is_borne",
        "sources of properties": (
            "zfs/test_showing: a_user_property_is_inherited_visibly native_sources; "
            "zfs/test_streams: properties_that_travel_are_received"
        ),
        "order": "zfs/test_showing: order_is_by_name_with_snapshots_by_age sorting_by_columns",
        "exact values": "zfs/test_showing: exact_values",
        "list and get": (
            "zfs/test_showing: names_types_and_depth_choose one_missing_name_does_not_hide_the_others "
            "nothing_to_show_is_said_to_people_only a_mistake_of_usage_exits_with_2 "
            "a_value_that_may_not_be_is_refused"
        ),
        "snapshots, clones, promotion": (
            "zfs/test_lineage: snapshots_of_one_command_are_taken_together_or_not_at_all "
            "a_clone_begins_as_the_snapshot_and_goes_its_way promotion_turns_origin_and_clone_around "
            "rollback_past_clones_needs_a_capital_letter rollback_brings_the_content_back "
            "renaming_takes_everything_along; zfs/test_destroying: a_range_and_a_list_of_snapshots"
        ),
        "receiving": "zfs/test_streams: a_target_that_is_there_needs_force an_increment_needs_its_base",
        "pools": (
            "zfs/test_pools: the_table_of_pools a_missing_pool_is_said health no_pools_is_said "
            "a_mistake_of_usage_exits_with_2"
        ),
        "device nodes": "zfs/test_creating: a_device_node_leads_to_the_content",
    },
    "9 dladm": {
        "names of links": (
            "net/test_names: a_name_that_ends_in_a_number_is_good a_name_without_a_proper_number_is_refused"
        ),
        "MACs without zeros": "net/test_names: a_mac_loses_its_leading_zeros_and_nothing_else",
        "automatic MACs": "net/test_names: a_random_mac_is_unicast_with_the_illumos_prefix",
        "escaped with more than one field": (
            "net/test_dladm: more_than_one_parsable_field_is_escaped_and_one_is_not without_words_it_shows_links"
        ),
        "messages": (
            "net/test_dladm: what_is_wrong_is_said_on_stderr_with_exit_1 a_usage_error_exits_with_1_too "
            "an_unknown_field_in_the_human_form_is_a_warning"
        ),
        "busy, and shown with its zone": (
            "net/test_dladm: a_lent_vnic_shows_its_zone_and_is_busy a_plumbed_vnic_is_busy_until_its_interface_is_gone"
        ),
        "persistent and temporary": "net/test_dladm: temporary_links_are_not_in_the_persistent_list",
        "VLANs, bridges, aggregations": (
            "net/test_dladm: a_vlan_names_itself a_bridge_has_members an_aggregation_needs_a_free_link"
        ),
        "properties": "net/test_dladm: link_properties_are_set_and_reset",
    },
    "10 the console": {
        "a terminal is needed": "guests/test_zlogin: a_console_needs_a_terminal",
        "one client": "guests/test_zlogin: one_client_at_a_time a_killed_client_frees_the_console",
        "notices": (
            "guests/test_zlogin: a_client_of_a_halted_zone_sees_the_whole_next_boot a_zone_that_is_made_ready_says_so "
            "disconnecting_with_the_halt"
        ),
        "the escape": (
            "guests/test_zlogin: the_escape_counts_only_at_the_beginning_of_a_line "
            "without_an_escape_a_tilde_is_ordinary an_end_of_file_behind_the_escape_ends_the_session_too"
        ),
        "what nobody reads is lost": (
            "guests/test_zlogin: what_nobody_listens_to_is_lost a_client_that_does_not_read_does_not_stop_the_guest"
        ),
        "a dialogue with a getty": (
            "guests/test_personalities: debian_takes_a_netplan linux_ifconfig_has_interfaces_files "
            "omnios_is_root_without_sudo windows_has_a_command_prompt_behind_sac a_wrong_password_is_incorrect"
        ),
        "a silent guest": (
            "guests/test_zlogin: a_guest_without_words_has_a_silent_console; "
            "guests/test_personalities: a_boot_may_end_elsewhere"
        ),
        "a command does not reach the guest": "guests/test_zlogin: what_zlogin_refuses",
        "a socket instead": "guests/test_zlogin: a_console_on_a_socket_is_not_zlogins",
    },
    "11 the screen": {
        "a socket while it runs and vnc is set": "zones/test_brand: vnc_is_there_only_while_the_zone_runs",
        "ten at once": "zones/test_brand: ten_may_look_at_once",
    },
    "12 cloud-init": {
        "made at each boot, for the same instance": (
            "zones/test_brand: cloud_init_files_are_made_at_each_boot_for_the_same_instance"
        ),
        "the serial number": "zones/test_brand: the_serial_number_tells_where_the_data_is",
        "a file instead": "zones/test_brand: a_file_of_user_data_is_taken_whole",
        "no address, no network-config": "zones/test_brand: without_an_allowed_address_resolvers_are_not_passed",
    },
    "13 privileges": {
        "zonecfg": "zones/test_zonecfg: without_privilege_nothing_is_changed",
        "zoneadm": (
            "zones/test_zoneadm: without_privilege_only_looking_is_possible authorisation_is_asked_of_the_person"
        ),
        "zfs": "zfs/test_creating: an_unprivileged_caller_may_only_look",
        "dladm": "net/test_dladm: an_unprivileged_caller_is_denied",
        "zlogin": "guests/test_zlogin: what_zlogin_refuses",
        "bhyvectl": "zones/test_brand: the_buttons_need_privilege",
        "svcadm": "smf/test_services: an_unprivileged_caller_is_denied",
        "pfexec": (
            "test_shim: pfexec_runs_a_command_with_the_callers_profiles pfexec_runs_what_is_no_command_of_the_host"
        ),
    },
    "14 time": {
        "looking is quick": (
            "test_shim: a_command_needs_no_heavy_module; zones/test_zoneadm: listing_a_thousand_zones_is_quick; "
            "zfs/test_showing: a_large_host_answers_quickly"
        ),
        "time is scaled": "test_world: settings_change_at_once_and_go_back",
        "a command may be slow, or hang": (
            "test_faults: a_slow_command_takes_its_time_and_works a_hung_command_is_on_record_and_ends_by_a_signal; "
            "test_ending: a_hung_command_does_not_outlive_its_folder"
        ),
        "a transfer that can be killed": (
            "zfs/test_streams: a_slow_pipe_can_be_killed_and_leaves_nothing a_sender_whose_reader_is_gone_ends "
            "a_sender_whose_reader_does_not_read_ends_by_a_signal "
            "a_stream_that_breaks_off_leaves_nothing what_a_killed_receiver_left_is_swept"
        ),
    },
}


def named(text: str) -> list[tuple[str, str]]:
    """Return (file, function) of each test an entry names."""
    found = []
    for part in text.split(";"):
        file, _, names = part.strip().partition(": ")
        found += [(f"{file}.py", f"test_{name}") for name in names.split()]
    return found


def functions(file: str) -> Counter[str]:
    """Return the functions of a file at its top level."""
    tree = ast.parse((HERE / file).read_text(encoding="utf-8"))
    return Counter(node.name for node in tree.body if isinstance(node, ast.FunctionDef))


@pytest.mark.parametrize("point", CHECKLIST)
def test_each_point_is_proved(point: str) -> None:
    """Everything that belongs to a point has tests, and each of them exists once."""
    there = {file: functions(file) for text in CHECKLIST[point].values() for file, _ in named(text)}
    for part, text in CHECKLIST[point].items():
        tests = named(text)
        assert tests, part
        missing = [f"{file}::{name}" for file, name in tests if there[file][name] != 1]
        assert not missing, (part, missing)


def test_the_points_are_all_there() -> None:
    """Fourteen points, numbered, none of them empty."""
    assert [point.split()[0] for point in CHECKLIST] == [str(number) for number in range(1, 15)]
    assert all(CHECKLIST.values())
