"""The stages of a pipeline: which have something to do, and how far they are."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoneweaver.domain.pipeline import KINDS, Options, Stage, current, progress, skips
from zoneweaver.domain.tasks import Status, Task

FULL: dict[str, Any] = {
    "recipe_id": "r",
    "artifact_id": "a",
    "mode": "shell",
    "sync_folders": [{}],
    "provisioners": [{}],
}
NOW = datetime(2026, 11, 26, tzinfo=UTC)


def task(stage: Stage, status: Status, **info: Any) -> Task:
    """A stage's task."""
    return Task(
        id=stage.value,
        zone_name="web",
        operation=KINDS[stage].value,
        status=status,
        priority=60,
        created_by="x",
        depends_on=None,
        parent_task_id="p",
        error_message=None,
        created_at=NOW,
        started_at=None,
        completed_at=None,
        updated_at=NOW,
        metadata={"stage": stage.value},
        progress_percent=0,
        progress_info=info,
    )


def test_a_full_configuration_leaves_nothing_out() -> None:
    """Every stage has something to do."""
    assert skips(FULL, Options()) == {}


@pytest.mark.parametrize(
    ("missing", "stage", "why"),
    [
        ("artifact_id", Stage.EXTRACT, "no artifact is configured"),
        ("recipe_id", Stage.SETUP, "no recipe is configured"),
        ("sync_folders", Stage.SYNC, "no folders are configured"),
        ("provisioners", Stage.PROVISION, "no provisioners are configured"),
    ],
)
def test_what_is_not_configured_is_left_out(missing: str, stage: Stage, why: str) -> None:
    """With the reason, and nothing else with it."""
    assert skips({name: value for name, value in FULL.items() if name != missing}, Options()) == {stage: why}


def test_what_was_asked_for_is_left_out() -> None:
    """By option, by mode, and what lies before the beginning."""
    assert set(skips(FULL, Options(skip_boot=True, skip_recipe=True))) == {Stage.BOOT, Stage.SETUP}
    assert set(skips({**FULL, "mode": "none"}, Options())) == {Stage.PROVISION}
    found = skips({}, Options(begin=Stage.SYNC))
    assert [stage for stage, why in found.items() if why == "the pipeline begins with sync"] == [
        stage for stage in found if stage in {Stage.EXTRACT, Stage.BOOT, Stage.SETUP, Stage.WAIT_SSH}
    ]


@given(st.sampled_from(Stage), st.sampled_from(Status))
def test_each_stage_says_how_far_it_is(stage: Stage, status: Status) -> None:
    """A running one is in progress; one without a task is pending."""
    shown = progress([task(stage, status)])
    assert list(shown) == [each.value for each in Stage]
    assert shown.pop(stage.value) == ("in_progress" if status is Status.RUNNING else status.value)
    assert set(shown.values()) == {"pending"}


def test_one_that_had_nothing_to_do_is_skipped() -> None:
    """Only at its end."""
    assert progress([task(Stage.SYNC, Status.COMPLETED, skipped="why")])["sync"] == "skipped"
    assert progress([task(Stage.SYNC, Status.RUNNING, skipped="why")])["sync"] == "in_progress"


def test_the_stage_that_it_is_at() -> None:
    """The one that runs, else the one that failed, else the next."""
    done, running = task(Stage.EXTRACT, Status.COMPLETED), task(Stage.BOOT, Status.RUNNING)
    failed, waiting = task(Stage.BOOT, Status.FAILED), task(Stage.SETUP, Status.PENDING)
    assert current([done, running, waiting]) is running
    assert current([done, failed, task(Stage.SETUP, Status.CANCELLED)]) is failed
    assert current([done, waiting]) is waiting
    assert current([done]) is None
