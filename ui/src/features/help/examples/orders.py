#!/usr/bin/env python3
"""Places an order on paper and lists today's orders. Needs Python 3.9 and nothing else.

EGGMONEY_URL   address of the server, for example https://nas.example:8740
EGGMONEY_KEY   an API key of the scope "paper" or "trade": egg_NAME_SECRET
"""

import hashlib
import hmac
import json
import os
import secrets
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

SCHEME = "EGG-HMAC-SHA256"


def quoted(text):
    return urllib.parse.quote(text, safe="-._~")


def call(method, path, query=(), body=None):
    """Sends a signed request and gives back the answer."""
    name, secret = os.environ["EGGMONEY_KEY"].rsplit("_", 1)
    path = "/".join(quoted(segment) for segment in path.split("/"))
    pairs = sorted((quoted(field), quoted(str(value))) for field, value in query)
    query = "&".join(f"{field}={value}" for field, value in pairs)
    data = b"" if body is None else json.dumps(body).encode()
    timestamp, nonce = str(int(time.time())), secrets.token_hex(16)
    lines = [SCHEME, method, path, query, hashlib.sha256(data).hexdigest(), timestamp, nonce]
    signature = hmac.new(secret.encode(), "\n".join(lines).encode(), hashlib.sha256).hexdigest()
    request = urllib.request.Request(
        os.environ["EGGMONEY_URL"] + path + ("?" + query if query else ""),
        method=method,
        data=data or None,
        headers={
            "Authorization": f"{SCHEME} key={name}, timestamp={timestamp}, nonce={nonce}, signature={signature}",
            "Content-Type": "application/json",
            # Sent again after a silence, the same order is not placed twice: keep it with the order.
            "Idempotency-Key": nonce,
        },
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        problem = json.load(error)
        sys.exit(f"{error.code} {problem['code']}: {problem['detail']}")


if __name__ == "__main__":
    order = call("POST", "/api/v1/trading/orders", body={"symbol": "005930", "side": "buy", "quantity": 10, "price": 70000})
    print("placed", order["id"], order["status"])
    for order in call("GET", "/api/v1/trading/orders", [("symbol", "005930"), ("limit", 5)])["items"]:
        print(order["created_at"], order["side"], order["quantity"], order["symbol"], order["status"])
