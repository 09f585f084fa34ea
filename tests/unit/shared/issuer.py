"""Issuers of tokens, and the server that publishes their keys, as the product's token checks need them."""

import json
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


class Issuer:
    """Signs tokens with one key."""

    def __init__(self, url: str, key: PrivateKey, key_id: str) -> None:
        self.url = url
        self.key = key
        self.key_id = key_id
        self._algorithm = RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else ECAlgorithm
        self.algorithm = "RS256" if isinstance(key, rsa.RSAPrivateKey) else "ES256"

    @property
    def jwk(self) -> dict[str, Any]:
        public = self._algorithm.to_jwk(self.key.public_key(), as_dict=True)
        return {**public, "kid": self.key_id, "use": "sig", "alg": self.algorithm}

    def token(self, **claims: Any) -> str:
        """A token that is good for a minute, with ``claims``; one that is None is left out."""
        now = int(time.time())
        payload = {"iss": self.url, "iat": now, "exp": now + 60, "sub": "u-1", **claims}
        kept = {name: value for name, value in payload.items() if value is not None}
        return jwt.encode(kept, self.key, algorithm=self.algorithm, headers={"kid": self.key_id})


class KeyServer:
    """Publishes key sets over HTTP, and counts how often each is fetched.

    ``documents`` maps a path to what is answered there; any other path is 404.
    """

    def __init__(self) -> None:
        self.documents: dict[str, bytes] = {}
        self.fetched: Counter[str] = Counter()
        served = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                served.fetched[self.path] += 1
                document = served.documents.get(self.path)
                self.send_response(404 if document is None else 200)
                self.end_headers()
                self.wfile.write(document or b"")

            def log_message(self, *_: object) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def publish(self, path: str, *issuers: Issuer) -> str:
        """Publish the issuers' keys at ``path``; returns the address."""
        return self.answer(path, json.dumps({"keys": [issuer.jwk for issuer in issuers]}).encode())

    def answer(self, path: str, document: bytes) -> str:
        """Answer ``document`` at ``path``; returns the address."""
        self.documents[path] = document
        return f"http://127.0.0.1:{self._server.server_port}{path}"

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
