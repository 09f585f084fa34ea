"""The key file is what Google's libraries take for one."""

from pathlib import Path

import google.auth
import pytest
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

from infra.local.service_account import write_service_account


def test_googles_libraries_find_and_use_the_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = rsa.generate_private_key(65537, 2048)
    path = write_service_account(tmp_path, key)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(path))
    monkeypatch.delenv("GOOGLE_CLOUD_PROJECT")

    credentials, project = google.auth.default()

    assert project == "backstock-local"
    assert credentials.signer_email == "functions@backstock-local.iam.gserviceaccount.com"
    key.public_key().verify(credentials.sign_bytes(b"a link"), b"a link", padding.PKCS1v15(), SHA256())


def test_nobody_else_can_read_the_key(tmp_path: Path) -> None:
    path = write_service_account(tmp_path, rsa.generate_private_key(65537, 2048))
    assert path.stat().st_mode & 0o077 == 0
