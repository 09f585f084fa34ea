"""Rolling storefronts back, rebuilding them, and rendering a product's images again."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field, TypeAdapter

from functions.ops.console.acts import Act, Done, Telling, Values, chosen
from functions.ops.console.rendering import Visit
from functions.ops.stores import ProductImages, Stores
from shared.assortments import StoreId

_generation = TypeAdapter[int](Annotated[int, Field(ge=1)])
_store_id = TypeAdapter[str](StoreId)
_product_id = TypeAdapter[str](Annotated[str, Field(pattern="^[A-Za-z0-9]{1,64}$")])


@dataclass(frozen=True)
class StoreActs:
    """What is done with storefronts and images."""

    stores: Stores
    images: ProductImages

    def acts(self) -> Mapping[str, Act]:
        return {
            "store.rollback": Act(("store", "generation"), self.tell_rollback, self.rollback),
            "store.rebuild": Act(("store",), self.tell_rebuild, self.rebuild),
            "image.render": Act(("product",), self.tell_render, self.render),
        }

    async def tell_rollback(self, visit: Visit, values: Values) -> Telling:
        """What shoppers see then."""
        store, generation = store_id_in(values), chosen(values, "generation", _generation)
        status = await self.stores.status(store, visit.token)
        return Telling(
            f"Serve generation {generation} of {store} again?",
            "Shoppers see it at once. It stays so until somebody asks for a rebuild: the next feed that changes "
            "something does.",
            "Roll the store back",
            [
                ("Store", store),
                ("Served now", f"generation {status['current']}"),
                ("Then", f"generation {generation}"),
            ],
            weight="grave",
        )

    async def rollback(self, visit: Visit, values: Values) -> Done:
        """Roll one back."""
        store, generation = store_id_in(values), chosen(values, "generation", _generation)
        await self.stores.rollback(store, generation, visit.session.who, visit.token)
        return Done(f"Generation {generation} of {store} is served again.")

    async def tell_rebuild(self, visit: Visit, values: Values) -> Telling:
        """What is built."""
        text = "A new generation is built of the prices and categories as they are now, and served once it is complete."
        store = store_id_in(values)
        return Telling(f"Rebuild {store}?", text, "Rebuild the store", [("Store", store)])

    async def rebuild(self, visit: Visit, values: Values) -> Done:
        """Ask for a rebuild."""
        store = store_id_in(values)
        asked = await self.stores.rebuild(store, visit.session.who, visit.token)
        return Done(f"{store} is going to be rebuilt (ticket {asked['ticket']}).")

    async def tell_render(self, visit: Visit, values: Values) -> Telling:
        """What is rendered."""
        text = "All images of the product are made anew of their originals. Shoppers see the old ones until then."
        product = product_id_in(values)
        return Telling("Render these images again?", text, "Render the images", [("Product", product)])

    async def render(self, visit: Visit, values: Values) -> Done:
        """Render those of a product."""
        begun = await self.images.render(product_id_in(values), visit.session.who, visit.token)
        images = begun["images"]
        return Done("1 image is rendered again." if images == 1 else f"{images} images are rendered again.")


def store_id_in(values: Values) -> str:
    """The id of a store.

    Raises:
        Problem: 422, no store can have such an id.
    """
    return chosen(values, "store", _store_id)


def product_id_in(values: Values) -> str:
    """The id of a product.

    Raises:
        Problem: 422, no product can have such an id.
    """
    return chosen(values, "product", _product_id)
