"""The environment variables through which functions and official clients reach the local cloud."""

from dataclasses import dataclass
from pathlib import Path

from infra.local.identity import Issuer
from infra.local.keys import Keys

PROJECT = "backstock-local"
REGION = "europe-west1"
AUDIENCE = "backstock"
ALGOLIA_APP_ID = "BACKSTOCK0"
TASKS_SERVICE_ACCOUNT = f"tasks@{PROJECT}.iam.gserviceaccount.com"
SCHEDULER_SERVICE_ACCOUNT = f"scheduler@{PROJECT}.iam.gserviceaccount.com"
EVENTS_SERVICE_ACCOUNT = f"events@{PROJECT}.iam.gserviceaccount.com"
FUNCTIONS_SERVICE_ACCOUNT = f"functions@{PROJECT}.iam.gserviceaccount.com"

# Of the gateway: the public bucket's objects, the feeds bucket's, and the stand-in for other people's images.
IMAGES_PATH = "/_local/images"
FEEDS_PATH = "/_local/feeds"
PICTURES_PATH = "/_local/pictures"


@dataclass(frozen=True)
class Addresses:
    """Where the stand-ins listen, each as ``host:port``. Firestore's may be somebody else's emulator."""

    grpc: str
    algolia: str
    supply_chain: str
    metadata: str
    storage: str
    firestore: str


def bucket_name(name: str) -> str:
    """What the topology's bucket ``name`` is called in Cloud Storage, whose names are everybody's."""
    return f"{PROJECT}-{name}"


def client_environment(
    base_url: str, addresses: Addresses, keys: Keys, users: Issuer, platform: Issuer, credentials: Path
) -> dict[str, str]:
    """What a client or a function needs to know, by variable name.

    Args:
        base_url: the gateway's.
        credentials: the key file of the functions' service account.
    """
    return {
        "GOOGLE_CLOUD_PROJECT": PROJECT,
        "REGION": REGION,
        "BASE_URL": base_url,
        "FIRESTORE_EMULATOR_HOST": addresses.firestore,
        "CLOUD_TASKS_EMULATOR_HOST": addresses.grpc,
        "CLOUD_SCHEDULER_EMULATOR_HOST": addresses.grpc,
        "STORAGE_EMULATOR_HOST": f"http://{addresses.storage}",
        "GOOGLE_APPLICATION_CREDENTIALS": str(credentials.absolute()),
        "UPLOADS_BUCKET": bucket_name("uploads"),
        "IMAGES_BUCKET": bucket_name("images"),
        "FEEDS_BUCKET": bucket_name("feeds"),
        "WORKSPACE_BUCKET": bucket_name("workspace"),
        # On the gateway, whose port stays the same from one start to the next.
        "IMAGES_URL": f"{base_url}{IMAGES_PATH}",
        "IMAGE_TRUSTED_SOURCES": f"{base_url}{PICTURES_PATH}/",
        "ALGOLIA_HOST": addresses.algolia,
        "ALGOLIA_APP_ID": ALGOLIA_APP_ID,
        "ALGOLIA_API_KEY": keys.algolia_admin,
        "ALGOLIA_SEARCH_KEY": keys.algolia_search,
        "ALGOLIA_RETURNS_INDEX": "order_returns",
        "SUPPLY_CHAIN_URL": f"http://{addresses.supply_chain}",
        "SUPPLY_CHAIN_API_KEY": keys.supply_chain,
        "AUTH_ISSUER": users.url,
        "AUTH_AUDIENCE": AUDIENCE,
        "AUTH_JWKS_URL": users.jwks_url,
        "PLATFORM_ISSUER": platform.url,
        "PLATFORM_JWKS_URL": platform.jwks_url,
        "TASKS_SERVICE_ACCOUNT": TASKS_SERVICE_ACCOUNT,
        "SCHEDULER_SERVICE_ACCOUNT": SCHEDULER_SERVICE_ACCOUNT,
        "EVENTS_SERVICE_ACCOUNT": EVENTS_SERVICE_ACCOUNT,
    }


def metadata_environment(addresses: Addresses, empty_directory: str) -> dict[str, str]:
    """What makes Google's libraries ask the metadata server who they are, and nobody else.

    Args:
        empty_directory: stands in for gcloud's configuration, so that a developer's own credentials for the real
            cloud are never found.
    """
    return {
        "GCE_METADATA_HOST": addresses.metadata,
        "GCE_METADATA_IP": addresses.metadata,
        "CLOUDSDK_CONFIG": empty_directory,
    }
