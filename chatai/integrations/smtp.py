"""Mail over SMTP; without a mail server, printed to the console."""

from __future__ import annotations

import sys
from email.message import EmailMessage
from email.utils import formatdate, make_msgid

import aiosmtplib

from chatai.core.errors import Unavailable
from chatai.core.settings import Settings


class MailServerAway(Unavailable):
    code = "mail_server_away"
    en = "The mail server cannot be reached at the moment. The mail will be sent later."
    ru = "Почтовый сервер сейчас недоступен. Письмо будет отправлено позже."


class SmtpMailer:
    """Sends over the server in the settings: TLS from the start on port 465, STARTTLS elsewhere."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def send(self, to: str, subject: str, text: str) -> None:
        """Raises: MailServerAway: The server can't be reached or did not take the mail; worth another try."""
        settings = self._settings
        mail = EmailMessage()
        mail["From"] = settings.smtp_from or settings.smtp_username
        mail["To"] = to
        mail["Subject"] = subject
        mail["Date"] = formatdate(usegmt=True)
        mail["Message-ID"] = make_msgid(domain="chatai.invalid")
        mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no holiday replies
        mail.set_content(text)
        from_the_start = settings.smtp_port == 465
        try:
            await aiosmtplib.send(
                mail,
                hostname=settings.smtp_server,
                port=settings.smtp_port,
                username=settings.smtp_username or None,
                password=settings.smtp_password.get_secret_value() if settings.smtp_password else None,
                use_tls=from_the_start,
                start_tls=settings.smtp_starttls and not from_the_start,
                timeout=20,
            )
        except (aiosmtplib.SMTPException, OSError) as error:
            raise MailServerAway from error


class ConsoleMailer:
    """Prints each mail, for an installation without a mail server."""

    async def send(self, to: str, subject: str, text: str) -> None:
        body = "\n".join(f"  {line}" for line in text.strip().splitlines())
        sys.stdout.write(
            f"No mail server is set (SMTP_SERVER), so here is the mail:\n  To: {to}\n  {subject}\n\n{body}\n"
        )
        sys.stdout.flush()
