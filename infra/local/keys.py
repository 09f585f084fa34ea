"""The local cloud's own secrets: made on the first start, kept in the data directory."""

import json
import os
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

_RSA_BITS = 2048


@dataclass(frozen=True)
class Keys:
    """Attributes:
    users: signs the tokens of people and partner systems.
    platform: signs the tokens with which Cloud Tasks and Cloud Scheduler call functions.
    algolia_admin, algolia_search: API keys, 32 hexadecimal digits as Algolia's are.
    supply_chain: the supply-chain API's key.
    storage: signs links to objects, as the functions' service account.
    """

    users: rsa.RSAPrivateKey
    platform: rsa.RSAPrivateKey
    algolia_admin: str
    algolia_search: str
    supply_chain: str
    storage: rsa.RSAPrivateKey

    @classmethod
    def generate(cls) -> Self:
        """New keys."""
        return cls(
            users=_new_private_key(),
            platform=_new_private_key(),
            algolia_admin=_new_key(),
            algolia_search=_new_key(),
            supply_chain=_new_key(),
            storage=_new_private_key(),
        )

    @classmethod
    def kept_in(cls, path: Path) -> Self:
        """The keys in ``path``, made now if the file does not exist. Only its owner can read the file."""
        if not path.exists():
            keys = cls.generate()
            write_private(path, keys._to_json())
            return keys
        kept = json.loads(path.read_text(encoding="ascii"))
        lacking = {name: make() for name, make in _YOUNGER.items() if name not in kept}
        kept |= lacking
        keys = cls(
            users=_private_key(kept["users"]),
            platform=_private_key(kept["platform"]),
            algolia_admin=kept["algolia_admin"],
            algolia_search=kept["algolia_search"],
            supply_chain=kept["supply_chain"],
            storage=_private_key(kept["storage"]),
        )
        if lacking:
            write_private(path, keys._to_json())
        return keys

    def _to_json(self) -> str:
        kept = {
            "users": pem(self.users),
            "platform": pem(self.platform),
            "algolia_admin": self.algolia_admin,
            "algolia_search": self.algolia_search,
            "supply_chain": self.supply_chain,
            "storage": pem(self.storage),
        }
        return json.dumps(kept, indent=1)


def write_private(path: Path, text: str) -> None:
    """Replace ``path`` in one step by a file that only its owner can read; a crash leaves the old or the new."""
    draft = path.with_name(f"{path.name}.new")
    draft.unlink(missing_ok=True)
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    draft.replace(path)


def _new_key() -> str:
    return secrets.token_hex(16)


def _new_private_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, _RSA_BITS)


def pem(key: rsa.RSAPrivateKey) -> str:
    """The key in PKCS #8, without a password."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode("ascii")


def _private_key(pem: str) -> rsa.RSAPrivateKey:
    key = serialization.load_pem_private_key(pem.encode("ascii"), password=None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise TypeError(f"an RSA key is needed, not {type(key).__name__}")
    return key


# What a file that an older version made may lack, as it is written there.
_YOUNGER: Mapping[str, Callable[[], str]] = {
    "supply_chain": _new_key,
    "storage": lambda: pem(_new_private_key()),
}
