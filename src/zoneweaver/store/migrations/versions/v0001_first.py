"""The first schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_COUNTED = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make every table."""
    op.create_table(
        "api_keys",
        sa.Column("seq", _COUNTED, autoincrement=True, nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("prefix", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.Text(), nullable=True),
        sa.Column("last_used_at", sa.Text(), nullable=True),
        sa.Column("revoked_at", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("seq", name="pk_api_keys"),
    )
    op.create_index("uq_api_keys_digest", "api_keys", ["digest"], unique=True)
    op.create_index("uq_api_keys_id", "api_keys", ["id"], unique=True)
    op.create_table(
        "audit",
        sa.Column("seq", _COUNTED, autoincrement=True, nullable=False),
        sa.Column("at", sa.Text(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=True),
        sa.Column("key_name", sa.Text(), nullable=True),
        sa.Column("source", sa.Text(), nullable=True),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=True),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("details", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_audit"),
    )
    op.create_index("ix_audit_key", "audit", ["key_id", "seq"], unique=False)
    op.create_index("ix_audit_target", "audit", ["target", "seq"], unique=False)
    op.create_table(
        "idempotency_keys",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("caller", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("headers", sa.Text(), nullable=False),
        sa.Column("at", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key", "caller", name="pk_idempotency_keys"),
    )
    op.create_index("ix_idempotency_keys_at", "idempotency_keys", ["at"], unique=False)
    op.create_table(
        "owners",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("beat", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_owners"),
    )
    op.create_table(
        "task_output",
        sa.Column("seq", _COUNTED, autoincrement=True, nullable=False),
        sa.Column("task_id", sa.Text(), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.Column("at", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_task_output"),
    )
    op.create_index("ix_task_output_task", "task_output", ["task_id", "seq"], unique=False)
    op.create_table(
        "task_steps",
        sa.Column("seq", _COUNTED, autoincrement=True, nullable=False),
        sa.Column("task_id", sa.Text(), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("data", sa.Text(), nullable=True),
        sa.Column("at", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_task_steps"),
    )
    op.create_index("ix_task_steps_task", "task_steps", ["task_id", "seq"], unique=False)
    op.create_table(
        "tasks",
        sa.Column("seq", _COUNTED, autoincrement=True, nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("zone_name", sa.Text(), nullable=True),
        sa.Column("operation", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("depends_on", sa.Text(), nullable=True),
        sa.Column("parent_task_id", sa.Text(), nullable=True),
        sa.Column("summary", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("ready", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("cancel_requested", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("owner", sa.Text(), nullable=True),
        sa.Column("attempt", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("error_message", sa.Text(), nullable=True),
        sa.Column("error_code", sa.Text(), nullable=True),
        sa.Column("created_at", sa.Text(), nullable=False),
        sa.Column("started_at", sa.Text(), nullable=True),
        sa.Column("completed_at", sa.Text(), nullable=True),
        sa.Column("updated_at", sa.Text(), nullable=False),
        sa.Column("params", sa.Text(), nullable=False),
        sa.Column("metadata", sa.Text(), nullable=False),
        sa.Column("progress_percent", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("progress_info", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_tasks"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_tasks_depends_on",
        "tasks",
        ["depends_on"],
        unique=False,
        sqlite_where=sa.text("depends_on IS NOT NULL"),
        postgresql_where=sa.text("depends_on IS NOT NULL"),
    )
    op.create_index(
        "ix_tasks_open",
        "tasks",
        ["zone_name", "seq"],
        unique=False,
        sqlite_where=sa.text("status IN ('pending', 'running')"),
        postgresql_where=sa.text("status IN ('pending', 'running')"),
    )
    op.create_index(
        "ix_tasks_parent",
        "tasks",
        ["parent_task_id"],
        unique=False,
        sqlite_where=sa.text("parent_task_id IS NOT NULL"),
        postgresql_where=sa.text("parent_task_id IS NOT NULL"),
    )
    op.create_index(
        "ix_tasks_ended",
        "tasks",
        ["status", "seq"],
        unique=False,
        sqlite_where=sa.text("status IN ('completed', 'failed', 'cancelled')"),
        postgresql_where=sa.text("status IN ('completed', 'failed', 'cancelled')"),
    )
    op.create_index("ix_tasks_updated", "tasks", ["updated_at"], unique=False)
    op.create_index("ix_tasks_zone", "tasks", ["zone_name", "seq"], unique=False)
    op.create_index(
        "uq_tasks_creating_zone",
        "tasks",
        ["zone_name", "operation"],
        unique=True,
        sqlite_where=sa.text("operation = 'zone_create' AND status IN ('pending', 'running')"),
        postgresql_where=sa.text("operation = 'zone_create' AND status IN ('pending', 'running')"),
    )
    op.create_index("uq_tasks_id", "tasks", ["id"], unique=True)
    op.create_index(
        "uq_tasks_running_zone",
        "tasks",
        ["zone_name"],
        unique=True,
        sqlite_where=sa.text("status = 'running' AND summary = 0"),
        postgresql_where=sa.text("status = 'running' AND summary = 0"),
    )
    op.create_table(
        "zones",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("brand", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("zonepath", sa.Text(), nullable=False),
        sa.Column("root_dataset", sa.Text(), nullable=True),
        sa.Column("configuration", sa.Text(), nullable=False),
        sa.Column("tags", sa.Text(), nullable=False),
        sa.Column("notes", sa.Text(), nullable=True),
        sa.Column("provisioning", sa.Text(), nullable=True),
        sa.Column("attached", sa.Text(), nullable=False),
        sa.Column("unsettled", sa.Text(), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("created_by_task", sa.Text(), nullable=True),
        sa.Column("is_orphaned", sa.Integer(), nullable=False),
        sa.Column("auto_discovered", sa.Integer(), nullable=False),
        sa.Column("last_seen", sa.Text(), nullable=True),
        sa.Column("created_at", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_zones"),
    )
    op.create_index(
        "ix_tasks_claim",
        "tasks",
        [sa.text("priority DESC"), "seq"],
        unique=False,
        sqlite_where=sa.text("status = 'pending' AND ready = 1 AND summary = 0"),
        postgresql_where=sa.text("status = 'pending' AND ready = 1 AND summary = 0"),
    )
