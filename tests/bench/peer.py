"""The peer of the benchmark: the same routes as a FastAPI service over PostgreSQL and Redis.

It does per order what EggMoney's own paper account does, as this stack is usually built: bearer token,
session in Redis, one transaction that reads the account's limits and day use, keeps the idempotency
key, inserts the order and its event, and counts the day. Reads: the newest orders, and a summary of
five positions.
"""

import os
import uuid
from contextlib import asynccontextmanager
from datetime import date
from decimal import Decimal
from typing import Annotated, Literal

import asyncpg
import jwt
from fastapi import Depends, FastAPI, Header, HTTPException
from fastapi.responses import ORJSONResponse
from pydantic import BaseModel, Field
from redis.asyncio import Redis

SECRET = os.environ["PEER_SECRET"]
SCHEMA = """
CREATE TABLE IF NOT EXISTS account (id int PRIMARY KEY, cash numeric NOT NULL, max_daily_trades int, max_order_value numeric);
CREATE TABLE IF NOT EXISTS day_use (account int, day date, orders int NOT NULL, buys numeric NOT NULL, PRIMARY KEY (account, day));
CREATE TABLE IF NOT EXISTS orders (id uuid PRIMARY KEY, account int NOT NULL, symbol text NOT NULL, side text NOT NULL,
  quantity int NOT NULL, price numeric, order_type text NOT NULL, status text NOT NULL, created_at timestamptz NOT NULL DEFAULT now());
CREATE INDEX IF NOT EXISTS orders_of_account ON orders (account, created_at DESC);
CREATE TABLE IF NOT EXISTS order_event (id bigserial PRIMARY KEY, order_id uuid NOT NULL, event text NOT NULL, at timestamptz NOT NULL DEFAULT now());
CREATE TABLE IF NOT EXISTS idempotency (account int, key text, order_id uuid NOT NULL, PRIMARY KEY (account, key));
CREATE TABLE IF NOT EXISTS position (account int, symbol text, quantity int NOT NULL, cost numeric NOT NULL, price numeric NOT NULL,
  PRIMARY KEY (account, symbol));
"""


@asynccontextmanager
async def lifespan(app: FastAPI):
    app.state.pool = await asyncpg.create_pool(os.environ["PEER_DSN"], min_size=4, max_size=16)
    app.state.redis = Redis.from_url(os.environ["PEER_REDIS"])
    yield
    await app.state.pool.close()


app = FastAPI(lifespan=lifespan, default_response_class=ORJSONResponse)


async def caller(authorization: Annotated[str, Header()]) -> int:
    """The account behind a bearer token whose session still stands."""
    try:
        claims = jwt.decode(authorization.removeprefix("Bearer "), SECRET, algorithms=["HS256"])
    except jwt.InvalidTokenError as error:
        raise HTTPException(401, "the token is not valid") from error
    if not await app.state.redis.exists(f"session:{claims['sid']}"):
        raise HTTPException(401, "the session has ended")
    return int(claims["sub"])


class NewOrder(BaseModel):
    symbol: str = Field(pattern=r"^[0-9A-Z.]{1,12}$")
    quantity: int = Field(gt=0)
    price: Decimal | None = Field(default=None, gt=0)
    order_type: Literal["limit", "market"]
    side: Literal["buy", "sell"] = "buy"


@app.post("/api/v1/trading/orders", status_code=201)
async def place(order: NewOrder, account: Annotated[int, Depends(caller)], idempotency_key: Annotated[str | None, Header()] = None):
    worth = (order.price or 0) * order.quantity
    async with app.state.pool.acquire() as connection, connection.transaction():
        limits = await connection.fetchrow("SELECT cash, max_daily_trades, max_order_value FROM account WHERE id = $1 FOR UPDATE", account)
        used = await connection.fetchrow("SELECT orders, buys FROM day_use WHERE account = $1 AND day = $2", account, date.today())
        if limits["max_daily_trades"] is not None and used and used["orders"] >= limits["max_daily_trades"]:
            raise HTTPException(422, "the limit of orders a day is reached")
        if limits["max_order_value"] is not None and worth > limits["max_order_value"]:
            raise HTTPException(422, "the order is worth too much")
        if worth > limits["cash"]:
            raise HTTPException(422, "there is not enough cash")
        order_id = uuid.uuid4()
        if idempotency_key is not None:
            await connection.execute("INSERT INTO idempotency VALUES ($1, $2, $3)", account, idempotency_key, order_id)
        row = await connection.fetchrow(
            "INSERT INTO orders (id, account, symbol, side, quantity, price, order_type, status)"
            " VALUES ($1, $2, $3, $4, $5, $6, $7, 'pending') RETURNING created_at",
            order_id, account, order.symbol, order.side, order.quantity, order.price, order.order_type,
        )
        await connection.execute("INSERT INTO order_event (order_id, event) VALUES ($1, 'accepted')", order_id)
        await connection.execute(
            "INSERT INTO day_use VALUES ($1, $2, 1, $3) ON CONFLICT (account, day)"
            " DO UPDATE SET orders = day_use.orders + 1, buys = day_use.buys + EXCLUDED.buys",
            account, date.today(), worth,
        )
    return {
        "id": str(order_id), "account_id": account, "symbol": order.symbol, "side": order.side, "quantity": order.quantity,
        "filled_quantity": 0, "price": str(order.price), "status": "pending", "created_at": row["created_at"],
    }


@app.get("/api/v1/trading/orders")
async def orders(account: Annotated[int, Depends(caller)], limit: int = 20):
    rows = await app.state.pool.fetch(
        "SELECT id, symbol, side, quantity, price, order_type, status, created_at FROM orders WHERE account = $1"
        " ORDER BY created_at DESC LIMIT $2",
        account, limit,
    )
    return {"items": [{**row, "id": str(row["id"]), "price": str(row["price"])} for row in rows], "next": None}


@app.get("/api/v1/portfolio/summary")
async def summary(account: Annotated[int, Depends(caller)]):
    cash = await app.state.pool.fetchval("SELECT cash FROM account WHERE id = $1", account)
    rows = await app.state.pool.fetch("SELECT symbol, quantity, cost, price FROM position WHERE account = $1", account)
    value = sum(row["quantity"] * row["price"] for row in rows)
    cost = sum(row["cost"] for row in rows)
    return {
        "total": str(cash + value), "cash": str(cash), "invested": str(value), "cost": str(cost), "profit": str(value - cost),
        "positions": [{"symbol": row["symbol"], "quantity": row["quantity"], "price": str(row["price"])} for row in rows],
    }


async def fill(users: int) -> None:
    """Makes the tables, the accounts with five positions each, and their sessions."""
    connection = await asyncpg.connect(os.environ["PEER_DSN"])
    await connection.execute(SCHEMA)
    await connection.executemany("INSERT INTO account VALUES ($1, 100000000, 1000000, NULL)", [(n,) for n in range(users)])
    held = [(n, symbol, 10, Decimal(1000), Decimal("101.5")) for n in range(users) for symbol in ("TQQQ", "SOXL", "UPRO", "TECL", "FNGU")]
    await connection.executemany("INSERT INTO position VALUES ($1, $2, $3, $4, $5)", held)
    await connection.close()
    redis = Redis.from_url(os.environ["PEER_REDIS"])
    for n in range(users):
        await redis.set(f"session:{n}", "1")
    await redis.aclose()


if __name__ == "__main__":
    import asyncio
    import sys

    count = int(sys.argv[1])
    asyncio.run(fill(count))
    for n in range(count):
        print(jwt.encode({"sub": str(n), "sid": str(n)}, SECRET, algorithm="HS256"))
