"""The two servers under comparison, both spoken to in raw protobuf messages over gRPC."""

import asyncio
import os
import shutil
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
from google.cloud.firestore_v1 import types

from infra.local.clock import Clock
from infra.local.firestore import CompositeIndex, FirestoreService
from tests.e2e.harness import free_port

_OWNER = (("authorization", "Bearer owner"),)
_SERVICE = "/google.firestore.v1.Firestore/"
_MAX_MESSAGE = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
_JAR = "platform/cloud-firestore-emulator/cloud-firestore-emulator.jar"
_MAIN = "com.google.cloud.datastore.emulator.firestore.CloudFirestore"


class Backend:
    """Calls RPCs by name. An answer is ``("OK", messages)`` or ``(status name, details)``."""

    def __init__(self, address: str) -> None:
        self._channel = grpc.aio.insecure_channel(address, options=_MAX_MESSAGE)

    async def unary(self, rpc: str, request: Any) -> tuple[str, Any]:
        call = self._channel.unary_unary(_SERVICE + rpc, _serialize, _response(rpc))
        try:
            return "OK", await call(request, metadata=_OWNER, wait_for_ready=True, timeout=30)
        except grpc.aio.AioRpcError as error:
            return error.code().name, error.details()

    async def stream(self, rpc: str, request: Any) -> tuple[str, Any]:
        call = self._channel.unary_stream(_SERVICE + rpc, _serialize, _response(rpc))
        try:
            return "OK", [
                each async for each in call(request, metadata=_OWNER, wait_for_ready=True, timeout=30)
            ]
        except grpc.aio.AioRpcError as error:
            return error.code().name, error.details()

    async def close(self) -> None:
        await self._channel.close()


def emulator_jar() -> Path | None:
    """Google's Firestore emulator, if the Cloud SDK and Java are installed."""
    gcloud = shutil.which("gcloud")
    if gcloud is None or shutil.which("java") is None:
        return None
    jar = Path(gcloud).resolve().parent.parent / _JAR
    return jar if jar.exists() else None


@asynccontextmanager
async def google(jar: Path) -> AsyncIterator[Backend]:
    """Google's emulator in a process of its own, ended on leaving."""
    port = free_port()
    # The second compiler would not earn back its work in so short a life.
    process = await asyncio.create_subprocess_exec(
        *(
            "java",
            "-Duser.language=en",
            "-XX:TieredStopAtLevel=1",
            "-cp",
            str(jar),
            _MAIN,
            "start",
            "--host=127.0.0.1",
            f"--port={port}",
        ),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )
    backend = Backend(f"127.0.0.1:{port}")
    try:
        yield backend
    finally:
        await backend.close()
        os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


@asynccontextmanager
async def local() -> AsyncIterator[Backend]:
    """Our stand-in, with composite indexes that the random queries can use."""
    composites = [
        CompositeIndex("t", [("a", "ASCENDING"), ("b", "DESCENDING")]),
        CompositeIndex("t", [("b", "ASCENDING"), ("c", "ASCENDING")]),
        CompositeIndex("t", [("arr", "CONTAINS"), ("a", "DESCENDING"), ("c", "DESCENDING")]),
        CompositeIndex("s", [("a", "DESCENDING"), ("b", "ASCENDING")]),
    ]
    service = FirestoreService(None, Clock(), composites=composites)
    server = grpc.aio.server(options=_MAX_MESSAGE)
    server.add_generic_rpc_handlers((service.handler(),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    backend = Backend(f"127.0.0.1:{port}")
    try:
        yield backend
    finally:
        await backend.close()
        await server.stop(None)
        service.close()


def _serialize(message: Any) -> bytes:
    return bytes(message.SerializeToString())


def _response(rpc: str) -> Any:
    return getattr(types, rpc + "Response").pb().FromString
