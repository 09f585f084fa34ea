"""What a historic re-sync is asked with."""

from typing import Self

from pydantic import BaseModel, ConfigDict, model_validator

from shared.timestamps import Timestamp


class Resync(BaseModel):
    """The times of change to push again, both inclusive and in this order."""

    model_config = ConfigDict(extra="forbid")

    start_date: Timestamp
    end_date: Timestamp

    @model_validator(mode="after")
    def _forward(self) -> Self:
        if self.start_date > self.end_date:
            raise ValueError("start_date is after end_date")
        return self
