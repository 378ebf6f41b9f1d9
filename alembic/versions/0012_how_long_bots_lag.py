"""Since when a bot's oldest update waits, and when Telegram held the bot back last."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # A manager of the version before leaves both empty: nothing is known then.
    for column in ("waiting_since", "throttled_at"):
        op.add_column("bot_live", sa.Column(column, sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    for column in ("throttled_at", "waiting_since"):
        op.drop_column("bot_live", column)
