"""Web pages and typed answers as knowledge, and what reading a document found."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from chatai.core.roles import APP_ROLE, SYSTEM_ROLE
from chatai.core.tables import row_security

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for column in _columns():
        op.add_column("document", column)
    op.create_table(
        "qa_pair",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("assistant_id", sa.Uuid(), nullable=False),
        sa.Column("document_id", sa.Uuid(), nullable=False),
        sa.Column("question", sa.String(length=500), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["assistant_id"], ["assistant.id"], name=op.f("fk_qa_pair_assistant_id_assistant"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["document_id"], ["document.id"], name=op.f("fk_qa_pair_document_id_document"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspace.id"], name=op.f("fk_qa_pair_workspace_id_workspace"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_qa_pair")),
        sa.UniqueConstraint("document_id", name=op.f("uq_qa_pair_document_id")),
    )
    op.create_index(op.f("ix_qa_pair_assistant_id"), "qa_pair", ["assistant_id"])
    op.create_index(op.f("ix_qa_pair_workspace_id"), "qa_pair", ["workspace_id"])
    for statement in row_security("qa_pair"):
        op.execute(statement)
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON qa_pair TO {APP_ROLE}, {SYSTEM_ROLE}")


def downgrade() -> None:
    op.execute("DELETE FROM document WHERE kind <> 'file'")  # without these columns nobody could tell what they are
    op.drop_table("qa_pair")
    for column in _columns():
        op.drop_column("document", column.name)


def _columns() -> list[sa.Column[object]]:
    """What is added to the documents."""
    return [
        sa.Column("kind", sa.String(length=16), nullable=False, server_default="file"),
        sa.Column("source_url", sa.String(length=2000), nullable=False, server_default=""),
        sa.Column("fetched_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("report", postgresql.JSONB(astext_type=sa.Text()), nullable=False, server_default="{}"),
    ]
