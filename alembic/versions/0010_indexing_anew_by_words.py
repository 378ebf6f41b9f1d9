"""By which version of the terms an assistant's chunks are indexed."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("knowledge_index", sa.Column("terms_version", sa.Integer(), nullable=False, server_default="0"))


def downgrade() -> None:
    # What was indexed by later terms stays so: it is found by them as far as the version before asks for them.
    op.drop_column("knowledge_index", "terms_version")
