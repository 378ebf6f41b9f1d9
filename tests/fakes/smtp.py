"""A mail server that keeps what it is given.

    with FakeSMTP() as server:                                   # plain, anyone may send
    with FakeSMTP(starttls=True, accounts={"shop": "secret"})    # STARTTLS with a certificate of its own, and a log-in
    ...
    mail = server.wait_for_mail()
    mail.to, mail.message["Subject"], mail.text

It runs in a thread of its own, so tests with and without a loop can use it. `ca_file` is what a client has to trust.
"""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import ssl
import tempfile
import threading
import time
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Self

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HOST = "127.0.0.1"


@dataclass(frozen=True)
class Mail:
    """A mail as it was handed over. `login` is the name that was logged in, `encrypted` whether TLS was on."""

    sender: str
    to: tuple[str, ...]
    message: EmailMessage
    login: str
    encrypted: bool

    @property
    def text(self) -> str:
        """The plain text part."""
        part = self.message.get_body(("plain",))
        return part.get_content() if part else ""

    @property
    def html(self) -> str:
        part = self.message.get_body(("html",))
        return part.get_content() if part else ""


class FakeSMTP:
    """A mail server on a free port.

    Attributes:
        mails: What came, oldest first.
        refuse: Recipients that are refused, with the server's answer, such as `550 No such user`.
        port: Where it listens; -1 before it is started.
    """

    def __init__(
        self, *, starttls: bool = False, implicit_tls: bool = False, accounts: dict[str, str] | None = None
    ) -> None:
        self.mails: list[Mail] = []
        self.refuse: dict[str, str] = {}
        self.port = -1
        self.host = HOST
        self._starttls = starttls
        self._implicit_tls = implicit_tls
        self._accounts = accounts
        self._came = threading.Condition()
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fake-smtp", daemon=True)
        self._server: asyncio.Server | None = None

    @property
    def ca_file(self) -> Path:
        """The certificate that a client has to trust."""
        if self._folder is None:
            raise RuntimeError("this server has no TLS or is not running")
        return Path(self._folder.name) / "certificate.pem"

    def __enter__(self) -> Self:
        context = None
        if self._starttls or self._implicit_tls:
            self._folder = tempfile.TemporaryDirectory(prefix="fake-smtp-")
            context = _server_context(Path(self._folder.name))
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._start(context), self._loop).result(10)
        return self

    def __exit__(self, *_error: object) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()
        if self._folder:
            self._folder.cleanup()
            self._folder = None

    async def _start(self, context: ssl.SSLContext | None) -> None:
        def protocol() -> SMTP:
            return SMTP(
                _Handler(self, self._implicit_tls),
                hostname="localhost",
                loop=self._loop,
                tls_context=context if self._starttls else None,
                require_starttls=self._starttls,
                authenticator=self._authenticate if self._accounts is not None else None,
                auth_required=self._accounts is not None,
                auth_require_tls=self._starttls,
                enable_SMTPUTF8=True,
            )

        implicit = context if self._implicit_tls else None
        self._server = await self._loop.create_server(protocol, HOST, 0, ssl=implicit)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _stop(self) -> None:
        if self._server:
            self._server.close()
            await self._server.wait_closed()
        handlers = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in handlers:
            task.cancel()
        await asyncio.gather(*handlers, return_exceptions=True)

    def wait_for_mail(self, count: int = 1, *, to: str = "", within: float = 10.0) -> Mail:
        """The last of the first `count` mails (to this address, if given), once they are there.

        Raises:
            TimeoutError: They did not come within so many seconds.
        """
        deadline = time.monotonic() + within
        with self._came:
            while True:
                found = [mail for mail in self.mails if not to or to in mail.to]
                if len(found) >= count:
                    return found[count - 1]
                left = deadline - time.monotonic()
                if left <= 0 or not self._came.wait(left):
                    raise TimeoutError(f"{len(found)} of {count} mails came")

    def keep(self, mail: Mail) -> None:
        with self._came:
            self.mails.append(mail)
            self._came.notify_all()

    def _authenticate(
        self, _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: object
    ) -> AuthResult:
        good = (
            isinstance(data, LoginPassword)
            and (self._accounts or {}).get(data.login.decode()) == data.password.decode()
        )
        return AuthResult(success=good, handled=False, auth_data=data)


class _Handler:
    """What aiosmtpd calls. Apart from the server, whose properties aiosmtpd would read while it looks for methods."""

    def __init__(self, fake: FakeSMTP, implicit_tls: bool) -> None:
        self.fake = fake
        self.implicit_tls = implicit_tls

    async def handle_RCPT(
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if answer := self.fake.refuse.get(address):
            return answer
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, session: Session, envelope: Envelope) -> str:
        content = envelope.content if isinstance(envelope.content, bytes) else str(envelope.content).encode()
        login = session.auth_data.login.decode() if isinstance(session.auth_data, LoginPassword) else ""
        mail = Mail(
            sender=str(envelope.mail_from),
            to=tuple(envelope.rcpt_tos),
            message=message_from_bytes(content.replace(b"\r\n", b"\n"), policy=policy.default),
            login=login,
            encrypted=self.implicit_tls or session.ssl is not None,
        )
        self.fake.keep(mail)
        return "250 OK: kept"


def _server_context(folder: Path) -> ssl.SSLContext:
    """TLS with a certificate made for this run, for the loopback address and `localhost`."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    today = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - datetime.timedelta(days=1))
        .not_valid_after(today + datetime.timedelta(days=2))
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address(HOST))]), False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "certificate.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "certificate.pem", folder / "key.pem")
    return context
