"""Search by an inverted index of our own; vectors by content, model and dimension."""

import sqlalchemy as sa
from alembic import op
from pgvector.sqlalchemy import HALFVEC
from sqlalchemy.dialects import postgresql

from chatai.core.roles import APP_ROLE, SYSTEM_ROLE
from chatai.core.tables import row_security

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

TABLES = ("knowledge_index", "knowledge_segment", "chunk_posting", "chunk_vector")
PARTITIONS = 16

NUMBER_CHUNKS = """
UPDATE chunk SET number = numbered.number, content = md5(heading || E'\\n' || text)::uuid
FROM (SELECT id, row_number() OVER (PARTITION BY assistant_id ORDER BY id) AS number FROM chunk) AS numbered
WHERE chunk.id = numbered.id
"""

COUNT_CHUNKS = """
INSERT INTO knowledge_index (assistant_id, workspace_id, chunks, terms, last_number, embedding_model, dimension,
                             near_index)
SELECT assistant_id, workspace_id, count(*), sum(length(search)), max(number),
       coalesce(max(embedding_model) FILTER (WHERE embedding IS NOT NULL), ''),
       coalesce(max(vector_dims(embedding)), 0), false
FROM chunk GROUP BY assistant_id, workspace_id
"""

MAKE_SEGMENTS = """
INSERT INTO knowledge_segment (workspace_id, assistant_id, first, last, chunks)
SELECT workspace_id, assistant_id, 1, last_number, chunks FROM knowledge_index
"""

MAKE_POSTINGS = """
INSERT INTO chunk_posting (assistant_id, segment, term, block, workspace_id, size, bound, entries)
SELECT assistant_id, segment, term, block, workspace_id, count(*), max(impact), array_agg(number * 4096 + impact)
FROM (
    SELECT *, floor(ln((row_number() OVER (PARTITION BY segment, term ORDER BY impact DESC) + 255) / 256.0::float8)
                    / ln(2.0::float8))::int AS block
    FROM (
        SELECT chunk.assistant_id, chunk.workspace_id, segment.id AS segment, hashtextextended(lexeme, 0) AS term,
               chunk.number::bigint,
               floor(4095 * times / (times + 1.2 * (0.3 + 0.7 * length(search) * whole.chunks / whole.terms::float8)))
                   ::int AS impact
        FROM chunk JOIN knowledge_segment segment USING (assistant_id) JOIN knowledge_index whole USING (assistant_id),
             unnest(chunk.search) AS word(lexeme, positions, weights),
             greatest(cardinality(positions), 1) AS times
    ) AS weighed
) AS placed
GROUP BY assistant_id, segment, term, block, workspace_id
"""

KEEP_VECTORS = """
INSERT INTO chunk_vector (workspace_id, assistant_id, model, content, embedding)
SELECT DISTINCT ON (assistant_id, embedding_model, content) workspace_id, assistant_id, embedding_model, content,
       embedding
FROM chunk WHERE embedding IS NOT NULL
"""

FORGET_POSTINGS = """
CREATE FUNCTION chatai_forget_postings() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    DELETE FROM chunk_posting WHERE assistant_id = OLD.assistant_id AND segment = OLD.id;
    RETURN NULL;
END $$
"""

# Indexes are made by their table's owner only, and the application owns nothing: it may ask for this kind alone. One
# index for each large assistant and model, so that none ever looks through another tenant's vectors.
INDEX_VECTORS = """
CREATE FUNCTION chatai_index_vectors(assistant uuid, model text, dimension int) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = {path} SET maintenance_work_mem = '512MB' AS $$
DECLARE
    part text;
BEGIN
    -- One at a time: each takes memory, and keeps others from writing to its partition.
    PERFORM pg_advisory_xact_lock(hashtext('chatai_index_vectors'));
    SELECT 'chunk_vector_' || number INTO STRICT part FROM generate_series(0, {last}) AS number
    WHERE satisfies_hash_partition('chunk_vector'::regclass, {parts}, number, chatai_workspace());
    EXECUTE format(
        'CREATE INDEX IF NOT EXISTS %I ON %I USING hnsw ((embedding::halfvec(%s)) halfvec_cosine_ops)'
        ' WITH (m = 24, ef_construction = 200) WHERE assistant_id = %L AND model = %L',
        'near_' || md5(assistant || ' ' || model), part, dimension, assistant, model
    );
END $$
"""

FORGET_VECTOR_INDEX = """
CREATE FUNCTION chatai_forget_vector_index(assistant uuid, model text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = {path} AS $$
BEGIN
    EXECUTE format('DROP INDEX IF EXISTS %I', 'near_' || md5(assistant || ' ' || model));
END $$
"""


def upgrade() -> None:
    for column in (sa.Column("number", sa.Integer()), sa.Column("content", sa.Uuid())):
        op.add_column("chunk", column)
    op.execute(NUMBER_CHUNKS)
    for name in ("number", "content"):
        op.alter_column("chunk", name, nullable=False)
    op.create_unique_constraint(op.f("uq_chunk_assistant_id_number"), "chunk", ["assistant_id", "number"])
    op.create_index(op.f("ix_chunk_assistant_id_content"), "chunk", ["assistant_id", "content"])
    _create_tables()
    for statement in (COUNT_CHUNKS, MAKE_SEGMENTS, MAKE_POSTINGS, KEEP_VECTORS):
        op.execute(statement)
    op.execute(FORGET_POSTINGS)
    op.execute(
        "CREATE TRIGGER forget_postings AFTER DELETE ON knowledge_segment"
        " FOR EACH ROW EXECUTE FUNCTION chatai_forget_postings()"
    )
    for table in (*TABLES, *(f"chunk_vector_{number}" for number in range(PARTITIONS))):
        for statement in row_security(table):
            op.execute(statement)
    for table in TABLES:  # the partitions are reached through their table only
        op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO {APP_ROLE}, {SYSTEM_ROLE}")
    _create_functions()
    op.drop_index("ix_chunk_search", "chunk")
    op.drop_index("ix_chunk_assistant_id", "chunk")
    for name in ("embedding", "embedding_model"):
        op.drop_column("chunk", name)


def downgrade() -> None:
    op.add_column("chunk", sa.Column("embedding", HALFVEC(), nullable=True))
    op.add_column("chunk", sa.Column("embedding_model", sa.String(length=100), nullable=False, server_default=""))
    op.execute(
        "UPDATE chunk SET embedding = vector.embedding, embedding_model = vector.model FROM chunk_vector vector"
        " JOIN knowledge_index whole ON whole.assistant_id = vector.assistant_id"
        " AND whole.embedding_model = vector.model"
        " WHERE vector.assistant_id = chunk.assistant_id AND vector.content = chunk.content"
    )
    op.alter_column("chunk", "embedding_model", server_default=None)
    for table in reversed(TABLES):
        op.drop_table(table)
    for signature in ("forget_postings()", "index_vectors(uuid, text, int)", "forget_vector_index(uuid, text)"):
        op.execute(f"DROP FUNCTION chatai_{signature}")
    op.create_index(op.f("ix_chunk_assistant_id"), "chunk", ["assistant_id"])
    op.create_index("ix_chunk_search", "chunk", ["search"], postgresql_using="gin")
    op.drop_index(op.f("ix_chunk_assistant_id_content"), "chunk")
    op.drop_constraint(op.f("uq_chunk_assistant_id_number"), "chunk", type_="unique")
    for name in ("number", "content"):
        op.drop_column("chunk", name)


def _create_functions() -> None:
    # pgvector may live in a schema of its own on a server that others set up.
    place = op.get_bind().scalar(
        sa.text("SELECT extnamespace::regnamespace FROM pg_extension WHERE extname = 'vector'")
    )
    path = ", ".join(dict.fromkeys(["pg_catalog", "public", str(place), "pg_temp"]))
    op.execute(INDEX_VECTORS.format(path=path, last=PARTITIONS - 1, parts=PARTITIONS))
    op.execute(FORGET_VECTOR_INDEX.format(path=path))
    for signature in ("index_vectors(uuid, text, int)", "forget_vector_index(uuid, text)"):
        op.execute(f"REVOKE ALL ON FUNCTION chatai_{signature} FROM PUBLIC")
        op.execute(f"GRANT EXECUTE ON FUNCTION chatai_{signature} TO {APP_ROLE}, {SYSTEM_ROLE}")


def _create_tables() -> None:
    op.create_table(
        "knowledge_index",
        sa.Column("assistant_id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("chunks", sa.Integer(), nullable=False),
        sa.Column("terms", sa.BigInteger(), nullable=False),
        sa.Column("last_number", sa.Integer(), nullable=False),
        sa.Column("embedding_model", sa.Text(), nullable=False),
        sa.Column("dimension", sa.Integer(), nullable=False),
        sa.Column("near_index", sa.Boolean(), nullable=False),
        _assistant("knowledge_index"),
        _workspace("knowledge_index"),
        sa.PrimaryKeyConstraint("assistant_id", name=op.f("pk_knowledge_index")),
    )
    op.create_index(op.f("ix_knowledge_index_workspace_id"), "knowledge_index", ["workspace_id"])
    op.create_table(
        "knowledge_segment",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("assistant_id", sa.Uuid(), nullable=False),
        sa.Column("first", sa.Integer(), nullable=False),
        sa.Column("last", sa.Integer(), nullable=False),
        sa.Column("chunks", sa.Integer(), nullable=False),
        _assistant("knowledge_segment"),
        _workspace("knowledge_segment"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_knowledge_segment")),
    )
    for name in ("workspace_id", "assistant_id"):
        op.create_index(op.f(f"ix_knowledge_segment_{name}"), "knowledge_segment", [name])
    op.create_table(
        "chunk_posting",
        sa.Column("assistant_id", sa.Uuid(), nullable=False),
        sa.Column("segment", sa.BigInteger(), nullable=False),
        sa.Column("term", sa.BigInteger(), nullable=False),
        sa.Column("block", sa.Integer(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("bound", sa.Integer(), nullable=False),
        sa.Column("entries", postgresql.ARRAY(sa.BigInteger()), nullable=False),
        sa.PrimaryKeyConstraint("assistant_id", "segment", "term", "block", name=op.f("pk_chunk_posting")),
    )
    op.create_table(
        "chunk_vector",
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("assistant_id", sa.Uuid(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("content", sa.Uuid(), nullable=False),
        sa.Column("embedding", HALFVEC(), nullable=False),
        _assistant("chunk_vector"),
        sa.PrimaryKeyConstraint("workspace_id", "assistant_id", "model", "content", name=op.f("pk_chunk_vector")),
        postgresql_partition_by="HASH (workspace_id)",
    )
    op.create_index(op.f("ix_chunk_vector_assistant_id"), "chunk_vector", ["assistant_id"])
    # In the row, not beside it, where a page holds one: comparing exactly reads every vector of an assistant.
    op.execute("ALTER TABLE chunk_vector ALTER COLUMN embedding SET STORAGE MAIN")
    for number in range(PARTITIONS):
        op.execute(
            f"CREATE TABLE chunk_vector_{number} PARTITION OF chunk_vector"
            f" FOR VALUES WITH (MODULUS {PARTITIONS}, REMAINDER {number})"
        )


def _assistant(table: str) -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_{table}_assistant_id_assistant")
    return sa.ForeignKeyConstraint(["assistant_id"], ["assistant.id"], name=name, ondelete="CASCADE")


def _workspace(table: str) -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_{table}_workspace_id_workspace")
    return sa.ForeignKeyConstraint(["workspace_id"], ["workspace.id"], name=name, ondelete="CASCADE")
