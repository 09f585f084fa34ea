"""Clients as they are made on Google Cloud, where there is no key file and the metadata server says who one is."""

import asyncio
import sys
from pathlib import Path

from infra.local.cloud import Cloud
from infra.local.environment import FUNCTIONS_SERVICE_ACCOUNT, metadata_environment

ROOT = Path(__file__).parents[3]
_WHO_SIGNS = """
from google.auth.credentials import Signing
from shared import clients
signer = clients.signer()
assert isinstance(signer, Signing)
print(signer.signer_email)
"""


async def test_without_a_key_file_links_are_signed_as_the_functions_own_account(
    cloud: Cloud, tmp_path: Path
) -> None:
    environment = {**cloud.environment, **metadata_environment(cloud.addresses, str(tmp_path))}
    del environment["GOOGLE_APPLICATION_CREDENTIALS"]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", _WHO_SIGNS), env=environment, cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    assert output.decode().strip() == FUNCTIONS_SERVICE_ACCOUNT
