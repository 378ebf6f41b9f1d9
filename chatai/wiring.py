"""Binds the integrations to the domains' ports. The one place that knows which implementation stands behind which."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import chatai.domains.tables  # noqa: F401 - every table is known, so that foreign keys resolve in any process
from chatai.core.outgoing import trusted_names
from chatai.core.settings import Settings
from chatai.domains.accounts.ports import mailer
from chatai.domains.channels.ports import telegram
from chatai.domains.knowledge.ports import (
    document_reader,
    embedder,
    file_store,
    malware_scanner,
    reranker,
    table_reader,
    web_pages,
)
from chatai.domains.models.ports import language_model, transcriber
from chatai.integrations.clamav import ClamdScanner
from chatai.integrations.local_embeddings.location import is_local
from chatai.integrations.reader.process import ChildReader
from chatai.integrations.reader.recognition import PageRecogniser
from chatai.integrations.reader.sitemaps import SitemapReader
from chatai.integrations.smtp import ConsoleMailer, SmtpMailer
from chatai.integrations.storage import LocalFileStore
from chatai.integrations.telegram.client import TelegramClient
from chatai.integrations.web_pages import GuardedWebPages

_to_close: list[Callable[[], Awaitable[None]]] = []


def bind(settings: Settings, *, models: bool = True) -> None:
    """Binds everything, for one process. What is not configured stays unbound, and the domains do without.

    Args:
        settings: Of this process.
        models: Whether this process calls models. One that does not spares the memory of their client.

    Raises:
        SettingsError: A local embedding model is set that is not there.
    """
    _to_close.clear()
    mailer.bind(SmtpMailer(settings) if settings.smtp_server else ConsoleMailer())
    file_store.bind(LocalFileStore(settings.uploads_dir))
    recogniser = PageRecogniser(
        settings.ocr_languages,
        page_seconds=settings.ocr_page_seconds,
        document_seconds=settings.ocr_document_seconds,
        memory_mb=settings.parser_memory_mb,
    )
    reader = ChildReader(
        timeout_seconds=settings.parser_timeout_seconds,
        memory_mb=settings.parser_memory_mb,
        recogniser=recogniser if settings.ocr_languages else None,
    )
    document_reader.bind(reader)
    table_reader.bind(reader)
    malware_scanner.bind(ClamdScanner(settings.clamav_address) if settings.clamav_address else None)
    web_pages.bind(
        GuardedWebPages(
            max_bytes=settings.max_upload_mb * 1024 * 1024,
            trusted=trusted_names(settings.outgoing_trusted_hosts),
            sitemaps=SitemapReader(memory_mb=settings.parser_memory_mb),
        )
    )
    client = TelegramClient(settings.telegram_api_url)
    telegram.bind(client)
    _to_close.append(client.close)
    language_model.bind(None)
    embedder.bind(None)
    transcriber.bind(None)
    reranker.bind(None)
    if models and settings.rerank_url:
        from chatai.integrations.rerank import RerankClient

        judge = RerankClient(settings)
        reranker.bind(judge)
        _to_close.append(judge.close)
    if models and model_configured(settings):
        _bind_models(settings)
    if models and embeddings_configured(settings):
        _bind_embedder(settings)
    if models and speech_configured(settings):
        _bind_speech(settings)


def model_configured(settings: Settings) -> bool:
    """Whether there is a model to ask: a key, or a compatible endpoint that may need none."""
    return bool(settings.openai_api_key or settings.openai_base_url)


def embeddings_configured(settings: Settings) -> bool:
    """Whether there is an embedding model: a local one, or one of an endpoint."""
    return is_local(settings.embedding_model) or (bool(settings.embedding_model) and model_configured(settings))


def vision_configured(settings: Settings) -> bool:
    """Whether there is a chat model that sees pictures."""
    return settings.vision_enabled and model_configured(settings)


def speech_configured(settings: Settings) -> bool:
    """Whether there is a model that writes down speech, and an endpoint for it."""
    return bool(settings.transcription_model) and (
        model_configured(settings) or bool(settings.transcription_base_url or settings.transcription_api_key)
    )


def _bind_models(settings: Settings) -> None:
    from chatai.integrations.openai.chat import OpenAIChat

    chat = OpenAIChat(settings)
    language_model.bind(chat)
    _to_close.append(chat.close)


def _bind_embedder(settings: Settings) -> None:
    from chatai.integrations.embedders import Embedders

    vectors = Embedders(settings)
    embedder.bind(vectors)
    _to_close.append(vectors.close)


def _bind_speech(settings: Settings) -> None:
    from chatai.integrations.openai.speech import OpenAISpeech

    speech = OpenAISpeech(settings)
    transcriber.bind(speech)
    _to_close.append(speech.close)


async def close() -> None:
    """Closes what the integrations hold open."""
    while _to_close:
        await _to_close.pop()()
