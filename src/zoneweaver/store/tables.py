"""The tables, and the invariants that the database itself keeps.

Moments are text (ISO 8601 UTC, microseconds, Z) on both databases, so that text order is time order. Tasks are ordered
by `seq`, which the database counts; the clock of the host is for people.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Dialect,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    event,
    text,
)
from sqlalchemy.types import TypeDecorator

from zoneweaver.domain.tasks import stamp

HEAD: Final = "0005"
"""The revision of the schema that this program works with."""


class Moment(TypeDecorator[datetime]):
    """A moment in UTC, kept as text that sorts by time."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        """Write the moment as text."""
        return stamp(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Read the moment from text."""
        return None if value is None else datetime.fromisoformat(value).astimezone(UTC)


class Words(TypeDecorator[str]):
    """Text from outside. What a database cannot keep (NUL, halves of surrogate pairs) is replaced, not refused."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        """Write the text."""
        if value is None or (value.isascii() and "\0" not in value):
            return value
        return value.replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")


metadata = MetaData(
    naming_convention={"pk": "pk_%(table_name)s", "uq": "uq_%(table_name)s_%(column_0_name)s"},
)

_COUNTED: Final = BigInteger().with_variant(Integer, "sqlite")
"""SQLite counts only in a column that is called INTEGER."""

tasks = Table(
    "tasks",
    metadata,
    Column("seq", _COUNTED, primary_key=True, autoincrement=True),
    Column("id", Words, nullable=False),
    Column("zone_name", Words),
    Column("operation", Words, nullable=False),
    Column("status", Text, nullable=False),
    Column("priority", Integer, nullable=False),
    Column("created_by", Words, nullable=False),
    Column("depends_on", Words),
    Column("parent_task_id", Words),
    Column("summary", Integer, nullable=False, server_default=text("0")),  # 1: runs nothing, sums up its children
    Column("ready", Integer, nullable=False, server_default=text("1")),  # 0: what it depends on is not completed
    Column("cancel_requested", Integer, nullable=False, server_default=text("0")),
    Column("owner", Text),
    Column("attempt", Integer, nullable=False, server_default=text("0")),
    Column("error_message", Words),
    Column("error_code", Text),
    Column("created_at", Moment, nullable=False),
    Column("started_at", Moment),
    Column("completed_at", Moment),
    Column("updated_at", Moment, nullable=False),
    Column("params", Text, nullable=False),
    Column("metadata", Text, nullable=False),
    Column("progress_percent", Integer, nullable=False, server_default=text("0")),
    Column("progress_info", Text, nullable=False),
    Index("uq_tasks_id", "id", unique=True),
    Index(
        "uq_tasks_running_zone",
        "zone_name",
        unique=True,
        sqlite_where=text("status = 'running' AND summary = 0"),
    ),
    Index(
        "uq_tasks_creating_zone",
        "zone_name",
        "operation",
        unique=True,
        sqlite_where=text("operation = 'zone_create' AND status IN ('pending', 'running')"),
    ),
    Index(
        "ix_tasks_claim",
        text("priority DESC"),
        "seq",
        sqlite_where=text("status = 'pending' AND ready = 1 AND summary = 0"),
    ),
    Index(
        "ix_tasks_open",
        "zone_name",
        "seq",
        sqlite_where=text("status IN ('pending', 'running')"),
    ),
    # Not on every status: SQLite would take it for the claim too, and sort.
    Index(
        "ix_tasks_ended",
        "status",
        "seq",
        sqlite_where=text("status IN ('completed', 'failed', 'cancelled')"),
    ),
    Index("ix_tasks_zone", "zone_name", "seq"),
    Index("ix_tasks_updated", "updated_at"),
    Index(
        "ix_tasks_depends_on",
        "depends_on",
        sqlite_where=text("depends_on IS NOT NULL"),
    ),
    Index(
        "ix_tasks_parent",
        "parent_task_id",
        sqlite_where=text("parent_task_id IS NOT NULL"),
    ),
    sqlite_autoincrement=True,
)

task_steps = Table(
    "task_steps",
    metadata,
    Column("seq", _COUNTED, primary_key=True, autoincrement=True),
    Column("task_id", Words, nullable=False),
    Column("step", Text, nullable=False),
    Column("event", Text, nullable=False),
    Column("data", Text),  # sealed JSON
    Column("at", Moment, nullable=False),
    Index("ix_task_steps_task", "task_id", "seq"),
)

task_output = Table(
    "task_output",
    metadata,
    Column("seq", _COUNTED, primary_key=True, autoincrement=True),
    Column("task_id", Words, nullable=False),
    Column("stream", Words, nullable=False),
    Column("data", Words, nullable=False),
    Column("at", Moment, nullable=False),
    Index("ix_task_output_task", "task_id", "seq"),
)

owners = Table(
    "owners",
    metadata,
    Column("id", Words, primary_key=True),
    Column("beat", BigInteger, nullable=False),  # counts up while the agent lives; nobody compares clocks
)

zones = Table(
    "zones",
    metadata,
    Column("name", Words, primary_key=True),
    Column("brand", Words, nullable=False),
    Column("status", Text, nullable=False),
    Column("zonepath", Words, nullable=False),
    Column("root_dataset", Words),
    Column("configuration", Text, nullable=False),  # JSON, secrets masked
    Column("tags", Text, nullable=False),
    Column("notes", Words),
    Column("provisioning", Text),  # sealed JSON
    Column("attached", Text, nullable=False),
    Column("unsettled", Text, nullable=False, server_default=text("'{}'")),
    Column("created_by_task", Words),
    Column("is_orphaned", Integer, nullable=False),
    Column("auto_discovered", Integer, nullable=False),
    Column("last_seen", Moment),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    Column("version", Integer, nullable=False),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("seq", _COUNTED, primary_key=True, autoincrement=True),
    Column("id", Words, nullable=False),
    Column("name", Words, nullable=False),
    Column("description", Words, nullable=False),
    Column("scope", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("prefix", Text, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment),
    Column("last_used_at", Moment),
    Column("revoked_at", Moment),
    Index("uq_api_keys_id", "id", unique=True),
    Index("uq_api_keys_digest", "digest", unique=True),
)

audit = Table(
    "audit",
    metadata,
    Column("seq", _COUNTED, primary_key=True, autoincrement=True),
    Column("at", Moment, nullable=False),
    Column("key_id", Words),
    Column("key_name", Words),
    Column("source", Words),  # the address that the request came from
    Column("method", Text, nullable=False),
    Column("path", Words, nullable=False),
    Column("action", Words, nullable=False),
    Column("target", Words),
    Column("status", Integer, nullable=False),
    Column("details", Text, nullable=False),  # JSON, secrets masked
    Index("ix_audit_at", "at"),
    Index("ix_audit_target", "target", "seq"),
    Index("ix_audit_key", "key_id", "seq"),
)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("key", Words, primary_key=True),
    Column("caller", Words, primary_key=True),
    Column("fingerprint", Text, nullable=False),
    Column("status", Integer, nullable=False),
    Column("body", Text, nullable=False),
    Column("headers", Text, nullable=False),
    Column("at", Moment, nullable=False),
    Index("ix_idempotency_keys_at", "at"),
)

artifacts = Table(
    "artifacts",
    metadata,
    Column("seq", _COUNTED, primary_key=True, autoincrement=True),
    Column("id", Words, nullable=False),
    Column("upload_id", Words, nullable=False),
    Column("filename", Words, nullable=False),
    Column("kind", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("expected", Text),  # the SHA-256 that the client told before it sent anything
    Column("sha256", Text),
    Column("entries", Integer),
    Column("unpacked", BigInteger),
    Column("zone_name", Words),
    Column("created_by", Words, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("completed_at", Moment),
    Index("uq_artifacts_id", "id", unique=True),
    Index("uq_artifacts_upload_id", "upload_id", unique=True),
)

profiles = Table(
    "profiles",
    metadata,
    Column("seq", _COUNTED, primary_key=True, autoincrement=True),
    Column("id", Words, nullable=False),
    Column("name", Words, nullable=False),
    Column("description", Words, nullable=False),
    Column("defaults", Text, nullable=False),  # sealed JSON
    Column("created_by", Words, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    Index("uq_profiles_id", "id", unique=True),
    Index("uq_profiles_name", "name", unique=True),
)

provisionings = Table(
    "provisionings",
    metadata,
    Column("zone_name", Words, primary_key=True),
    Column("provisioned_at", Moment),  # when a pipeline was through last
    Column("host_key", Words),  # by which the guest is known
    Column("installation", Words),  # uuid of the installation of the zone that showed it
)

recipes = Table(
    "recipes",
    metadata,
    Column("seq", _COUNTED, primary_key=True, autoincrement=True),
    Column("id", Words, nullable=False),
    Column("name", Words, nullable=False),
    Column("body", Text, nullable=False),  # sealed JSON
    Column("created_by", Words, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    Index("uq_recipes_id", "id", unique=True),
    Index("uq_recipes_name", "name", unique=True),
)

schema_version = Table(
    "alembic_version",
    metadata,
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)
"""Alembic's own table, described here so that a new database needs no Alembic."""


@event.listens_for(metadata, "before_create")
def _same_on_postgresql(target: MetaData, connection: Connection, **_: Any) -> None:
    """Let partial indexes be partial on PostgreSQL too; said only here, since saying it loads that dialect."""
    if connection.dialect.name == "postgresql":
        for table in target.tables.values():
            for index in table.indexes:
                index.dialect_options["postgresql"]["where"] = index.dialect_options["sqlite"]["where"]
