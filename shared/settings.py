"""What differs between deployments, read from the environment once and immutable from then on."""

import os
from collections.abc import Mapping
from functools import cache
from typing import Annotated, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    HttpUrl,
    StringConstraints,
    ValidationError,
    field_validator,
)

from shared.errors import ConfigurationError

Text = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
Url = Annotated[str, StringConstraints(pattern=r"^https?://[^\s/]+[^\s]*[^\s/]$")]


class Settings(BaseModel):
    """One field for each environment variable of the same name in upper case.

    The audience of users' tokens has no default on purpose: without one, a token made for any other
    service would be good here.
    """

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    google_cloud_project: Text
    region: Text = "europe-west1"
    base_url: Url = Field(description="A function is reached at {base_url}/{name}.")

    function_url_template: str = Field(
        "{base_url}/{name}",
        pattern=r"^[^{}]*(\{base_url\})?[^{}]*\{name\}[^{}]*$",
        description="Where a function is called by the platform, if not there: 'https://{name}-123.region.run.app'.",
    )

    auth_issuer: Text = Field(description="`iss` of users' tokens.")
    auth_audience: Text = Field(description="`aud` of users' tokens.")
    auth_jwks_url: Url

    platform_issuer: Text = "https://accounts.google.com"
    platform_jwks_url: Url = "https://www.googleapis.com/oauth2/v3/certs"
    tasks_service_account: Text = Field(description="The identity with which Cloud Tasks calls functions.")
    scheduler_service_account: Text = Field(description="The identity with which Cloud Scheduler calls.")

    platform_tokens_checked: bool = Field(
        False,
        description="Whether Cloud Run asks for a token before a request gets here: it has checked it then, audience "
        "included, and may have taken its signature away. Never true of a function that anyone may call.",
    )

    algolia_app_id: Text | None = Field(None, description="Only who searches or writes the index needs it.")
    algolia_api_key: str = Field("", repr=False, description="A key that may write; only who writes has it.")
    algolia_search_key: str = Field(
        "", repr=False, description="A search-only key, the parent of secured keys."
    )
    algolia_returns_index: Text = "order_returns"
    algolia_max_record_bytes: int = Field(
        10_000, ge=500, le=100_000, description="The record limit of the Algolia plan: 10 kB to 100 kB."
    )

    redis_url: str = Field(
        "",
        repr=False,
        pattern=r"^(rediss?://\S+)?$",
        description="A Redis to cache in; else each process has its own.",
    )
    product_cache_seconds: int = Field(
        300, ge=1, le=86_400, description="In Redis 120 at least, in the process 5 at most."
    )
    products_require_if_match: bool = Field(
        False, description="Refuse to change or delete a product without saying which version is meant."
    )

    supply_chain_url: Url | None = Field(
        None, description="The supply-chain API; products are at /products/{id}."
    )
    supply_chain_api_key: str = Field(
        "", repr=False, description="Its bearer token; only who delivers has it."
    )

    uploads_bucket: Text | None = Field(None, description="Images as they came; nobody else may read it.")
    images_bucket: Text | None = Field(None, description="Images made smaller; everybody may read it.")
    images_url: Url | None = Field(
        None, description="Where the objects of IMAGES_BUCKET are read, if not at storage.googleapis.com."
    )
    image_trusted_sources: tuple[
        Annotated[str, StringConstraints(pattern=r"^https?://[^/\s]+/\S*$")], ...
    ] = Field(
        (),
        description="URL prefixes, with commas between them, from which images are fetched even over plain http and "
        "from private addresses.",
    )
    feeds_bucket: Text | None = Field(None, description="Where retailers drop their price feeds.")
    workspace_bucket: Text | None = Field(None, description="What price runs are made of, for some weeks.")
    price_feed_max_bad_share: float = Field(
        0.05, ge=0, le=1, description="A feed with a larger share of bad lines is refused whole."
    )
    events_service_account: Text | None = Field(
        None, description="The identity with which Eventarc calls functions."
    )

    @field_validator("base_url")
    @classmethod
    def _normal(cls, url: str) -> str:
        # What sellers send back to us comes in its normal form, and has to be what we gave them.
        if str(HttpUrl(f"{url}/")) != f"{url}/":
            raise ValueError(
                "must be in its normal form: a host in lower case, without the port that goes without saying"
            )
        return url

    @field_validator("image_trusted_sources", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return (
            [each.strip() for each in value.split(",") if each.strip()] if isinstance(value, str) else value
        )

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Self:
        """Settings from environment variables.

        Raises:
            ConfigurationError: a variable is missing or malformed; all of them are named at once.
        """
        given = {name: environ[name.upper()] for name in cls.model_fields if name.upper() in environ}
        try:
            return cls.model_validate(given)
        except ValidationError as error:
            problems = "; ".join(f"{str(e['loc'][0]).upper()}: {e['msg']}" for e in error.errors())
            raise ConfigurationError(f"The environment is not complete. {problems}") from error

    def function_url(self, name: str) -> str:
        """The address of a function, which is also the audience of the tokens that call it."""
        return self.function_url_template.format(base_url=self.base_url, name=name)


@cache
def settings() -> Settings:
    """This process's settings."""
    return Settings.from_environment(os.environ)
