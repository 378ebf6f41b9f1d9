"""Which list of commands Telegram was last told for a bot."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("bot", sa.Column("commands_told", sa.String(16), server_default="", nullable=False))


def downgrade() -> None:
    op.drop_column("bot", "commands_told")
