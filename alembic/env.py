"""Runs the migrations over the connection that `chatai.migrate` hands in, as the owner of the tables."""

from alembic import context
from sqlalchemy import Connection

from chatai.domains.tables import metadata


def include_name(name: str | None, kind: str, _parents: object) -> bool:
    """The job queue's tables are its library's, and partitions their table's; they are not compared with our models."""
    return kind != "table" or not (name or "").startswith(("procrastinate_", "chunk_vector_"))


def run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=metadata,
        include_name=include_name,
        compare_type=True,
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.run_migrations()


run(context.config.attributes["connection"])
