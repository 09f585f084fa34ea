"""``/search-order-return-index-data`` over HTTP: searches, and keys to search with from a browser."""

from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from functions.returns.answers import SearchAnswer, SearchKey
from functions.returns.index_settings import FACETS, KEY_LIFETIME, MAX_HITS, SORTS, replica
from functions.returns.search import (
    NOTHING_FOUND,
    SearchQuery,
    account_filter,
    index_for,
    parameters,
    render,
    secured_key,
    user_token,
    within_reach,
)
from shared.auth import Authenticator, Principal
from shared.clock import Clock
from shared.errors import TransientError
from shared.http import json_response
from shared.openapi import Answer, Operation
from shared.problems import Problem, invalid_fields
from shared.search import IndexMissingError, RefusedError, SearchIndex
from shared.settings import Settings


@dataclass(frozen=True)
class SearchApi:
    """The search endpoint. Whose returns a caller may see is decided here, never by the caller."""

    auth: Authenticator
    index: SearchIndex
    config: Settings
    clock: Clock

    def routes(self) -> list[Route]:
        return [
            Route("/", self.search, methods=["GET"]),
            Route("/keys", self.key, methods=["POST"]),
        ]

    @Operation(
        roles=("seller", "warehouse", "ops"),
        query=SearchQuery,
        answers={200: Answer(SearchAnswer)},
        problems={400: {"search-refused": "The index refused the question."}},
    )
    async def search(self, request: Request) -> Response:
        """Search the caller's returns."""
        principal = await self._reader(request)
        query = _query(request)
        try:
            answer = await self.index.search(
                parameters(query, principal.tenant()), index_for(self.index.name, query.sort)
            )
        except IndexMissingError:
            # Before the first run of the sync there is nothing to find.
            return json_response(render(NOTHING_FOUND, query))
        except RefusedError as error:
            raise Problem(400, "search-refused", str(error)) from error
        except TransientError as error:
            raise Problem(
                503,
                "unavailable",
                "The search index is out of reach; try again.",
                headers={"Retry-After": "2"},
            ) from error
        return json_response(render(answer, query))

    @Operation(
        roles=("seller", "warehouse", "ops"),
        answers={201: Answer(SearchKey, headers=("Cache-Control",))},
    )
    async def key(self, request: Request) -> Response:
        """A key for searching straight from a browser: this caller's returns only, and for one hour."""
        principal = await self._reader(request)
        expiry = self.clock() + KEY_LIFETIME
        indices = [self.index.name, *(replica(self.index.name, sort) for sort in SORTS)]
        restrictions: dict[str, Any] = {
            "validUntil": int(expiry.timestamp()),
            "restrictIndices": ",".join(indices),
            "userToken": user_token(principal.subject),
        }
        if tenant := principal.tenant():
            restrictions["filters"] = account_filter(tenant)
        return json_response(
            {
                "key": secured_key(self.config.algolia_search_key, restrictions),
                "app_id": self.config.algolia_app_id,
                "indices": indices,
                "expires_at": expiry,
            },
            status=201,
            headers={"Cache-Control": "no-store"},
        )

    async def _reader(self, request: Request) -> Principal:
        principal = await self.auth.user(request)
        principal.require("seller", "warehouse", "ops")
        principal.tenant()
        return principal


def _query(request: Request) -> SearchQuery:
    query = SearchQuery.of(request)
    if unknown := set(query.facets) - set(FACETS):
        raise invalid_fields({"facets": f"{', '.join(sorted(unknown))}: not among {', '.join(FACETS)}"})
    if not within_reach(query):
        raise invalid_fields({"page": f"reaches beyond the first {MAX_HITS:,} results; narrow the search"})
    return query
