"""The key file of the functions' service account: with it Google's libraries sign links to objects."""

import hashlib
import json
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import rsa

from infra.local.environment import FUNCTIONS_SERVICE_ACCOUNT, PROJECT
from infra.local.keys import pem, write_private

# Nothing listens there: whoever would exchange the key for an access token learns at once that nobody needs one here.
_TOKEN_URI = "http://127.0.0.1:9/token"


def write_service_account(directory: Path, key: rsa.RSAPrivateKey) -> Path:
    """Write ``service-account.json``, to be named by GOOGLE_APPLICATION_CREDENTIALS; only its owner can read it."""
    private_key = pem(key)
    content = {
        "type": "service_account",
        "project_id": PROJECT,
        "private_key_id": hashlib.sha256(private_key.encode("ascii")).hexdigest()[:40],
        "private_key": private_key,
        "client_email": FUNCTIONS_SERVICE_ACCOUNT,
        "token_uri": _TOKEN_URI,
    }
    path = directory / "service-account.json"
    write_private(path, json.dumps(content, indent=1))
    return path
