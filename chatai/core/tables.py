"""What all tables share: identifiers, times, and the mark of a tenant's table.

A table is a tenant's if it has `workspace_id`. Row security on it is set by the migrations (see `row_security`), and
a test asks the catalogue that none was forgotten.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import DateTime, MetaData, func
from sqlmodel import Field, SQLModel

from chatai.core.clock import now
from chatai.core.ids import new_id
from chatai.core.roles import APP_ROLE, SYSTEM_ROLE

# Constraint names that a migration can foresee (Alembic's documentation, "The Importance of Naming Constraints").
SQLModel.metadata.naming_convention = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
metadata: MetaData = SQLModel.metadata


def timestamp(*, index: bool = False, nullable: bool = False, default: bool = False) -> Any:
    """A column of an aware time. With `default`, the row's moment of creation."""
    column: dict[str, Any] = {"sa_type": DateTime(timezone=True), "index": index, "nullable": nullable}
    if default:
        return Field(default_factory=now, sa_column_kwargs={"server_default": func.now()}, **column)
    return Field(default=None, **column) if nullable else Field(**column)


class Row(SQLModel):
    """A row with a UUIDv7 and its time of creation."""

    id: UUID = Field(default_factory=new_id, primary_key=True)
    created_at: datetime = timestamp(default=True)


class TenantRow(Row):
    """A row that belongs to one workspace."""

    workspace_id: UUID = Field(foreign_key="workspace.id", ondelete="CASCADE", index=True)


def row_security(table: str, using: str = "workspace_id = chatai_workspace()", *, check: str = "") -> list[str]:
    """SQL that lets the application role see one workspace's rows of a table, and the system role all of them.

    Args:
        table: The table.
        using: Which rows the application role sees.
        check: Which rows it may write, where that differs.
    """
    return [
        f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
        f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY",
        f"CREATE POLICY {table}_tenant ON {table} TO {APP_ROLE} USING ({using}) WITH CHECK ({check or using})",
        f"CREATE POLICY {table}_system ON {table} TO {SYSTEM_ROLE} USING (true) WITH CHECK (true)",
    ]
