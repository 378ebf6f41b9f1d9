"""Who made a bot with another one, so that strangers make no more than they may."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("bot", sa.Column("made_by", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    op.drop_column("bot", "made_by")
