"""Who calls the catalog, and about which product."""

from starlette.requests import Request

from functions.products.catalog import no_product
from functions.products.model import PRODUCT_ID
from shared.auth import Authenticator, Principal

# A browser may keep a product, but asks each time whether it has changed; nobody in between may.
PRIVATE = {"Cache-Control": "private, no-cache"}


async def caller(auth: Authenticator, request: Request) -> Principal:
    """The seller or operator that calls.

    Raises:
        Problem: 401, 403 or 503, as :meth:`shared.auth.Authenticator.user`.
    """
    principal = await auth.user(request)
    principal.require("seller", "ops")
    return principal


def owner(principal: Principal) -> str | None:
    """Whose products the caller may touch; ``None`` for anybody's."""
    return None if principal.sees_all_accounts else principal.subject


def product_id_of(request: Request) -> str:
    """The id in the request's path.

    Raises:
        Problem: 404, no product can have such an id, nor can the database look for it.
    """
    product_id = str(request.path_params["product_id"])
    if not PRODUCT_ID.fullmatch(product_id):
        raise no_product(product_id)
    return product_id
