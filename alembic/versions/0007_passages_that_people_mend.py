"""Passages that people edit and switch off."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("chunk", sa.Column("original_text", sa.Text(), nullable=True))
    op.add_column("chunk", sa.Column("disabled", sa.Boolean(), nullable=False, server_default=sa.false()))


def downgrade() -> None:
    # What was edited stays so: its terms and its vector are of the new text. What was switched off is found again.
    for name in ("disabled", "original_text"):
        op.drop_column("chunk", name)
