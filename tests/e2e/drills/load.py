"""Load on all rooms at once, by people who keep a ledger of what was acknowledged, and what must be so in the end."""

import random
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from typing import Any

import httpx

from tests.e2e.campaign import Campaign
from tests.e2e.catalog_campaign import CatalogCampaign
from tests.e2e.drills.night import Night, drift
from tests.e2e.image_campaign import ImageCampaign
from tests.e2e.storefront_campaign import StorefrontCampaign

RETURN_IDS = [f"R-{number}" for number in range(1_500)]
# A third of what is said of returns is that they are cancelled; a search that finds less has met half an index.
FEWEST_FOUND = len(RETURN_IDS) // 3
PRODUCTS = 4
# The functions' process is killed this long after it has come back, in seconds.
LULL = (0.5, 6.0)
# Between two of what a person does, and two looks at a job.
PAUSE_SECONDS = 0.3
SCHEDULES = (
    "returnsUpdateCron",
    "outboxSweeper",
    "imageSweeper",
    "priceRunSweeper",
    "storefrontSweeper",
    "jobSweeper",
)
JOBS = [("audit", "returns"), ("reindex", "returns"), ("audit", "products"), ("audit", "images")]


class Photographer(ImageCampaign):
    """A seller whose pictures are all sound, so that each must be rendered in the end."""

    def _any_picture(self, dice: random.Random) -> str:
        return self.gallery.at(f"photo-{dice.randint(1, 9)}.jpg", width=64, height=48, own=dice.random())


class Load:
    """Everybody at work, as long as they are let.

    Args:
        seed: what people do follows from it; how it meets with the kills does not.
    """

    def __init__(self, night: Night, seed: int) -> None:
        self.night = night
        self.dice = random.Random(seed)
        self.warehouse = Campaign(night.cloud, seed)
        self.catalog = CatalogCampaign(night.cloud, seed + 1)
        self.photographer = Photographer(night.cloud, seed + 2)
        self.retailer = StorefrontCampaign(night.cloud, seed + 3)
        # How often what was done, and what requests were answered.
        self.done: Counter[str] = Counter()
        self.answers: Counter[int] = Counter()
        self._over = threading.Event()
        self._products: list[str] = []
        self._pictured: list[str] = []
        night.cloud.http.event_hooks = {"response": [self._count]}

    def _count(self, answer: httpx.Response) -> None:
        if not answer.request.url.path.startswith("/_local/"):
            self.answers[answer.status_code] += 1

    def open_for_business(self) -> None:
        """All returns, some products and a feed of each store are in, before anything goes wrong."""
        for start in range(0, len(RETURN_IDS), 500):
            self.warehouse.put(*(self.warehouse.message(each) for each in RETURN_IDS[start : start + 500]))
        self._products = [self.catalog.create(f"first{number}") for number in range(PRODUCTS)]
        self._pictured = [self.photographer.create(f"pictured{number}") for number in range(PRODUCTS)]
        self.retailer.begin()
        self.night.pass_time(timedelta(minutes=15))
        self.night.quiet()

    def work_for(self, seconds: float) -> None:
        """Everybody works and the functions are killed, for so long; then what is under way is ended."""
        people: list[Callable[[random.Random], None]] = [
            self._send_returns,
            self._sell,
            self._take_pictures,
            self._set_prices,
            self._look,
            self._fire_schedules,
            self._kill,
        ]
        with ThreadPoolExecutor(len(people) + 1) as several:
            at_work = [several.submit(self._keep_on, each, str(self.dice.random())) for each in people]
            at_work.append(several.submit(self._operate))
            self._over.wait(seconds)
            self._over.set()
        for each in at_work:
            each.result()

    def _keep_on(self, work: Callable[[random.Random], None], seed: str) -> None:
        dice = random.Random(seed)
        while not self._over.is_set():
            try:
                work(dice)
            except BaseException:
                self._over.set()
                raise
            self.done[work.__name__.strip("_").replace("_", " ")] += 1
            self._over.wait(dice.uniform(0, PAUSE_SECONDS))

    # What each of them does, once

    def _send_returns(self, dice: random.Random) -> None:
        if dice.random() < 0.1:
            self.warehouse.remove(dice.choice(RETURN_IDS))
            return
        status = dice.choice(["approved", "approved", "cancelled"])
        changed = dice.sample(RETURN_IDS, dice.randint(1, 40))
        self.warehouse.put(*(self.warehouse.message(each, status=status) for each in changed))

    def _sell(self, dice: random.Random) -> None:
        word = f"w{dice.getrandbits(48):x}"
        if dice.random() < 0.1:
            self._products.append(self.catalog.create(word))
            return
        self.catalog.add_word(dice.choice(self._products), word, dice.choice(["PATCH", "PUT"]))

    def _take_pictures(self, dice: random.Random) -> None:
        product_id = dice.choice(self._pictured)
        if dice.random() < 0.7:
            self.photographer.arrange(product_id, dice)
        else:
            self.photographer.upload(product_id)

    def _set_prices(self, dice: random.Random) -> None:
        store, word = dice.choice(self.retailer.stores), dice.getrandbits(48)
        match dice.choice(["feed", "feed", "sale", "category", "rebuild"]):
            case "feed":
                self.retailer.drop_feed(word, dice)
            case "sale":
                self.retailer.sell(store, f"batch{word}", dice)
            case "category":
                category, parent = dice.sample(self.retailer.categories, 2)
                self.retailer.change_category(category, parent, f"Name {word}")
            case "rebuild":
                self.retailer.ask_for(store, "rebuild")

    def _look(self, dice: random.Random) -> None:
        """Shoppers and the front end: they may be told to come back, and never anything that is wrong."""
        query = {"q": "", "per_page": dice.randint(1, 50)}
        headers = self.night.cloud.token("seller", account="acme")
        with suppress(httpx.TransportError):
            found = self.night.cloud.http.get(
                "/search-order-return-index-data", params=query, headers=headers
            )
            assert found.status_code in (200, 502, 503), found.text
            assert not found.is_success or found.json()["total"] > FEWEST_FOUND
        with suppress(httpx.TransportError):
            page = self.night.cloud.http.get(f"/storefront/{dice.choice(self.retailer.stores)}")
            assert page.status_code in (200, 502, 503), page.text

    def _fire_schedules(self, dice: random.Random) -> None:
        self.night.run_schedule(dice.choice(SCHEDULES))

    def _kill(self, dice: random.Random) -> None:
        self._over.wait(dice.uniform(*LULL))
        self.night.told("POST", "/_local/functions:kill")

    # The operator

    def _operate(self) -> None:
        """One job after the other, each to its end."""
        number = 0
        while not self._over.is_set():
            kind, subject = JOBS[number % len(JOBS)]
            number += 1
            answer = self._asked("POST", "/jobs", json={"kind": kind, "subject": subject})
            if answer is None or answer.status_code != 202:
                # Begun after all, if only the answer was lost.
                assert answer is None or answer.status_code in (409, 502, 503), answer.text
                self._over.wait(PAUSE_SECONDS)
                continue
            self._follow(kind, answer.json()["id"])

    def _follow(self, kind: str, run_id: str) -> None:
        while not self._over.wait(PAUSE_SECONDS):
            answer = self._asked("GET", f"/runs/{kind}/{run_id}")
            if answer is not None and answer.is_success and answer.json()["finished_at"]:
                return

    def _asked(self, method: str, path: str, **request: Any) -> httpx.Response | None:
        try:
            return self.night.ask(method, path, **request)
        except httpx.TransportError:
            return None

    # The end

    def until_quiet(self) -> None:
        """Nothing more is to happen to anything; an operator has replayed what had died."""
        # Before time leaps: a job without a sign of life for ten minutes counts as lost.
        self.night.quiet()
        for _ in range(3):
            self.retailer.until_quiet()
            self.photographer.until_quiet()
            self.catalog.until_quiet()
            self.night.quiet()
            if not self.night.replay_all():
                break
        self.retailer.mend()
        # Who dies between a file and the image that it is for leaves a file of nobody, which is deleted in two nights.
        self.photographer.sweep_orphans()
        self.night.quiet()
        self.night.pass_time(timedelta(minutes=30))

    def check(self) -> None:
        """Whatever was acknowledged is there, and everything follows from it."""
        stored = self.warehouse.check_sync()
        self.night.note(
            f"returns: the index is the projection of all {len(stored)}; none acknowledged is lost"
        )
        self.catalog.check()
        written = sum(len(words) for words in self.catalog.words.values())
        self.night.note(f"products: all {written} acknowledged writes are there, and at the partner")
        self.photographer.check()
        self.photographer.check_replayed()
        self.night.note("images: each is rendered, and its product shows it")
        self.retailer.check()
        self.night.note(f"storefronts: as the last of {len(self.retailer.feeds)} feeds has it, item by item")
        self._check_jobs()

    def _check_jobs(self) -> None:
        """Each came to its end, and none took what was under way for drift."""
        for kind in ("audit", "reindex"):
            runs = self.night.runs(kind)
            for run in runs:
                assert run["status"] == "done", run
                assert kind == "reindex" or not drift(run["counts"]), run
            records = sum(run["done"] for run in runs)
            self.night.note(f"{kind}: {len(runs)} done meanwhile, {records} records in all")
