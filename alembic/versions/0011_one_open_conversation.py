"""One conversation at most is open under a channel's own name of it."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

# Of several the latest was gone on with.
_CLOSE_OTHERS = """
    UPDATE conversation AS old SET closed_at = now()
    WHERE closed_at IS NULL AND external_id <> '' AND EXISTS (
        SELECT FROM conversation AS newer
        WHERE newer.assistant_id = old.assistant_id AND newer.channel = old.channel
          AND newer.external_id = old.external_id AND newer.closed_at IS NULL AND newer.id > old.id
    )
"""


def upgrade() -> None:
    # Row security binds the owner too. Nothing may come in between closing and the index.
    op.execute("LOCK TABLE conversation IN SHARE ROW EXCLUSIVE MODE")
    op.execute("ALTER TABLE conversation NO FORCE ROW LEVEL SECURITY")
    op.execute(_CLOSE_OTHERS)
    op.execute("ALTER TABLE conversation FORCE ROW LEVEL SECURITY")
    op.create_index(
        "uq_conversation_open",
        "conversation",
        ["assistant_id", "channel", "external_id"],
        unique=True,
        postgresql_where=sa.text("closed_at IS NULL AND external_id <> ''"),
    )


def downgrade() -> None:
    op.drop_index("uq_conversation_open", "conversation")
