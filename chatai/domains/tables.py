"""Every table of the product, imported once: for Alembic, and so that foreign keys resolve."""

from chatai.core.tables import metadata
from chatai.domains.accounts import models as accounts
from chatai.domains.assistants import models as assistants
from chatai.domains.audit import models as audit
from chatai.domains.channels import models as channels
from chatai.domains.conversations import models as conversations
from chatai.domains.knowledge import models as knowledge
from chatai.domains.models import models as models
from chatai.domains.workspaces import models as workspaces

__all__ = [
    "accounts",
    "assistants",
    "audit",
    "channels",
    "conversations",
    "knowledge",
    "metadata",
    "models",
    "workspaces",
]
