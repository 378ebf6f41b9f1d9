"""Several bot managers, what they tell of each bot, and files that come with questions."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from chatai.core.roles import APP_ROLE, SYSTEM_ROLE
from chatai.core.tables import row_security

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TENANT_TABLES = ("bot_chat", "bot_live", "bot_event")
SYSTEM_TABLES = ("bot_manager", "bot_lease")


def upgrade() -> None:
    for table, columns in _columns().items():
        for column in columns:
            op.add_column(table, column)
    op.create_index(op.f("ix_bot_managed_by"), "bot", ["managed_by"])
    op.create_foreign_key(op.f("fk_bot_managed_by_bot"), "bot", "bot", ["managed_by"], ["id"], ondelete="SET NULL")
    op.create_index("ix_bot_update_chat", "bot_update", ["bot_id", "chat_id", "update_id"])
    _create_tables()
    for table in TENANT_TABLES:
        for statement in row_security(table):
            op.execute(statement)
        op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO {APP_ROLE}, {SYSTEM_ROLE}")
    for table in SYSTEM_TABLES:
        op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO {SYSTEM_ROLE}")


def downgrade() -> None:
    for table in (*TENANT_TABLES, *SYSTEM_TABLES):
        op.drop_table(table)
    op.drop_index("ix_bot_update_chat", "bot_update")
    op.drop_constraint(op.f("fk_bot_managed_by_bot"), "bot", type_="foreignkey")
    op.drop_index(op.f("ix_bot_managed_by"), "bot")
    for table, columns in _columns().items():
        for column in columns:
            op.drop_column(table, column.name)


def _create_tables() -> None:
    op.create_table(
        "bot_chat",
        sa.Column("bot_id", sa.Uuid(), nullable=False),
        sa.Column("chat_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("language", sa.String(length=2), nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("gone_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["bot_id"], ["bot.id"], name=op.f("fk_bot_chat_bot_id_bot"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspace.id"], name=op.f("fk_bot_chat_workspace_id_workspace"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("bot_id", "chat_id", name=op.f("pk_bot_chat")),
    )
    op.create_index(op.f("ix_bot_chat_workspace_id"), "bot_chat", ["workspace_id"])
    op.create_table(
        "bot_live",
        sa.Column("bot_id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("manager_id", sa.Uuid(), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=True),
        sa.Column("memory_kb", sa.Integer(), nullable=False),
        sa.Column("memory_peak_kb", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("restarts", sa.Integer(), nullable=False),
        sa.Column("queued", sa.Integer(), nullable=False),
        sa.Column("in_work", sa.Integer(), nullable=False),
        sa.Column("answered", sa.BigInteger(), nullable=False),
        sa.Column("sent", sa.BigInteger(), nullable=False),
        sa.Column("sent_per_second", sa.Float(), nullable=False),
        sa.Column("throttled", sa.BigInteger(), nullable=False),
        sa.Column("paused_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("wait_p95_ms", sa.Integer(), nullable=False),
        sa.Column("last_update_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["bot_id"], ["bot.id"], name=op.f("fk_bot_live_bot_id_bot"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspace.id"], name=op.f("fk_bot_live_workspace_id_workspace"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("bot_id", name=op.f("pk_bot_live")),
        prefixes=["UNLOGGED"],
    )
    op.create_index(op.f("ix_bot_live_workspace_id"), "bot_live", ["workspace_id"])
    op.create_table(
        "bot_event",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("bot_id", sa.Uuid(), nullable=False),
        sa.Column("level", sa.String(length=8), nullable=False),
        sa.Column("event", sa.String(length=100), nullable=False),
        sa.Column("detail", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.ForeignKeyConstraint(["bot_id"], ["bot.id"], name=op.f("fk_bot_event_bot_id_bot"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspace.id"], name=op.f("fk_bot_event_workspace_id_workspace"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bot_event")),
    )
    op.create_index("ix_bot_event_bot", "bot_event", ["bot_id", "id"])
    op.create_index("ix_bot_event_created", "bot_event", ["created_at"])
    op.create_index(op.f("ix_bot_event_workspace_id"), "bot_event", ["workspace_id"])
    op.create_table(
        "bot_manager",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("shard", sa.Integer(), nullable=False),
        sa.Column("shards", sa.Integer(), nullable=False),
        sa.Column("address", sa.String(length=200), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bot_manager")),
    )
    op.create_table(
        "bot_lease",
        sa.Column("bot_id", sa.Uuid(), nullable=False),
        sa.Column("manager_id", sa.Uuid(), nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("taken_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["bot_id"], ["bot.id"], name=op.f("fk_bot_lease_bot_id_bot"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("bot_id", name=op.f("pk_bot_lease")),
    )
    op.create_index(op.f("ix_bot_lease_manager_id"), "bot_lease", ["manager_id"])


def _columns() -> dict[str, list[sa.Column[object]]]:
    """What is added to the tables that exist."""
    return {
        "bot": [
            sa.Column("always_on", sa.Boolean(), nullable=False, server_default=sa.false()),
            sa.Column("description", sa.String(length=512), nullable=False, server_default=""),
            sa.Column("short_description", sa.String(length=120), nullable=False, server_default=""),
            sa.Column("webhook_error", sa.String(length=500), nullable=False, server_default=""),
            sa.Column("webhook_error_at", sa.DateTime(timezone=True), nullable=True),
            sa.Column("webhook_pending", sa.Integer(), nullable=False, server_default="0"),
            sa.Column("managed_by", sa.Uuid(), nullable=True),
            sa.Column("made_bots", sa.String(length=16), nullable=False, server_default=""),
        ],
        "bot_update": [
            sa.Column("sends_begun", sa.Integer(), nullable=False, server_default="0"),
            sa.Column("sends_repeated", sa.Integer(), nullable=False, server_default="0"),
            sa.Column("fence", sa.BigInteger(), nullable=False, server_default="0"),
        ],
        "message": [
            sa.Column("author", sa.String(length=200), nullable=False, server_default=""),
            sa.Column("attachment_name", sa.String(length=255), nullable=False, server_default=""),
            sa.Column("attachment_text", sa.Text(), nullable=False, server_default=""),
        ],
    }
