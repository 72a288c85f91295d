"""The pipeline that provisions a zone: its stages, which of them have something to do, and how far it is."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from zoneweaver.domain.provisioning import Mode
from zoneweaver.domain.tasks import Kind, Status, Task


class Stage(enum.StrEnum):
    """The stages, in their order."""

    EXTRACT = "extract"
    BOOT = "boot"
    SETUP = "setup"
    WAIT_SSH = "wait_ssh"
    SYNC = "sync"
    PROVISION = "provision"


KINDS: Final[Mapping[Stage, Kind]] = {
    Stage.EXTRACT: Kind.ZFS_CREATE_DATASET,
    Stage.BOOT: Kind.ZONE_START,
    Stage.SETUP: Kind.ZONE_SETUP,
    Stage.WAIT_SSH: Kind.ZONE_WAIT_SSH,
    Stage.SYNC: Kind.ZONE_SYNC,
    Stage.PROVISION: Kind.ZONE_PROVISION,
}
"""The operation of each stage's task."""

STAGE: Final = "stage"
"""The name under which a task's metadata say which stage it is."""

SKIP: Final = "skip"
"""The name under which a task's parameters say why it has nothing to do."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """What a request says beside the configuration; `begin` is the first stage that is done."""

    skip_boot: bool = False
    skip_recipe: bool = False
    begin: Stage = Stage.EXTRACT


def skips(configuration: Mapping[str, Any], options: Options) -> dict[Stage, str]:
    """Return the stages that have nothing to do, each with the reason."""
    stages = list(Stage)
    before = stages[: stages.index(options.begin)]
    reasons = {
        Stage.EXTRACT: None if configuration.get("artifact_id") else "no artifact is configured",
        Stage.BOOT: "skip_boot was asked for" if options.skip_boot else None,
        Stage.SETUP: "skip_recipe was asked for"
        if options.skip_recipe
        else None
        if configuration.get("recipe_id")
        else "no recipe is configured",
        Stage.SYNC: None if configuration.get("sync_folders") else "no folders are configured",
        Stage.PROVISION: "the mode is none"
        if configuration.get("mode") == Mode.NONE
        else None
        if configuration.get("provisioners")
        else "no provisioners are configured",
    }
    found = {stage: why for stage, why in reasons.items() if why is not None}
    return found | dict.fromkeys(before, f"the pipeline begins with {options.begin.value}")


def progress(tasks: Sequence[Task]) -> dict[str, str]:
    """Return each stage with how far it is; a stage without a task is pending."""
    found = {stage.value: Status.PENDING.value for stage in Stage}
    for task in tasks:
        stage = task.metadata.get(STAGE)
        if stage in found:
            found[str(stage)] = _word(task)
    return found


def _word(task: Task) -> str:
    if task.status is Status.RUNNING:
        return "in_progress"
    if task.status is Status.COMPLETED and task.progress_info.get("skipped"):
        return "skipped"
    return task.status.value


def current(tasks: Sequence[Task]) -> Task | None:
    """Return the task that a pipeline is at: the one that runs or failed, else the next; None when all is done."""
    order = (Status.RUNNING, Status.FAILED, Status.PENDING, Status.CANCELLED)
    return next((task for status in order for task in tasks if task.status is status), None)
