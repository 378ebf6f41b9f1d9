"""Business accounts that a bot may answer for, because its people allow it."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Those that are here were answered for until now, and go on; a new one waits until somebody allows it.
    op.add_column("bot_business", sa.Column("allowed", sa.Boolean(), nullable=False, server_default=sa.true()))
    op.alter_column("bot_business", "allowed", server_default=sa.false())
    op.add_column("bot_business", sa.Column("username", sa.String(length=64), nullable=False, server_default=""))


def downgrade() -> None:
    for column in ("username", "allowed"):
        op.drop_column("bot_business", column)
