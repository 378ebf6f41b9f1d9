"""Questions that the documents did not answer, and why an assistant's passages are not embedded anew yet."""

import sqlalchemy as sa
from alembic import op

from chatai.core.roles import APP_ROLE, SYSTEM_ROLE
from chatai.core.tables import row_security

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

TABLE = "unanswered_question"


def upgrade() -> None:
    op.create_table(
        TABLE,
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("assistant_id", sa.Uuid(), nullable=False),
        sa.Column("conversation_id", sa.Uuid(), nullable=False),
        sa.Column("message_id", sa.Uuid(), nullable=False),
        sa.Column("question", sa.Text(), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("language", sa.String(length=2), nullable=False),
        sa.Column("reason", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        *(
            sa.ForeignKeyConstraint(
                [f"{owner}_id"], [f"{owner}.id"], name=op.f(f"fk_{TABLE}_{owner}_id_{owner}"), ondelete="CASCADE"
            )
            for owner in ("assistant", "conversation", "message", "workspace")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{TABLE}")),
        sa.UniqueConstraint("message_id", name=op.f(f"uq_{TABLE}_message_id")),
    )
    op.create_index(op.f(f"ix_{TABLE}_workspace_id"), TABLE, ["workspace_id"])
    op.create_index(op.f(f"ix_{TABLE}_conversation_id"), TABLE, ["conversation_id"])
    op.create_index(f"ix_{TABLE}_group", TABLE, ["assistant_id", "state", "key"])
    op.create_index(f"ix_{TABLE}_created_at", TABLE, ["created_at"])
    for statement in row_security(TABLE):
        op.execute(statement)
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {TABLE} TO {APP_ROLE}, {SYSTEM_ROLE}")
    op.add_column("knowledge_index", sa.Column("trouble", sa.String(length=64), nullable=False, server_default=""))
    op.add_column("knowledge_index", sa.Column("trouble_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("knowledge_index", sa.Column("retrying", sa.Boolean(), nullable=False, server_default=sa.false()))


def downgrade() -> None:
    for column in ("retrying", "trouble_at", "trouble"):
        op.drop_column("knowledge_index", column)
    op.drop_table(TABLE)
