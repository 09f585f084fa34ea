"""What the health of the system is answered as, for the OpenAPI document."""

from datetime import datetime

from pydantic import Field

from functions.ops.health import HealthStatus
from shared.openapi import AnswerBody


class CheckView(AnswerBody):
    """One thing that was looked at."""

    name: str
    status: HealthStatus
    detail: str = Field(description="What was found.")
    value: float | None = Field(description="In seconds or pieces, for charts.")
    advice: str = Field(description="What to do about it; empty where nothing is to be done.")
    quote: str = Field(description="What somebody else said of it, cut short; empty if nobody did.")


class HealthView(AnswerBody):
    """Whether all is well, and what that is concluded from."""

    status: HealthStatus
    sentence: str = Field(description="It says it all, the worst first.")
    checks: list[CheckView] = Field(description="The most important first.")
    at: datetime


class PulseView(AnswerBody):
    """Whether all is well, for whoever asks."""

    status: HealthStatus
