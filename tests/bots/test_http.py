"""The bots' HTTP client: what servers do, and what it makes of it."""

import asyncio
import ssl
from asyncio import selector_events, sslproto
from datetime import UTC, datetime, timedelta

import pytest
from aiogram import Bot
from aiogram.client.telegram import TelegramAPIServer
from aiogram.methods import SendDocument
from aiogram.types import BufferedInputFile
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from bots.http import (
    MAX_ANSWER_BYTES,
    PIECE_BYTES,
    RECEIVED_BYTES,
    HttpClient,
    HttpError,
    NotReached,
    Refused,
    read_by_less,
)
from bots.session import build_session

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Server:
    """Answers each request with the next of the given bytes; empty bytes: hangs up. Counts connections."""

    def __init__(self, *answers: bytes, tls: ssl.SSLContext | None = None) -> None:
        self.tls = tls
        self.answers = list(answers)
        self.connections = 0
        self.requests: list[bytes] = []

    async def __aenter__(self) -> "Server":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self.tls)
        scheme = "https" if self.tls else "http"
        self.url = f"{scheme}://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/bot123:secret/sendMessage"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while self.answers:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int((head.lower().partition(b"content-length:")[2].split() or [b"0"])[0])
                self.requests.append(head + await reader.readexactly(length))
                answer = self.answers.pop(0)
                writer.write(answer)
                await writer.drain()
                if not answer or b"close" in answer or b"HTTP/1.0" in answer:
                    break
        except asyncio.IncompleteReadError:
            return
        finally:
            writer.close()


def client() -> HttpClient:
    return HttpClient(ssl.create_default_context(), {"User-Agent": "test"})


async def post(http: HttpClient, url: str, seconds: float = 5.0) -> tuple[int, bytes]:
    return await http.post(url, '{"text":"Привет"}'.encode(), "application/json", seconds)


async def test_a_connection_is_kept_and_used_again():
    http = client()
    async with Server(OK, OK, OK) as server:
        assert [await post(http, server.url) for _ in range(3)] == [(200, b"ok")] * 3
        assert server.connections == 1
        assert server.requests[0].startswith(b"POST /bot123:secret/sendMessage HTTP/1.1\r\nHost: 127.0.0.1:")
        assert server.requests[0].endswith('Привет"}'.encode())
    http.close_idle()


@pytest.mark.parametrize(
    ("answer", "status", "body"),
    [
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nT: x\r\n\r\n",
            200,
            b"abcde",
        ),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 429 Too\r\ncontent-length:3\r\n\r\n{a}", 429, b"{a}"),
        (b"HTTP/1.1 502 Bad Gateway\r\nConnection: close\r\n\r\n<html>", 502, b"<html>"),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", 200, b"ok"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200, b""),
    ],
    ids=["chunked", "continue", "until the end", "an old server", "empty"],
)
async def test_what_servers_answer_is_read(answer, status, body):
    http = client()
    async with Server(answer, OK) as server:
        assert await post(http, server.url) == (status, body)
        assert await post(http, server.url) == (200, b"ok")
        assert server.connections == (2 if b"close" in answer or b"/1.0" in answer else 1)
    http.close_idle()


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 two\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (MAX_ANSWER_BYTES + 1),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n",
    ],
    ids=["nothing", "no HTTP", "no status", "half", "negative", "huge", "bad chunk", "negative chunk", "long head"],
)
async def test_what_is_no_answer_is_an_error_that_names_no_secret(answer):
    http = client()
    async with Server(answer, OK) as server:
        with pytest.raises(HttpError) as caught:
            await post(http, server.url)
        assert "secret" not in str(caught.value)
        assert await post(http, server.url) == (200, b"ok")  # on a connection of its own
        assert server.connections == 2
    http.close_idle()


async def test_a_server_that_does_not_answer_is_given_up_in_time():
    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    with pytest.raises(HttpError, match="too long"):
        await post(client(), f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/x", seconds=0.1)
    server.close()


async def test_what_never_left_is_known(free_port):
    with pytest.raises(NotReached, match="ConnectionRefusedError"):
        await post(client(), f"http://127.0.0.1:{free_port()}/x")
    with pytest.raises(NotReached, match="not one"):
        await post(client(), "http://127.0.0.1:9/x y\u0430")


async def test_a_connection_that_the_server_closed_meanwhile_is_not_used():
    http = client()
    async with Server(OK) as server:
        assert await post(http, server.url) == (200, b"ok")
        server.answers.append(OK)
        server._server.close()
    for connections in http._idle.values():
        await asyncio.wait_for(connections[0].reader.read(), 5)  # until its end has come
    with pytest.raises(NotReached):  # a new one, and nobody listens any more
        await post(http, server.url)


async def test_a_certificate_that_nobody_vouches_for_is_refused_and_a_known_one_is_not(tmp_path):
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
    certificate = builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "pem").write_bytes(certificate + private)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(tmp_path / "pem")
    trusting = ssl.create_default_context(cadata=certificate.decode())
    async with Server(OK, OK, tls=tls) as server:
        url = server.url.replace("127.0.0.1", "localhost")
        with pytest.raises(NotReached, match="CERTIFICATE_VERIFY_FAILED"):
            await post(client(), url)
        http = HttpClient(trusting, {})
        assert await post(http, url) == (200, b"ok")
        assert await post(http, url) == (200, b"ok")
        http.close_idle()
        with pytest.raises(NotReached, match="CERTIFICATE_VERIFY_FAILED"):  # of another name
            await post(HttpClient(trusting, {}), server.url)


async def fetch(url: str) -> list[bytes]:
    return [piece async for piece in client().fetch(url, 5.0)]


LONG = b"a" * (3 * PIECE_BYTES + 5)
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("answer", "content"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(LONG) + LONG, LONG),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", b""),
        (b"HTTP/1.0 200 OK\r\n\r\n" + LONG, LONG),
        (CHUNKED + b"%x\r\n" % len(LONG) + LONG + b"\r\n2;x=y\r\nbc\r\n0\r\n\r\n", LONG + b"bc"),
    ],
)
async def test_a_file_comes_in_pieces(answer, content):
    async with Server(answer) as server:
        pieces = await fetch(server.url)
        assert b"".join(pieces) == content
        assert all(len(piece) <= PIECE_BYTES for piece in pieces)
        assert server.requests[0].startswith(b"GET /bot123:secret/")


async def test_a_file_that_is_not_given_out_or_breaks_off_is_an_error_without_the_address():
    async with Server(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n") as server:
        with pytest.raises(Refused) as refused:
            await fetch(server.url)
        assert refused.value.status == 404
    async with Server(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nX: close\r\n\r\nab") as server:
        with pytest.raises(HttpError) as broken:
            await fetch(server.url)
        assert "secret" not in str(broken.value)
    with pytest.raises(NotReached):
        await fetch("http://127.0.0.1:1/a b")


def test_a_read_takes_no_more_than_it_needs(monkeypatch):
    for reader in (selector_events._SelectorTransport, sslproto.SSLProtocol):
        monkeypatch.setattr(reader, "max_size", reader.max_size)  # as it was, after this test
    read_by_less()
    assert selector_events._SelectorSocketTransport.max_size == RECEIVED_BYTES  # what a connection is made of


async def test_a_call_that_carries_a_file_is_refused_and_not_sent_without_it():
    session = build_session()
    call = SendDocument(chat_id=1, document=BufferedInputFile(b"words", "a.txt"))
    async with Server(OK) as server:
        session.api = TelegramAPIServer.from_base(server.url.partition("/bot")[0])
        with pytest.raises(TypeError, match="sendDocument carries a file"):
            await Bot("1:" + "a" * 35, session=session)(call)
        assert server.requests == []
    await session.close()
