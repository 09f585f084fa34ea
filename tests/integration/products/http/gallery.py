"""Images of products over HTTP: links, uploads, and fetches when a test says so."""

import io
import json
from dataclasses import dataclass
from typing import Any

import httpx
from google.cloud.tasks_v2 import ListTasksRequest, Task
from PIL import Image

from shared.images import IMAGE_FETCH
from tests.e2e.clients import cloud_tasks, queue_path
from tests.e2e.harness import LocalCloud
from tests.integration.products.http.caller import Caller

WIDTH, HEIGHT = 96, 64


def picture(color: str = "orange") -> bytes:
    """A small PNG."""
    file = io.BytesIO()
    Image.new("RGB", (WIDTH, HEIGHT), color).save(file, "PNG", compress_level=0)
    return file.getvalue()


@dataclass(frozen=True)
class Gallery:
    """What a seller does with images, and what happens to them."""

    system: LocalCloud
    seller: Caller

    def url(self, seed: int, query: str = "width=96&height=64") -> str:
        """Where a picture is that may be fetched."""
        return f"{self.system.base_url}/_local/pictures/photo-{seed}.jpg?{query}"

    def link(self, product_id: str, content_type: str = "image/png") -> dict[str, Any]:
        """A link for an upload."""
        answer = self.seller("POST", f"/{product_id}/images", json={"content_type": content_type})
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    def upload(self, product_id: str, data: bytes | None = None) -> dict[str, Any]:
        """Upload an image, and let it come to its end; the link."""
        link = self.link(product_id)
        sent = httpx.put(link["url"], headers=link["headers"], content=picture() if data is None else data)
        assert sent.status_code == 200, sent.text
        self.settle()
        return link

    def tasks(self, product_id: str) -> list[str]:
        """The names of the tasks that would fetch a product's images."""
        asked = ListTasksRequest(
            parent=queue_path(self.system, IMAGE_FETCH.name), response_view=Task.View.FULL, page_size=1000
        )
        with cloud_tasks(self.system) as tasks:
            return [
                task.name
                for task in tasks.list_tasks(asked)
                if json.loads(task.http_request.body)["product_id"] == product_id
            ]

    def fetch(self, product_id: str) -> None:
        """Have a product's images fetched, and let them come to their end."""
        with cloud_tasks(self.system) as tasks:
            for name in self.tasks(product_id):
                tasks.run_task(name=name)
        self.settle()

    def settle(self) -> None:
        """Let everything come to its end."""
        self.system.http.post("/_local/idle?timeout=25").raise_for_status()

    def product(self, product_id: str) -> dict[str, Any]:
        """A product as its seller sees it now."""
        return dict(self.seller("GET", f"/{product_id}").raise_for_status().json())

    def states(self, product_id: str) -> list[dict[str, Any]]:
        """How far its images are."""
        return list(self.seller("GET", f"/{product_id}/images").raise_for_status().json()["images"])
