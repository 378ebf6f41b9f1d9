"""Business accounts of Telegram that bots answer for."""

import sqlalchemy as sa
from alembic import op

from chatai.core.roles import APP_ROLE, SYSTEM_ROLE
from chatai.core.tables import row_security

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "bot_business",
        sa.Column("bot_id", sa.Uuid(), nullable=False),
        sa.Column("connection_id", sa.String(length=128), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("can_reply", sa.Boolean(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["bot_id"], ["bot.id"], name=op.f("fk_bot_business_bot_id_bot"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspace.id"], name=op.f("fk_bot_business_workspace_id_workspace"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("bot_id", "connection_id", name=op.f("pk_bot_business")),
    )
    op.create_index(op.f("ix_bot_business_workspace_id"), "bot_business", ["workspace_id"])
    for statement in row_security("bot_business"):
        op.execute(statement)
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON bot_business TO {APP_ROLE}, {SYSTEM_ROLE}")


def downgrade() -> None:
    op.drop_table("bot_business")
