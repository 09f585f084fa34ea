"""An environment, what of it every function needs, and settings made of it."""

from shared.settings import Settings

REQUIRED = {
    "GOOGLE_CLOUD_PROJECT": "shop",
    "BASE_URL": "https://europe-west1-shop.cloudfunctions.net",
    "AUTH_ISSUER": "https://login.shop.example",
    "AUTH_AUDIENCE": "backstock",
    "AUTH_JWKS_URL": "https://login.shop.example/jwks",
    "TASKS_SERVICE_ACCOUNT": "tasks@shop.iam.gserviceaccount.com",
    "SCHEDULER_SERVICE_ACCOUNT": "scheduler@shop.iam.gserviceaccount.com",
}
ENVIRONMENT = REQUIRED | {"ALGOLIA_APP_ID": "SHOP"}


def a_deployment(**changes: str) -> Settings:
    """Settings of the environment above, with ``changes``, which are variables by name."""
    return Settings.from_environment(ENVIRONMENT | changes)
