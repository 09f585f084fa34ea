"""Every page there is, with something on it: a demo's shops, and what an operator may find there on a bad day."""

from collections.abc import Mapping

from tests.browser.world import HOSTILE, World

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
    runs = {kind: world.runs(kind)[0]["id"] for kind in ("sync", "prices", "audit")}
    console = "/ops/console"
    audits = {run["subject"]: run["id"] for run in world.runs("audit")}
    return {
        "overview": "/ops",
        **{f"runs-{kind}": f"{console}/runs?kind={kind}" for kind in (*runs, "repair", "reindex")},
        **{f"run-{kind}": f"{console}/runs/{kind}/{run}" for kind, run in runs.items()},
        "dead-letters": f"{console}/dead-letters?status=all",
        "dead-letters-of-a-queue": f"{console}/dead-letters?queue=supplyChainSync",
        "dead-letter": f"{console}/dead-letters/{letter}",
        "dead-letter-discarded": f"{console}/dead-letters/{discarded}",
        "audits": f"{console}/audits",
        "audit": f"{console}/audits/{audits['returns']}",
        "audit-clean": f"{console}/audits/{audits['products']}",
        "images": f"{console}/images",
        "images-of-a-product": f"{console}/images?product={product}",
        "images-damaged": f"{console}/images?product={damaged}",
        "images-of-nothing": f"{console}/images?product=nothing",
        "stores": f"{console}/stores",
        "store": f"{console}/stores?store={STORE}",
        "store-unknown": f"{console}/stores?store=nowhere",
        "actions": f"{console}/actions",
        "confirm-replay": f"{console}/do/dead-letter.replay?letter={letter}",
        "confirm-discard": f"{console}/do/dead-letter.discard?letter={letter}",
        "confirm-closed": f"{console}/do/dead-letter.replay?letter={discarded}",
        "confirm-forced": f"{console}/do/job.start?kind=reindex&subject=returns&forced=1",
        "confirm-resync": f"{console}/do/sync.resync",
        "confirm-rollback": f"{console}/do/store.rollback?store={STORE}&generation=1",
        "not-found": f"{console}/nothing",
        "refused": f"{console}/do/job.start?kind=nonsense",
    }
