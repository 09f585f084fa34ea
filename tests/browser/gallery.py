"""Every page there is, with something on it: a demo's shops, and what an operator may find there on a bad day."""

from collections.abc import Mapping

from tests.browser.world import HOSTILE, World

CONSOLE = "/ops/console"
STORE = "torino"
# What those pages answer that are not 200.
STATUSES = {"not-found": 404, "refused": 422}


def furnish(world: World) -> Mapping[str, str]:
    """Make it happen; the addresses of all pages, by name."""
    product = world.create_product(
        "Gas lantern", product_images=[world.picture(f"photo-{n}.jpg") for n in (1, 2)]
    )
    damaged = world.create_product("Torn tent", product_images=[world.picture("truncated.jpg")])
    world.refused_product("Boots that nobody wants")
    letter = world.letter(
        "a long one", {"return_id": "RET-000001", "notes": [HOSTILE] * 40}, f"{HOSTILE} {'x' * 900}"
    )
    discarded = world.letter("discarded", {"return_id": "RET-000002", "run_id": "r1"}, "no such thing")
    world.operate(f"dead-letters/{discarded}:discard", {"reason": "The warehouse has sent it again."})
    world.spoil_index(lost="RET-000003", altered="RET-000004", added="RET-999999")
    world.audit_all()
    world.faults(algolia={"rate_5xx": 1})
    world.put_return("RET-NEW")
    world.fire("returnsUpdateCron")
    world.operate("queues/imageFetch:pause")
    return {
        **_of_runs(world),
        **_of_letters(letter, discarded),
        **_of_products(product, damaged),
        **_of_stores(),
        **_of_questions(letter, discarded),
        "overview": "/ops",
        "actions": f"{CONSOLE}/actions",
        "not-found": f"{CONSOLE}/nothing",
    }


def _of_runs(world: World) -> Mapping[str, str]:
    runs = {kind: world.runs(kind)[0]["id"] for kind in ("sync", "prices", "audit")}
    audits = {run["subject"]: run["id"] for run in world.runs("audit")}
    return {
        **{f"runs-{kind}": f"{CONSOLE}/runs?kind={kind}" for kind in (*runs, "repair", "reindex")},
        **{f"run-{kind}": f"{CONSOLE}/runs/{kind}/{run}" for kind, run in runs.items()},
        "audits": f"{CONSOLE}/audits",
        "audit": f"{CONSOLE}/audits/{audits['returns']}",
        "audit-unsettled": f"{CONSOLE}/audits/{audits['products']}",
        "audit-clean": f"{CONSOLE}/audits/{audits['images']}",
    }


def _of_letters(letter: str, discarded: str) -> Mapping[str, str]:
    return {
        "dead-letters": f"{CONSOLE}/dead-letters?status=all",
        "dead-letters-of-a-queue": f"{CONSOLE}/dead-letters?queue=supplyChainSync",
        "dead-letter": f"{CONSOLE}/dead-letters/{letter}",
        "dead-letter-discarded": f"{CONSOLE}/dead-letters/{discarded}",
    }


def _of_products(product: str, damaged: str) -> Mapping[str, str]:
    return {
        "images": f"{CONSOLE}/images",
        "images-of-a-product": f"{CONSOLE}/images?product={product}",
        "images-damaged": f"{CONSOLE}/images?product={damaged}",
        "images-of-nothing": f"{CONSOLE}/images?product=nothing",
    }


def _of_stores() -> Mapping[str, str]:
    return {
        "stores": f"{CONSOLE}/stores",
        "store": f"{CONSOLE}/stores?store={STORE}",
        "store-unknown": f"{CONSOLE}/stores?store=nowhere",
    }


def _of_questions(letter: str, discarded: str) -> Mapping[str, str]:
    """What is asked before something is done."""
    return {
        "confirm-replay": f"{CONSOLE}/do/dead-letter.replay?letter={letter}",
        "confirm-discard": f"{CONSOLE}/do/dead-letter.discard?letter={letter}",
        "confirm-closed": f"{CONSOLE}/do/dead-letter.replay?letter={discarded}",
        "confirm-forced": f"{CONSOLE}/do/job.start?kind=reindex&subject=returns&forced=1",
        "confirm-resync": f"{CONSOLE}/do/sync.resync",
        "confirm-rollback": f"{CONSOLE}/do/store.rollback?store={STORE}&generation=1",
        "refused": f"{CONSOLE}/do/job.start?kind=nonsense",
    }
