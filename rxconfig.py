"""What Reflex must know. Everything else is in `chatai.core.settings`."""

import reflex as rx

from chatai.core.settings import get_settings

settings = get_settings()
modes = rx.constants.StateManagerMode

config = rx.Config(
    app_name="chatai",
    backend_port=settings.port,
    backend_host=settings.host,
    # Pages and API share one origin; only these others may call with a person's cookie.
    cors_allowed_origins=settings.cors_origins,
    trusted_proxy_hops=settings.trusted_proxy_hops,
    redis_url=settings.redis_url.get_secret_value() if settings.redis_url else None,
    state_manager_mode=rx.constants.StateManagerMode.REDIS
    if settings.redis_url
    else rx.constants.StateManagerMode.MEMORY,
    telemetry_enabled=False,
    show_built_with_reflex=False,
    disable_plugins=[rx.plugins.SitemapPlugin],
    frontend_packages=["@fontsource-variable/onest@5.3.1"],  # the typeface, served by ourselves
)
