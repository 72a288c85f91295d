"""The queue's statements: built once, compiled once, and each led by its index.

Constants stand in them as text where a partial index asks for it.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BindParameter,
    and_,
    bindparam,
    delete,
    exists,
    func,
    insert,
    literal_column,
    or_,
    select,
    update,
)

from zoneweaver.domain.tasks import Status
from zoneweaver.store import tables
from zoneweaver.tasks.rows import NO, OPEN, PENDING, RUNNING, SHOWN, YES, T

_KEY: Final[BindParameter[str]] = bindparam("key")
_RUNNER: Final = tables.tasks.alias("runner")

GET: Final = select(*SHOWN, T.summary).where(T.id == _KEY)
PARAMS: Final = select(T.params).where(T.id == _KEY)
INSERT: Final = insert(tables.tasks).returning(*SHOWN)
BECOME_PARENT: Final = (
    update(tables.tasks).where(T.id == _KEY, T.status == PENDING, T.summary == NO).values(summary=YES)
)
ACTIVE: Final = select(*SHOWN).where(T.zone_name == bindparam("zone"), OPEN, T.summary == NO).order_by(T.seq)
SUMMARIES: Final = select(*SHOWN).where(T.zone_name == bindparam("zone"), OPEN, T.summary == YES).order_by(T.seq)
NEXT: Final = (
    select(T.seq)
    .where(
        T.status == PENDING,
        T.ready == YES,
        T.summary == NO,
        T.operation.in_(bindparam("kinds", expanding=True)),
        or_(
            T.zone_name.is_(None),
            ~exists().where(
                and_(_RUNNER.c.zone_name == T.zone_name, _RUNNER.c.status == RUNNING, _RUNNER.c.summary == NO)
            ),
        ),
    )
    .order_by(T.priority.desc(), T.seq)
    .limit(literal_column("1"))
)
CLAIM: Final = (
    update(tables.tasks)
    .where(T.seq == bindparam("number"), T.status == PENDING)
    .values(
        status=Status.RUNNING.value,
        owner=bindparam("who"),
        attempt=T.attempt + 1,
        started_at=bindparam("moment"),
        updated_at=bindparam("moment"),
    )
    .returning(*SHOWN, T.params, T.attempt)
)
TAKE_OVER: Final = (
    update(tables.tasks)
    .where(T.status == RUNNING, T.summary == NO, T.owner != bindparam("who"))
    .values(owner=bindparam("who"), attempt=T.attempt + 1)
    .returning(T.seq, *SHOWN, T.params, T.attempt)
)
TAKE_OVER_FROM: Final = TAKE_OVER.where(T.owner.in_(bindparam("dead", expanding=True)))
RESUME: Final = (
    update(tables.tasks)
    .where(T.id == _KEY, T.owner == bindparam("who"), T.status == RUNNING)
    .values(attempt=T.attempt + 1)
    .returning(*SHOWN, T.params, T.attempt)
)
TOUCH: Final = (
    update(tables.tasks)
    .where(T.id == _KEY, T.owner == bindparam("who"), T.status == RUNNING)
    .values(updated_at=bindparam("moment"))
    .returning(*SHOWN)
)
PROGRESS: Final = TOUCH.values(progress_percent=bindparam("percent"), progress_info=bindparam("info"))
HELD: Final = select(T.cancel_requested).where(T.id == _KEY, T.owner == bindparam("who"), T.status == RUNNING)
HELD_BY: Final = select(T.id).where(T.status == RUNNING, T.summary == NO, T.owner == bindparam("who")).order_by(T.seq)
FINISH: Final = (
    update(tables.tasks)
    .where(T.id == _KEY, T.owner == bindparam("who"), T.status == RUNNING)
    .values(
        status=bindparam("new_status"),
        owner=None,
        error_message=bindparam("error"),
        error_code=bindparam("code"),
        completed_at=bindparam("moment"),
        updated_at=bindparam("moment"),
        progress_percent=bindparam("percent"),
        progress_info=bindparam("info"),
    )
    .returning(*SHOWN, T.summary)
)
END_PENDING: Final = (
    update(tables.tasks)
    .where(T.id == _KEY, T.status == PENDING)
    .values(
        status=Status.CANCELLED.value,
        error_message=bindparam("error"),
        error_code=bindparam("code"),
        completed_at=bindparam("moment"),
        updated_at=bindparam("moment"),
    )
    .returning(*SHOWN)
)
ASK_TO_CANCEL: Final = (
    update(tables.tasks)
    .where(T.id == _KEY, OPEN)
    .values(cancel_requested=YES, updated_at=bindparam("moment"))
    .returning(*SHOWN)
)
READY: Final = (
    update(tables.tasks)
    .where(T.depends_on == _KEY, T.status == PENDING, T.ready == NO)
    .values(ready=YES, updated_at=bindparam("moment"))
    .returning(*SHOWN)
)
DEPENDANTS: Final = select(T.id, T.summary).where(T.depends_on == _KEY, T.status == PENDING).order_by(T.seq)
CHILDREN: Final = select(T.id).where(T.parent_task_id == _KEY, OPEN).order_by(T.seq.desc())
SUM: Final = (
    select(T.status, func.count(), func.sum(T.progress_percent)).where(T.parent_task_id == _KEY).group_by(T.status)
)
SUMMED: Final = (
    update(tables.tasks)
    .where(T.id == _KEY, T.summary == YES)
    .values(
        status=bindparam("new_status"),
        progress_percent=bindparam("percent"),
        error_message=bindparam("error"),
        started_at=func.coalesce(T.started_at, bindparam("started", type_=T.started_at.type)),
        completed_at=bindparam("completed"),
        updated_at=bindparam("moment"),
    )
    .returning(*SHOWN, T.summary)
)
STEP: Final = insert(tables.task_steps)
OUTPUT: Final = insert(tables.task_output)
COPY: Final = select(tables.tasks).where(T.id == _KEY)
FOLLOWERS: Final = (
    select(T.id)
    .where(T.depends_on == _KEY, T.status == Status.CANCELLED.value, T.error_code == "dependency_failed")
    .order_by(T.seq)
)
PARTS: Final = select(T.id).where(T.parent_task_id == _KEY, T.status != Status.COMPLETED.value).order_by(T.seq)

_O: Final = tables.owners.c
BEAT: Final = update(tables.owners).where(_O.id == _KEY).values(beat=_O.beat + 1)
BORN: Final = insert(tables.owners)
BEATS: Final = select(_O.id, _O.beat)
HOLDERS: Final = select(T.owner).where(T.status == RUNNING, T.summary == NO).distinct()
BURY: Final = delete(tables.owners).where(_O.id == _KEY)
