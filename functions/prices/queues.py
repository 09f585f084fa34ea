"""The queue of price updates and the shape of its tasks."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from shared.assortments import StoreId
from shared.tasks import Queue

RunId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{24}$")]


class UpdateTask(BaseModel):
    """Bring a chunk of a store's lines of a feed into its assortment.

    ``series`` counts how often the store was run anew; tasks of earlier ones have nothing left to do.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    run_id: RunId
    store_id: StoreId
    series: int = Field(ge=0)
    chunk: int = Field(ge=0)

    @property
    def key(self) -> str:
        return f"{self.run_id}/{self.store_id}/{self.series}/{self.chunk}"


PRICE_UPDATES = Queue("priceUpdates", "update-prices", UpdateTask, max_attempts=10)
