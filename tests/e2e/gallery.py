"""The images of a seller's products on a running local cloud: how they come, what is shown of them, and which files
there are."""

import io
import json
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlencode

import httpx
from PIL import Image

from tests.e2e.clients import bucket
from tests.e2e.harness import LocalCloud
from tests.e2e.shop import Shop

QUEUE = "imageFetch"
JPEG = {"content_type": "image/jpeg"}


class Gallery:
    """One seller's images."""

    def __init__(self, cloud: LocalCloud, seller: str = "ann") -> None:
        self.cloud = cloud
        self.shop = Shop(cloud, seller)
        self.uploads = bucket(cloud, "UPLOADS_BUCKET")
        self.images = bucket(cloud, "IMAGES_BUCKET")

    # The seller

    def at(self, name: str, **query: object) -> str:
        """The URL of a picture of somebody else's."""
        return f"{self.cloud.base_url}/_local/pictures/{name}" + (f"?{urlencode(query)}" if query else "")

    def link(self, product_id: str) -> dict[str, Any]:
        """A link to upload a JPEG to."""
        answer = self.shop.ask("POST", f"/{product_id}/images", json=JPEG)
        assert answer.status_code == 201, answer.text
        link: dict[str, Any] = answer.json()
        return link

    def send(self, link: dict[str, Any], data: bytes) -> httpx.Response:
        """Upload to a link, as a page in a browser does."""
        return httpx.request(link["method"], link["url"], headers=link["headers"], content=data)

    def product(self, product_id: str) -> dict[str, Any]:
        """A product as it is shown, once nothing more is under way."""
        self.shop.idle()
        return self.shop.get(product_id)

    def arrange(self, product_id: str, urls: Iterable[str]) -> None:
        """Have a product show the images at ``urls``."""
        self.shop.ask("PATCH", f"/{product_id}", json={"product_images": list(urls)}).raise_for_status()

    # The operators

    def letters(self, product_id: str) -> dict[str, dict[str, Any]]:
        """The open dead letters about a product's images, by image."""
        operator = self.cloud.token("ops", sub="olga")
        query: dict[str, Any] = {"queue": QUEUE, "status": "open", "limit": 100}
        answer = self.cloud.http.get("/ops/dead-letters", params=query, headers=operator).raise_for_status()
        ours = [
            letter
            for letter in answer.json()["dead_letters"]
            if letter["payload"]["product_id"] == product_id
        ]
        found = {letter["payload"]["image_id"]: letter for letter in ours}
        assert len(found) == len(ours), f"more than one letter about an image: {json.dumps(ours, indent=1)}"
        return found

    # The files

    def originals(self, product_id: str) -> set[str]:
        """The names of a product's objects in the private bucket."""
        return {blob.name for blob in self.uploads.list_blobs(prefix=f"products/{product_id}/")}

    def renditions(self, product_id: str) -> set[str]:
        """The names of a product's objects in the public bucket."""
        return {blob.name for blob in self.images.list_blobs(prefix=f"products/{product_id}/")}


def taken_at_home(width: int, height: int) -> bytes:
    """A photograph as a telephone makes it: it says where and by whom it was taken, and lies on its side."""
    picture = Image.effect_noise((width, height), 60).convert("RGB")
    exif = picture.getexif()
    for tag, value in {0x0112: 6, 0x0110: "Telephone 7", 0x013B: "Ann", 0x8298: "Ann & Co"}.items():
        exif[tag] = value
    exif.get_ifd(0x8825)[1] = "N"
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=95, exif=exif)
    return file.getvalue()
