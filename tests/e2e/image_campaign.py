"""Images in trouble: a seeded series of products that come, change and go with their images, over HTTP.

Meanwhile events and tasks come twice, late and out of order, answers are lost, buckets fail and functions are killed in
deliveries.
"""

import random
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import httpx

from shared import images, outbox
from tests.e2e.clients import documents, firestore
from tests.e2e.gallery import QUEUE, Gallery, taken_at_home
from tests.e2e.harness import LocalCloud
from tests.e2e.shop import product

# More than a claim on an image, the longest pause of its events and tasks, and the time between sweeps.
PAUSE_SECONDS = 700
# In which no sweep comes, most of the time.
MOMENT = timedelta(seconds=30)
# Few enough for sellers and deliveries to meet.
PRODUCTS = 4
# What nobody will ever make anything of, by what is said of it.
BAD = {"missing.jpg": "404", "page.jpg": "HTML", "truncated.jpg": "damaged", "bomb.png": "pixels"}

_WEIGHTS = {
    "arrange": 14,
    "upload": 8,
    "again": 5,
    "time": 12,
    "sweep": 3,
    "create": 2,
    "remove": 2,
    "kill": 1,
}


def faults(seed: int) -> dict[str, Any]:
    """Everything that can go wrong, at rates at which most work still succeeds within its attempts."""
    attempts = {"duplicate_rate": 0.25, "delay_rate": 0.2, "error_rate": 0.1, "kill_rate": 0.15}
    return {
        "seed": seed,
        **attempts,
        "create_error_rate": 0.1,
        "create_lost_answer_rate": 0.1,
        "events": {"seed": seed, **attempts},
        "storage": {"seed": seed, "error_rate": 0.15, "lost_answer_rate": 0.15, "latency_ms": 2},
        "firestore": {"seed": seed, "unavailable_rate": 0.02, "lost_answer_rate": 0.02},
        "functions": {"seed": seed, "crash_rate": 0.03},
    }


class ImageCampaign:
    """One seller through all of it, and what must be so in the end."""

    def __init__(self, cloud: LocalCloud, seed: int) -> None:
        self.seed = seed
        self.dice = random.Random(seed)
        self.gallery = Gallery(cloud, seller=f"seller{seed}")
        self.shop = self.gallery.shop
        self.database = firestore(cloud)
        self.links: list[dict[str, Any]] = []
        # What was acknowledged: the newest version of each product, and its images then.
        self.arranged: dict[str, tuple[int, list[str]]] = {}
        self.picture = taken_at_home(60, 40)

    # What a client does, again and again until it is answered

    def create(self, word: str) -> str:
        """Add a product without images."""
        for _ in range(40):
            answer = self._asked("POST", "", json=product(word), headers={"Idempotency-Key": word})
            if answer is not None and answer.status_code == 201:
                return str(answer.json()["id"])
            # Who had this key first may have died: its claim is over after a while.
            self.shop.told("POST", "/_local/clock:advance", {"seconds": 21})
        raise AssertionError(f"product {word} is never acknowledged")

    def arrange(self, product_id: str, dice: random.Random) -> None:
        """Take images out, put some in, and change their order, unless somebody else is quicker."""
        found = self._asked("GET", f"/{product_id}")
        if found is None or found.status_code == 404:
            return
        before = found.json()["product_images"]
        urls = [url for url in before if dice.random() < 0.7]
        urls += [self._any_picture(dice) for _ in range(dice.randint(0, 2))]
        dice.shuffle(urls)
        changes = {"product_images": urls}
        unchanged = {"If-Match": found.headers["ETag"]}
        answer = self._asked("PATCH", f"/{product_id}", json=changes, headers=unchanged)
        assert answer is None or answer.status_code in (200, 404, 412), answer.text
        if answer is not None and answer.status_code == 200:
            written = int(answer.json()["version"]), list(answer.json()["product_images"])
            self.arranged[product_id] = max(written, self.arranged.get(product_id, written))

    def _any_picture(self, dice: random.Random) -> str:
        match dice.choices(["photo", "flaky", "bad"], [6, 2, 1])[0]:
            case "photo":
                return self.gallery.at(f"photo-{dice.randint(1, 9)}.jpg", width=48, height=36)
            case "flaky":
                own = f"{self.seed}-{dice.random()}"
                return self.gallery.at("flaky.jpg", times=dice.randint(1, 3), width=32, height=32, own=own)
        return self.gallery.at(dice.choice(list(BAD)))

    def upload(self, product_id: str) -> None:
        """Ask for a link, and send a picture to it."""
        answer = self._asked("POST", f"/{product_id}/images", json={"content_type": "image/jpeg"})
        if answer is not None and answer.status_code == 201:
            self.links.append(answer.json())
            self.send(self.links[-1])

    def send(self, link: Mapping[str, Any]) -> None:
        """Upload to a link, used or not; the bucket may have enough of it."""
        try:
            answer = self.gallery.send(dict(link), self.picture)
        except httpx.TransportError:
            return
        # 400: the clock has leapt beyond the end of the link.
        assert answer.status_code in (200, 400, 503), answer.text

    def remove(self, product_id: str) -> None:
        self._asked("DELETE", f"/{product_id}")

    def _asked(self, method: str, path: str, **request: Any) -> httpx.Response | None:
        """An answer that is no sign of trouble, if there is one."""
        try:
            answer = self.shop.ask(method, path, **request)
        except httpx.TransportError:
            return None
        # A token made before the clock leapt is no good.
        return None if answer.status_code in (401, 500, 502, 503) else answer

    # A series of it

    def trouble(self, steps: int) -> None:
        """``steps`` random events, some of them while the ones before are still under way."""
        self.shop.set_faults(**faults(self.seed))
        product_ids = [self.create(f"s{self.seed}p{number}") for number in range(PRODUCTS)]
        events = [self._event(step, product_ids) for step in range(steps)]
        with ThreadPoolExecutor(3) as several:
            for under_way in [several.submit(event) for event in events]:
                under_way.result()

    def _event(self, step: int, product_ids: list[str]) -> Callable[[], object]:
        product_id = self.dice.choice(product_ids)
        own = random.Random(f"{self.seed}:{step}")
        match self.dice.choices(list(_WEIGHTS), list(_WEIGHTS.values()))[0]:
            case "arrange":
                return lambda: self.arrange(product_id, own)
            case "upload":
                return lambda: self.upload(product_id)
            case "again":
                return lambda: self.send(own.choice(self.links)) if self.links else None
            case "create":
                return lambda: self.arrange(self.create(f"s{self.seed}e{step}"), own)
            case "remove":
                return lambda: self.remove(product_id)
            case "sweep":
                return lambda: self.shop.told("POST", "/_local/schedules/imageSweeper:run")
            case "kill":
                return self.shop.kill_functions
        seconds = self.dice.choice([1, 11, 30, 61, 130, 700, 1_900])
        return lambda: self.shop.told("POST", "/_local/clock:advance", {"seconds": seconds})

    # The end

    def until_quiet(self) -> None:
        """No more trouble: time passes until nothing more is to happen to any image or product."""
        self.shop.set_faults()
        self.shop.idle()
        for _ in range(40):
            if not self._unsettled():
                return
            self.shop.advance(PAUSE_SECONDS)
            self._await_delivery()
        raise AssertionError(f"still to happen: {self._unsettled()}")

    def _await_delivery(self) -> None:
        """Let time pass until a product's next delivery, which had better meet no sweep, or it waits for hours."""
        pending = {event["product_id"] for event in self._pending().values()}
        times = [time for product_id in pending if (time := self.shop.next_attempt(product_id))]
        if times:
            self.shop.advance_to(min(times) - MOMENT)
            self.shop.advance_to(min(times))

    def _pending(self) -> dict[str, dict[str, Any]]:
        events = documents(self.database, outbox.COLLECTION)
        return {name: event for name, event in events.items() if event["status"] == "pending"}

    def _unsettled(self) -> list[str]:
        waiting = [image_id for image_id, image in self._images().items() if image["deadline"] is not None]
        owed = [event["subject"] for event in self.gallery.cloud.http.get("/_local/events").json()]
        queues = self.gallery.cloud.http.get("/_local/queues").json()
        return [
            *waiting,
            *self._pending(),
            *owed,
            *(name for name, queue in queues.items() if queue["depth"]),
        ]

    def replay_letters(self) -> None:
        """An operator tries again all that failed."""
        operator = self.gallery.cloud.token("ops", sub="olga")
        asked = {"queue": QUEUE}
        answer = self.gallery.cloud.http.post("/ops/dead-letters:replay", json=asked, headers=operator)
        assert (answer.status_code, answer.json()["failed"]) == (200, []), answer.text
        self.until_quiet()

    def sweep_orphans(self) -> None:
        """Two nights pass."""
        for _ in range(2):
            self.shop.advance(86_400)

    def check(self) -> None:
        """Each image is done, or has failed with one letter; there are the files of images, and no others."""
        stored, products = self._images(), self._products()
        letters: dict[str, Any] = {}
        for product_id in {image["product_id"] for image in stored.values()}:
            assert product_id in products, f"images of {product_id} outlive it"
            letters |= self.gallery.letters(product_id)
        for image_id, image in stored.items():
            assert image["status"] in ("done", "failed"), (image_id, image)
            reason = letters[image_id]["error"] if image_id in letters else ""
            assert reason == image["error"], (image_id, image, letters.get(image_id))
        for product_id, fields in products.items():
            version, urls = self.arranged.get(product_id, (0, []))
            assert fields["version"] >= version
            assert fields["version"] > version or fields["product_images"] == urls
            ours = {name: image for name, image in stored.items() if image["product_id"] == product_id}
            _check_shown(fields, ours)
            self._check_files(product_id, ours)

    def _check_files(self, product_id: str, ours: dict[str, dict[str, Any]]) -> None:
        renditions = {name for image in ours.values() for name in image["renditions"]}
        assert self.gallery.renditions(product_id) == renditions
        originals = {name.rpartition("/")[2] for name in self.gallery.originals(product_id)}
        done = {name for name, image in ours.items() if image["status"] == "done"}
        assert done <= originals, f"originals of {product_id} are gone: {done - originals}"
        assert originals <= ours.keys(), f"originals of nobody: {product_id}, {originals - ours.keys()}"

    def check_replayed(self) -> None:
        """Tried again without trouble, only what can never be done has failed."""
        for image_id, image in self._images().items():
            name = str(image["source"]).partition("/_local/pictures/")[2]
            if name in BAD:
                assert BAD[name] in image["error"], (image_id, image)
            else:
                assert image["status"] == "done", (image_id, image)

    def _products(self) -> dict[str, dict[str, Any]]:
        every = documents(self.database, "products")
        return {name: fields for name, fields in every.items() if fields["user_id"] == self.shop.seller}

    def _images(self) -> dict[str, dict[str, Any]]:
        """The images of this campaign, and those whose product is gone: whose they were cannot be told."""
        owners = {name: fields["user_id"] for name, fields in documents(self.database, "products").items()}
        return {
            name: image
            for name, image in documents(self.database, images.COLLECTION).items()
            if owners.get(image["product_id"], self.shop.seller) == self.shop.seller
        }


def _check_shown(fields: dict[str, Any], ours: dict[str, dict[str, Any]]) -> None:
    """See that a product shows each of its images as it is."""
    assert fields | images.shown(fields["images"]) == fields
    entries = {entry["id"]: entry for entry in fields["images"]}
    # An upload that failed has not joined its product.
    joined = {name for name, image in ours.items() if image["status"] == "done" or not image["uploaded"]}
    assert joined <= entries.keys() <= ours.keys()
    for name, entry in entries.items():
        image = ours[name]
        assert (entry["status"], entry["error"]) == (image["status"], image["error"]), (entry, image)
        shown = {str(each["url"]).partition("/_local/images/")[2] for each in entry["renditions"]}
        assert shown == set(image["renditions"])
        assert shown or image["status"] == "failed"
