"""Links to the bucket of originals: one to upload an image, good for 15 minutes, and one to look at it."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field

from shared.clock import Clock
from shared.images import MAX_ORIGINAL_BYTES, original_name
from shared.openapi import AnswerBody

if TYPE_CHECKING:
    from google.auth.credentials import Signing
    from google.cloud.storage import Bucket

_UPLOAD_WITHIN = timedelta(minutes=15)
_LOOK_WITHIN = timedelta(minutes=5)

UploadType = Literal[
    "image/jpeg",
    "image/png",
    "image/webp",
    "image/avif",
    "image/gif",
    "image/tiff",
    "image/heic",
    "image/heif",
]


class UploadRequest(BaseModel):
    """The image that is going to be uploaded."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    content_type: UploadType


class UploadLink(AnswerBody):
    """Where to send the bytes of an image, with which method and headers: exactly these are signed."""

    image_id: str
    method: Literal["PUT"]
    url: str
    headers: dict[str, str]
    expires_at: datetime
    source: str = Field(description="What will stand for it in `product_images`, once it is done.")


@dataclass(frozen=True)
class Uploads:
    """Signs links. Both clients are made when first needed, since most instances never sign one."""

    bucket: Callable[[], "Bucket"]
    signer: Callable[[], "Signing"]
    clock: Clock

    async def link(
        self, product_id: str, image_id: str, content_type: str
    ) -> tuple[str, dict[str, str], datetime]:
        """A link to which the original of an image may be sent: its URL, the headers that go with it, and its end."""
        headers = {"Content-Type": content_type, "x-goog-content-length-range": f"1,{MAX_ORIGINAL_BYTES}"}
        expires_at = self.clock() + _UPLOAD_WITHIN
        url = await asyncio.to_thread(self._sign, product_id, image_id, "PUT", headers, _UPLOAD_WITHIN)
        return url, headers, expires_at

    async def original(self, product_id: str, image_id: str) -> str:
        """A link at which the original of an image can be read for 5 minutes."""
        return await asyncio.to_thread(self._sign, product_id, image_id, "GET", {}, _LOOK_WITHIN)

    def _sign(
        self, product_id: str, image_id: str, method: str, headers: dict[str, str], within: timedelta
    ) -> str:
        url: str = (
            self.bucket()
            .blob(original_name(product_id, image_id))
            .generate_signed_url(
                version="v4",
                method=method,
                expiration=within,
                # A copy, since the client adds its own to them, which no page may set.
                headers=dict(headers),
                credentials=self.signer(),
            )
        )
        return url
