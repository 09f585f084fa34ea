"""Each page, without anything to show and with a lot of it; and what goes with every page."""

import re
from datetime import timedelta
from html.parser import HTMLParser
from typing import Any

import httpx
import pytest
from google.cloud.firestore import AsyncClient

from infra.local.clock import Clock
from shared.clock import utc_now
from shared.jobs.findings import Finding, Findings
from shared.jobs.records import Job, Subject, fields_of
from tests.integration.ops.conftest import Letters
from tests.integration.ops.console.conftest import Visitor, readable
from tests.integration.storefront import world as storefront

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>\u202e\"'&"
# A tick.
GOOD_ICON = 'd="m3 8.5'
PAGES = (
    "",
    "/console/runs",
    *(f"/console/runs?kind={kind}" for kind in ("prices", "audit", "repair", "reindex")),
    "/console/dead-letters",
    "/console/dead-letters?status=all&queue=imageFetch&function=f",
    *("/console/audits", "/console/images", "/console/stores", "/console/actions"),
    "/console/do/sync.resync",
    "/console/do/job.start?kind=audit&subject=returns",
)
NOT_THERE = (
    "/console/nothing",
    "/console/runs?kind=walks",
    "/console/runs/audit/nothing",
    "/console/runs/sync/../../products",
    f"/console/dead-letters/{'0' * 32}",
    "/console/dead-letters/x",
    "/console/audits/nothing",
    "/console/originals/p1/i1",
    "/console/originals/p1/..%2fi1",
    f"/console/do/dead-letter.replay?letter={'0' * 32}",
    "/console/do/nothing",
)


def policy(base_url: str) -> str:
    return (
        f"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' {base_url}/_local/images/; "
        "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    )


def guarded(answer: httpx.Response, base_url: str) -> None:
    """What holds of every page: its headers, and that nothing of it is code."""
    headers = answer.headers
    assert headers["content-security-policy"] == policy(base_url), answer.url
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cross-origin-opener-policy"] == headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["cache-control"] == "no-store"
    assert not Code(answer.text).found, answer.url


class Code(HTMLParser):
    """What of a page a browser would run, or take for style."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self._in = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self._in = tag
        self.found += [f"{tag} {name}" for name, _ in attributes if name == "style" or name.startswith("on")]
        addresses = [value or "" for name, value in attributes if name in ("href", "src", "action")]
        self.found += [each for each in addresses if re.match(r"\s*(javascript|data):", each, re.IGNORECASE)]
        self.found += [tag] if tag in ("style", "iframe", "object", "embed", "base") else []

    def handle_data(self, data: str) -> None:
        self.found += [data] if self._in == "script" and data.strip() else []

    def handle_endtag(self, tag: str) -> None:
        self._in = ""


async def test_each_page_is_there_before_anything_has_happened(visitor: Visitor, functions: str) -> None:
    for path in PAGES:
        answer = await visitor.http.get(f"/ops{path}")
        assert answer.status_code == 200, (path, answer.text)
        guarded(answer, functions)


async def test_what_is_not_there_is_said_to_be_missing(visitor: Visitor, functions: str) -> None:
    for path in NOT_THERE:
        answer = await visitor.http.get(f"/ops{path}")
        assert answer.status_code == 404, (path, answer.text)
        if answer.headers["content-type"].startswith("text/html"):
            guarded(answer, functions)


async def test_a_query_that_makes_no_sense_is_refused_on_a_page(visitor: Visitor, functions: str) -> None:
    for path in (
        "/console/dead-letters?queue=noSuchQueue",
        "/console/dead-letters?cursor=AAAA",
        "/console/runs?cursor=AAAA",
        "/console/actions?cursor=AAAA",
        "/console/stores?store=%2e%2e%2fx",
        "/console/images?product=a%2fb",
        "/console/do/store.rollback?store=milano&generation=0",
        "/console/do/run.cancel?kind=walk&run=x",
    ):
        answer = await visitor.http.get(f"/ops{path}")
        assert answer.status_code == 422, (path, answer.text)
        guarded(answer, functions)


async def test_whatever_a_letter_holds_stays_text(visitor: Visitor, letters: Letters, functions: str) -> None:
    letter = await letters.add(
        payload={"return_id": HOSTILE, "run_id": HOSTILE, "huge": "y" * 100_000}, error=HOSTILE
    )
    for path in ("", "/console/dead-letters", f"/console/dead-letters/{letter}"):
        answer = await visitor.http.get(f"/ops{path}")
        guarded(answer, functions)
        assert "\u202e" not in answer.text
        assert "\\u202e" in answer.text
        assert len(answer.text) < 60_000
    text = readable(re.sub(r"&lt;", "‹", await visitor.page(f"/console/dead-letters/{letter}")))
    assert "‹script>alert(1)‹/script>" in text


async def test_whatever_is_asked_for_stays_text(visitor: Visitor, functions: str) -> None:
    for path in ("/console/do/queue.pause", "/console/do/schedule.run"):
        answer = await visitor.http.get(f"/ops{path}", params={"name": HOSTILE, "back": HOSTILE})
        guarded(answer, functions)
    for name in ("queue", "status", "function", "cursor"):
        guarded(await visitor.http.get("/ops/console/dead-letters", params={name: HOSTILE}), functions)


async def test_letters_are_chosen_and_leafed_through(visitor: Visitor, letters: Letters) -> None:
    for number in range(26):
        await letters.add(key=f"other-{number}")
    await letters.add("imageFetch", payload={"product_id": "p1"})
    page = await visitor.page("/console/dead-letters", queue="returnSyncProcessing")
    assert (page.count('id="letter-'), '<span id="total">26</span>' in page) == (25, True)
    (older,) = re.findall(r'rel="next" href="([^"]+)"', page)
    following = await visitor.http.get(older.replace("&amp;", "&"))
    assert following.text.count('id="letter-') == 1
    assert (await visitor.page("/console/dead-letters", queue="imageFetch")).count('id="letter-') == 1
    assert (await visitor.page("/console/dead-letters", status="discarded")).count('id="letter-') == 0


async def audit(db: AsyncClient, **fields: Any) -> str:
    """An audit that has ended, as its record is kept."""
    now = utc_now()
    job = Job(
        **{
            "id": "audit-returns-20261121T200000-0badcafe",
            "kind": "audit",
            "subject": "returns",
            "status": "done",
            "phase": "done",
            "step": 3,
            "series": 0,
            "created_at": now,
            "created_by": "olga",
            "trace": "",
            "started_at": now,
            "finished_at": now,
        }
        | fields
    )
    await db.collection("jobs").document(job.id).set(fields_of(job))
    return job.id


async def test_an_audit_shows_what_it_has_found(visitor: Visitor, db: AsyncClient) -> None:
    counts = {"checked": 700, "missing": 650, "different": 1}
    by_account = {"acme": {"missing": 650}, HOSTILE: {"different": 1}}
    job = await audit(db, done=1_400, counts=counts, by_account=by_account)
    found = [Finding("missing", f"R-{number:03}", "acme") for number in range(650)]
    batch = db.batch()
    Findings(db).write(batch, job, 0, found, utc_now())
    Findings(db).write(
        batch, job, 1, [Finding("different", HOSTILE, HOSTILE, {"fields": HOSTILE})], utc_now()
    )
    await batch.commit()
    path = f"/console/audits/{job}"
    assert "651 of 700 records are not as they should be." in await visitor.text(path)
    assert await leafed(visitor, path) == [*(each.id for each in found), HOSTILE.replace("\u202e", "\\u202e")]
    assert await leafed(visitor, path, kind="different") == [HOSTILE.replace("\u202e", "\\u202e")]
    assert len(await leafed(visitor, path, account="acme")) == 650
    for wrong in ({"kind": "lost"}, {"cursor": "x"}, {"cursor": "-~audit-products-1~1"}):
        assert (await visitor.http.get(f"/ops{path}", params=wrong)).status_code == 422
    assert "Repair…" in await visitor.text(path)


async def leafed(visitor: Visitor, path: str, **query: str) -> list[str]:
    """The ids of the findings on all pages of a list."""
    ids: list[str] = []
    page = await visitor.page(path, **query)
    while True:
        rows = re.findall(r'<th scope="row"><code><bdi>(.*?)</bdi>', page)
        ids += [readable(re.sub("&lt;", "\0", row)).replace("\0", "<") for row in rows]
        following = re.findall(r'rel="next" href="([^"]+)"', page)
        if not following:
            return ids
        page = (await visitor.http.get(following[0].replace("&amp;", "&"))).text


async def test_an_audit_without_drift_says_so(visitor: Visitor, db: AsyncClient) -> None:
    job = await audit(db, done=10, counts={"checked": 5})
    text = await visitor.text(f"/console/audits/{job}")
    assert "All 5 records are as they should be." in text
    assert "Repair…" not in text


@pytest.mark.parametrize(
    ("subject", "counts", "said", "listed"),
    [
        ("returns", {"unprojectable": 1}, "1 cannot be indexed as it is", "1 unprojectable"),
        ("returns", {"pending": 3}, "3 are on their way to the index", "3 pending"),
        ("images", {"pending": 1}, "1 is being worked on", "1 pending"),
        (
            "products",
            {"dead": 2, "pending": 1},
            "2 wait for an operator as dead letters, 1 is on its way to the supply chain",
            "2 dead, 1 pending",
        ),
    ],
)
async def test_an_audit_does_not_call_well_what_it_could_not_judge(
    visitor: Visitor, db: AsyncClient, subject: Subject, counts: dict[str, int], said: str, listed: str
) -> None:
    job = await audit(db, subject=subject, done=9, counts={"checked": 9, **counts})
    page = await visitor.page(f"/console/audits/{job}")
    (result,) = re.findall(r'<p class="result".*?</p>', page, re.DOTALL)
    assert readable(result) == f"Nothing wrong was found in 9 records; {said}."
    assert GOOD_ICON not in result
    row = readable((await visitor.page("/console/audits")).split(f'id="job-{job}">')[1].split("</tr>")[0])
    assert f"nothing wrong found, {listed}" in row
    assert "all as it should be" not in row


async def test_what_an_audit_could_not_judge_is_told_beside_what_is_wrong(
    visitor: Visitor, db: AsyncClient
) -> None:
    counts = {"checked": 9, "missing": 4, "extra": 0, "dead": 1}
    job = await audit(db, subject="products", done=9, counts=counts)
    text = await visitor.text(f"/console/audits/{job}")
    assert "4 of 9 records are not as they should be; 1 waits for an operator as a dead letter." in text
    assert "4 missing, 1 dead in the audit of" in await visitor.text("/console/audits")


def subject_part(page: str, subject: Subject) -> str:
    """What the page of audits has of a subject."""
    return page.split(f'id="subject-{subject}"')[1].split("</section>")[0]


async def test_a_subject_is_not_forgotten_for_what_was_done_about_another(
    visitor: Visitor, db: AsyncClient
) -> None:
    now = utc_now()
    job = await audit(db, id="audit-products-old", subject="products", created_at=now - timedelta(days=1))
    for number in range(21):
        at = now - timedelta(minutes=number)
        await audit(db, id=f"audit-returns-{number:02}", created_at=at, finished_at=at)
    page = await visitor.page("/console/audits")
    assert f'id="job-{job}"' in subject_part(page, "products")
    newest = [f"audit-returns-{number:02}" for number in range(5)]
    assert re.findall(r'id="job-([^"]+)"', subject_part(page, "returns")) == newest
    assert "Never audited." in subject_part(page, "images")


async def test_an_old_job_that_was_resumed_is_seen_to_be_active(visitor: Visitor, db: AsyncClient) -> None:
    now = utc_now()
    resumed = {"status": "running", "created_at": now - timedelta(days=1), "finished_at": None}
    old = await audit(db, id="audit-returns-old", **resumed)
    await db.collection("job_slots").document("returns").set({"job_id": old})
    for number in range(6):
        await audit(db, id=f"audit-returns-{number}", created_at=now - timedelta(minutes=number))
    part = subject_part(await visitor.page("/console/audits"), "returns")
    assert f'id="job-{old}"' in part
    assert "Audit…" not in part


async def test_what_is_told_about_health_says_nothing_that_time_alone_changes(
    visitor: Visitor, letters: Letters, olga: httpx.AsyncClient
) -> None:
    await letters.add()
    (await olga.post("/queues/imageFetch:pause")).raise_for_status()
    page = await visitor.page("")
    bad = re.findall(r"<a [^>]*>([^<]+)</a>", page.split('id="bad-checks"')[1].split("</ul>")[0])
    assert {"dead letters", "queues"} <= set(bad)
    (told,) = re.findall(r"<(?:\w+)[^>]* aria-live=[^>]*>([^<]*)<", page)
    assert told == f"Degraded: {', '.join(bad)}."


async def test_how_long_a_session_lasts_is_among_what_is_brought_up_to_date(visitor: Visitor) -> None:
    (live,) = re.findall(r'<span id="live-time">.*?</span>', await visitor.page(""))
    assert re.search(r"Your session ends in \d+ (s|min)\.$", readable(live))


async def test_a_store_says_where_deeper_categories_have_gone(visitor: Visitor, db: AsyncClient) -> None:
    store = storefront.World(db, Clock())
    await store.furnish()
    await store.change()
    await store.run_all()
    page = await visitor.page("/console/stores", store=storefront.STORE)
    for category in storefront.TREE:
        assert f">{category.name}</span>" in page
    assert "Three levels, as shoppers have them: what is in a deeper category counts" in readable(page)


async def test_the_pages_own_files_may_be_kept_for_good(stranger: Visitor) -> None:
    form = (await stranger.http.get("/ops/console/sign-in")).text
    files = re.findall(r'(?:href|src)="(/ops/console/static/[^"]+)"', form)
    types = {}
    for file in files:
        answer = await stranger.http.get(file)
        types[file.rpartition("/")[2]] = answer.headers["content-type"]
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert answer.headers["x-content-type-options"] == "nosniff"
    assert types == {
        "app.css": "text/css; charset=utf-8",
        "app.js": "text/javascript; charset=utf-8",
        "icon.svg": "image/svg+xml",
    }
    of_another_revision = await stranger.http.get("/ops/console/static/0123456789abcdef/app.css")
    assert (of_another_revision.status_code, of_another_revision.headers["cache-control"]) == (
        200,
        "no-store",
    )


@pytest.mark.parametrize("name", ["base.html", "..%2f__init__.py", "%2e%2e/app.py", "", "app.css%00"])
async def test_no_other_file_is_served(stranger: Visitor, name: str) -> None:
    answer = await stranger.http.get(f"/ops/console/static/0123456789abcdef/{name}")
    assert answer.status_code in (303, 404)


async def test_what_another_function_does_not_know_is_said_on_its_part_of_the_page(visitor: Visitor) -> None:
    assert "There is no storefront of 'nowhere'." in await visitor.text("/console/stores", store="nowhere")
    assert "no product" in await visitor.text("/console/images", product="nowhere")
