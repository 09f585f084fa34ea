"""The catalog as a FastAPI service, for comparison: SQLAlchemy over SQLite, a Redis cache, OIDC tokens.

Written as such services usually are, and with care: everything is asynchronous, the signing keys are cached, a cached
product is sent as the bytes that it was cached as, a page of a list is one query. It keeps what the catalog keeps
(owner, version, an event with each write), and leaves out what the benchmark does not ask for.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any
from uuid import uuid4

import jwt
from fastapi import Depends, FastAPI, Header, HTTPException, Query, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, ConfigDict, Field, HttpUrl, PlainSerializer, StringConstraints
from redis.asyncio import Redis
from sqlalchemy import JSON, ForeignKey, Index, Numeric, event, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

_CACHE_SECONDS = 300
_ROLES = {"seller", "ops"}
_PRIVATE = {"Cache-Control": "private, no-cache"}

engine = create_async_engine(os.environ["DATABASE_URL"], connect_args={"timeout": 30})
new_session = async_sessionmaker(engine, expire_on_commit=False)
redis = Redis.from_url(os.environ["REDIS_URL"])
keys = jwt.PyJWKClient(os.environ["AUTH_JWKS_URL"], lifespan=300)


@event.listens_for(engine.sync_engine, "connect")
def _tune(connection: Any, _: Any) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.close()


class Base(DeclarativeBase):
    """The tables."""


class Product(Base):
    __tablename__ = "products"
    __table_args__ = (Index("by_owner", "user_id", "created_at", "id"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[str]
    product_name: Mapped[str]
    product_description: Mapped[str]
    product_price: Mapped[Decimal] = mapped_column(Numeric(16, 4))
    currency: Mapped[str]
    product_images: Mapped[list[str]] = mapped_column(JSON)
    compressed_product_images: Mapped[list[str]] = mapped_column(JSON)
    version: Mapped[int]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class OutboxEvent(Base):
    __tablename__ = "outbox"

    product_id: Mapped[str] = mapped_column(ForeignKey("products.id"), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    type: Mapped[str]
    status: Mapped[str]


class ProductIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    product_name: Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True)]
    product_description: str = Field("", max_length=10_000)
    product_price: Decimal = Field(ge=0, max_digits=16, decimal_places=2)
    currency: Annotated[str, StringConstraints(pattern="^[A-Z]{3}$")]
    product_images: list[HttpUrl] = Field([], max_length=20)


class ProductOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: str
    user_id: str
    product_name: str
    product_description: str
    product_price: Annotated[Decimal, PlainSerializer(lambda price: f"{price:.2f}")]
    currency: str
    product_images: list[str]
    compressed_product_images: list[str]
    version: int
    created_at: datetime
    updated_at: datetime


class ProductPage(BaseModel):
    products: list[ProductOut]
    next_cursor: str | None


class Caller(BaseModel):
    user_id: str
    roles: set[str]

    def may_see(self, product: ProductOut) -> bool:
        return "ops" in self.roles or product.user_id == self.user_id


async def _caller(bearer: Annotated[HTTPAuthorizationCredentials, Depends(HTTPBearer())]) -> Caller:
    token = bearer.credentials
    try:
        claims = jwt.decode(
            token,
            keys.get_signing_key_from_jwt(token),
            algorithms=["RS256"],
            audience=os.environ["AUTH_AUDIENCE"],
            issuer=os.environ["AUTH_ISSUER"],
        )
    except jwt.PyJWTError as error:
        raise HTTPException(401, "The token is not valid.") from error
    caller = Caller(user_id=claims["sub"], roles=set(claims.get("roles", [])))
    if not caller.roles & _ROLES:
        raise HTTPException(403, "This needs the role seller or ops.")
    return caller


async def _session() -> AsyncIterator[AsyncSession]:
    async with new_session() as session:
        yield session


Authenticated = Annotated[Caller, Depends(_caller)]
Session = Annotated[AsyncSession, Depends(_session)]


@asynccontextmanager
async def _lifespan(_: FastAPI) -> AsyncIterator[None]:
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    yield
    await redis.aclose()
    await engine.dispose()


app = FastAPI(lifespan=_lifespan)


@app.post("/products", status_code=201)
async def create(
    content: ProductIn, caller: Authenticated, session: Session, response: Response
) -> ProductOut:
    now = datetime.now(UTC)
    stored = Product(
        **content.model_dump(mode="json", exclude={"product_price"}),
        product_price=content.product_price,
        id=uuid4().hex,
        user_id=caller.user_id,
        compressed_product_images=[],
        version=1,
        created_at=now,
        updated_at=now,
    )
    session.add(stored)
    session.add(OutboxEvent(product_id=stored.id, version=1, type="product:created", status="pending"))
    await session.commit()
    product = ProductOut.model_validate(stored)
    await _remember(product)
    response.headers.update({"Location": f"/products/{product.id}", "ETag": f'"{product.version}"'})
    return product


@app.get("/products/{product_id}", response_model=ProductOut)
async def get(
    product_id: str,
    caller: Authenticated,
    session: Session,
    if_none_match: Annotated[str | None, Header()] = None,
) -> Response:
    body = await redis.get(f"product:{product_id}")
    if body is None:
        stored = await session.get(Product, product_id)
        if stored is None:
            raise HTTPException(404, "There is no such product.")
        product = ProductOut.model_validate(stored)
        body = await _remember(product)
    else:
        product = ProductOut.model_validate_json(body)
    if not caller.may_see(product):
        raise HTTPException(404, "There is no such product.")
    headers = _PRIVATE | {"ETag": f'"{product.version}"'}
    if if_none_match == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    return Response(body, media_type="application/json", headers=headers)


@app.get("/products")
async def page(
    caller: Authenticated,
    session: Session,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    cursor: str | None = None,
) -> ProductPage:
    asked = select(Product).where(Product.user_id == caller.user_id)
    if cursor:
        created_at, _, product_id = cursor.partition("_")
        after = tuple_(datetime.fromisoformat(created_at), product_id)
        asked = asked.where(tuple_(Product.created_at, Product.id) < after)
    asked = asked.order_by(Product.created_at.desc(), Product.id.desc()).limit(limit + 1)
    found = (await session.scalars(asked)).all()
    last = found[limit - 1] if len(found) > limit else None
    return ProductPage(
        products=[ProductOut.model_validate(stored) for stored in found[:limit]],
        next_cursor=f"{last.created_at.isoformat()}_{last.id}" if last else None,
    )


async def _remember(product: ProductOut) -> bytes:
    body = product.model_dump_json().encode()
    await redis.set(f"product:{product.id}", body, ex=_CACHE_SECONDS)
    return body
