"""Many small requests in one: ``multipart/mixed`` of HTTP requests, answered by one of HTTP answers.

Source: https://cloud.google.com/storage/docs/batch
"""

import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from email import message_from_bytes
from email.message import Message
from http import HTTPStatus

from aiohttp import ClientSession, MultipartReader, web
from yarl import URL

from .errors import invalid, unimplemented

_MAX_REQUESTS = 100


@dataclass(frozen=True)
class Inner:
    """A request in a batch."""

    content_id: str
    method: str
    target: str
    headers: dict[str, str]
    body: bytes


async def answer_batch(request: web.Request) -> web.Response:
    """Send each request to this very server, one after the other, and collect the answers."""
    if not request.content_type.startswith("multipart/"):
        raise invalid("A batch is multipart/mixed.")
    host, port = request.get_extra_info("sockname")[:2]
    server = URL.build(scheme="http", host=host, port=port)
    boundary = f"batch_{uuid.uuid4().hex}"
    async with ClientSession(auto_decompress=False) as session:
        answers = [await _ask(session, server, request.host, inner) async for inner in _requests(request)]
    body = b"".join(b"--%s\r\n%s\r\n" % (boundary.encode(), answer) for answer in answers)
    return web.Response(
        body=body + b"--%s--\r\n" % boundary.encode(),
        headers={"Content-Type": f'multipart/mixed; boundary="{boundary}"'},
    )


async def _requests(request: web.Request) -> AsyncIterator[Inner]:
    count, reader = 0, MultipartReader(request.headers, request.content)
    while (part := await reader.next()) is not None:
        count += 1
        if isinstance(part, MultipartReader) or count > _MAX_REQUESTS:
            raise invalid(f"A batch has at most {_MAX_REQUESTS} requests.")
        yield _parse(bytes(await part.read()), part.headers.get("Content-ID", f"<{count}>"))


def _parse(content: bytes, content_id: str) -> Inner:
    line, _, rest = content.replace(b"\r\n", b"\n").lstrip().partition(b"\n")
    try:
        method, target, _ = line.decode().split(" ")
    except ValueError:
        raise invalid(f"{line!r} is no request line.") from None
    message: Message = message_from_bytes(rest)
    if "/upload/" in target or "alt=media" in target:
        raise unimplemented("uploads and downloads in a batch (nor does Google do them)")
    headers = {key: value for key, value in message.items() if key.lower() != "host"}
    return Inner(content_id, method, target, headers, str(message.get_payload()).strip().encode())


async def _ask(session: ClientSession, server: URL, host: str, inner: Inner) -> bytes:
    url = URL(inner.target, encoded=True)
    at = server.with_path(url.raw_path, encoded=True).with_query(None)
    at = URL(f"{at}?{url.raw_query_string}" if url.raw_query_string else str(at), encoded=True)
    headers = {**inner.headers, "Host": host, "Accept-Encoding": "identity"}
    headers.pop("Content-Length", None)
    async with session.request(inner.method, at, data=inner.body or None, headers=headers) as response:
        body = await response.read()
        status = HTTPStatus(response.status)
    head = (
        f"Content-Type: application/http\r\nContent-ID: <response-{inner.content_id.strip('<>')}>\r\n\r\n"
        f"HTTP/1.1 {status.value} {status.phrase}\r\n"
        f"Content-Type: application/json; charset=UTF-8\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body
