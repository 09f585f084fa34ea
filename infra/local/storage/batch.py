"""Many small requests in one: ``multipart/mixed`` of HTTP requests, answered by one of HTTP answers.

Source: https://cloud.google.com/storage/docs/batch
"""

import uuid
from dataclasses import dataclass
from email import message_from_bytes
from email.message import Message
from http import HTTPStatus

from aiohttp import ClientSession, web
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
    wanted = _requests(request.headers.get("Content-Type", ""), await request.read())
    host, port = request.get_extra_info("sockname")[:2]
    server = f"http://{host}:{port}"
    boundary = f"batch_{uuid.uuid4().hex}"
    async with ClientSession(auto_decompress=False) as session:
        answers = [await _ask(session, server, request.host, inner) for inner in wanted]
    body = b"".join(b"--%s\r\n%s\r\n" % (boundary.encode(), answer) for answer in answers)
    return web.Response(
        body=body + b"--%s--\r\n" % boundary.encode(),
        headers={"Content-Type": f'multipart/mixed; boundary="{boundary}"'},
    )


def _requests(content_type: str, body: bytes) -> list[Inner]:
    """The client ends lines like a text file's, not like HTTP's: the standard library takes both."""
    batch = message_from_bytes(b"Content-Type: %s\r\n\r\n%s" % (content_type.encode(), body))
    parts = batch.get_payload()
    if not isinstance(parts, list) or len(parts) > _MAX_REQUESTS:
        raise invalid(f"A batch has parts, {_MAX_REQUESTS} at most.")
    return [
        _parse(str(part.get_payload()).encode(), part.get("Content-ID", f"<{number}>"))
        for number, part in enumerate(parts)
        if isinstance(part, Message)
    ]


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


async def _ask(session: ClientSession, server: str, host: str, inner: Inner) -> bytes:
    path = URL(inner.target, encoded=True).raw_path_qs
    at = URL(f"{server}{path}", encoded=True)
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
