"""The stand-in mail server, seen by the mail client of the product."""

from __future__ import annotations

import asyncio
import ssl
from email.message import EmailMessage

import aiosmtplib
import pytest

from tests.fakes.smtp import FakeSMTP


def letter(to: str = "anna@example.com") -> EmailMessage:
    message = EmailMessage()
    message["From"] = "shop@example.com"
    message["To"] = to
    message["Subject"] = "Подтвердите адрес"
    message.set_content("Ссылка: https://example.com/confirm\n")
    message.add_alternative("<p>Ссылка</p>", subtype="html")
    return message


async def test_a_mail_is_kept_as_it_came() -> None:
    with FakeSMTP() as server:
        await aiosmtplib.send(letter(), hostname=server.host, port=server.port, start_tls=False)
        mail = server.wait_for_mail(to="anna@example.com")
        assert (mail.sender, mail.to, mail.encrypted) == ("shop@example.com", ("anna@example.com",), False)
        assert mail.message["Subject"] == "Подтвердите адрес"
        assert mail.text == "Ссылка: https://example.com/confirm\n"
        assert mail.html.strip() == "<p>Ссылка</p>"


async def test_starttls_and_a_log_in() -> None:
    with FakeSMTP(starttls=True, accounts={"shop": "right"}) as server:
        context = await asyncio.to_thread(ssl.create_default_context, cafile=server.ca_file)
        where = {"hostname": server.host, "port": server.port, "start_tls": True, "tls_context": context}
        await aiosmtplib.send(letter(), username="shop", password="right", **where)
        mail = server.wait_for_mail()
        assert (mail.login, mail.encrypted) == ("shop", True)
        with pytest.raises(aiosmtplib.SMTPAuthenticationError):
            await aiosmtplib.send(letter(), username="shop", password="wrong", **where)
        with pytest.raises(aiosmtplib.SMTPException):
            await aiosmtplib.send(letter(), **where)
        with pytest.raises(aiosmtplib.SMTPException):
            await aiosmtplib.send(letter(), hostname=server.host, port=server.port, start_tls=False)
        assert len(server.mails) == 1


async def test_a_client_that_does_not_trust_it_refuses() -> None:
    with FakeSMTP(starttls=True) as server:
        with pytest.raises((aiosmtplib.SMTPException, ssl.SSLError)):
            await aiosmtplib.send(letter(), hostname=server.host, port=server.port, start_tls=True)
        assert server.mails == []


async def test_tls_from_the_start() -> None:
    with FakeSMTP(implicit_tls=True) as server:
        context = await asyncio.to_thread(ssl.create_default_context, cafile=server.ca_file)
        await aiosmtplib.send(letter(), hostname=server.host, port=server.port, use_tls=True, tls_context=context)
        assert server.wait_for_mail().encrypted


async def test_a_refused_recipient_and_a_mail_that_never_comes() -> None:
    with FakeSMTP() as server:
        server.refuse["gone@example.com"] = "550 5.1.1 No such user"
        with pytest.raises(aiosmtplib.SMTPRecipientsRefused):
            await aiosmtplib.send(letter("gone@example.com"), hostname=server.host, port=server.port, start_tls=False)
        with pytest.raises(TimeoutError, match="0 of 1 mails came"):
            server.wait_for_mail(within=0.05)
