"""Who calls, on which objects, and what every error answer must be."""

import atexit
import json
import os
import random
import re
import urllib.request
import uuid

import schemathesis

BASE, ROLE = os.environ["API_BASE"], os.environ["API_ROLE"]
LOGIN = json.loads(os.environ.get("API_LOGIN") or "null")
# What may be away without anything being wrong with the server.
AWAY = {"broker_unreachable", "provider_unreachable", "just_started", "busy"}
PROBLEM = {"type": str, "title": str, "status": int, "detail": str, "code": str, "trace_id": str}
DECIMAL = re.compile(r"^\s*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)\s*$")
CHOICE = random.Random(20261121)
# Texts that say nothing to the server become these now and then, so that more than the door is tried.
PLAUSIBLE = {
    "symbol": ["005930", "069500", "TQQQ", "SOXL"],
    "quantity": ["1", "3"],
    "price": ["61.37", "70000"],
    "seed": ["1000"],
    "profit_rate": ["0.1"],
    "name": ["TQ_1", "TQ_9", "Lamp"],
    "note": ["as the statement says"],
}
# How often an id is that of an object that exists.
KNOWN = 0.8


def call(method, path, token=None, body=None):
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    request = urllib.request.Request(BASE + path, method=method, headers=headers, data=json.dumps(body).encode() if body is not None else None)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.loads(answer.read() or b"null")


def sign_in():
    """A token whose bearer has just given the password once more."""
    token = call("POST", "/api/v1/auth/login", body={"username": LOGIN["username"], "password": LOGIN["password"]})["access_token"]
    call("POST", "/api/v1/auth/step-up", token, {"password": LOGIN["password"]})
    return token


class Known:
    """Ids of what is there, read once."""

    def __init__(self):
        self.token, self.of = sign_in(), {}
        items = lambda path: [item["id"] for item in call("GET", path, self.token)["items"]]
        if ROLE == "admin":
            spare = [u["id"] for u in call("GET", "/api/v1/admin/users", self.token)["items"] if u["username"].startswith("spare")]
            self.of["users"] = spare
        else:
            self.of["accounts"] = items("/api/v1/trading/accounts")
            account = self.of["accounts"][0]
            self.of["bots"] = items("/api/v1/trading/bots?account_id=" + account)

    def pick(self, kind):
        return CHOICE.choice(self.of[kind]) if self.of.get(kind) and CHOICE.random() < KNOWN else None

    def version(self, path):
        try:
            return call("GET", path, self.token).get("version")
        except OSError:
            return None


if LOGIN:
    KNOWN_IDS = Known()

    @schemathesis.auth(refresh_interval=120)
    class Session:
        def get(self, case, ctx):
            KNOWN_IDS.token = sign_in()
            return KNOWN_IDS.token

        def set(self, case, data, ctx):
            case.headers = {**(case.headers or {}), "Authorization": f"Bearer {data}"}


def is_id(value):
    try:
        return isinstance(value, str) and str(uuid.UUID(value)) == value.lower()
    except ValueError:
        return False


def kind_of(path):
    if "/trading/accounts/" in path:
        return "accounts"
    if "/trading/bots/" in path:
        return "bots"
    return "users" if "/admin/users/" in path else None


@schemathesis.hook
def map_path_parameters(context, path_parameters):
    if LOGIN and path_parameters and is_id(path_parameters.get("id")):
        known = KNOWN_IDS.pick(kind_of(context.operation.path))
        if known:
            return {**path_parameters, "id": known}
    return path_parameters


@schemathesis.hook
def map_query(context, query):
    if LOGIN and query and is_id(query.get("account_id")):
        known = KNOWN_IDS.pick("accounts")
        if known:
            return {**query, "account_id": known}
    return query


@schemathesis.hook
def map_body(context, body):
    if LOGIN and isinstance(body, dict):
        for name, kind in (("account_id", "accounts"), ("account", "accounts"), ("bot_id", "bots")):
            known = is_id(body.get(name)) and KNOWN_IDS.pick(kind)
            if known:
                body = {**body, name: known}
        for name, values in PLAUSIBLE.items():
            if isinstance(body.get(name), str) and (DECIMAL.match(body[name]) or not values[0][0].isdigit() or name == "symbol") and CHOICE.random() < 0.5:
                body = {**body, name: CHOICE.choice(values)}
    return body


@schemathesis.hook
def map_case(context, case):
    """The version that a change is made from is the present one, more often than not."""
    body, given = case.body, case.path_parameters or {}
    if LOGIN and isinstance(body, dict) and type(body.get("version")) is int and body["version"] >= 0 and is_id(given.get("id")):
        kind = kind_of(case.operation.path)
        if kind in ("accounts", "bots") and CHOICE.random() < KNOWN:
            version = KNOWN_IDS.version(f"/api/v1/trading/{kind}/{given['id']}")
            if version is not None:
                case.body = {**body, "version": version}
    return case


STATUSES = {}


@schemathesis.hook
def after_call(context, case, response):
    of = STATUSES.setdefault(case.operation.definition.raw.get("operationId", case.operation.label), {})
    of[response.status_code] = of.get(response.status_code, 0) + 1


@atexit.register
def tell():
    if STATUSES and os.environ.get("API_STATUSES"):
        with open(os.environ["API_STATUSES"], "w") as file:
            json.dump(STATUSES, file)


@schemathesis.check
def error_is_a_problem(ctx, response, case):
    """Every error is a problem document, and none is the server's own fault."""
    status = response.status_code
    if status < 400:
        return
    kind = response.headers.get("content-type", [""])[0]
    assert kind == "application/problem+json", f"{status} is {kind!r} and no problem document"
    problem = response.json()
    wrong = [name for name, of in PROBLEM.items() if type(problem.get(name)) is not of]
    assert not wrong, f"the problem document lacks {wrong}: {problem}"
    assert problem["status"] == status, f"the document says {problem['status']}, the answer is {status}"
    assert status < 500 or (status == 503 and problem["code"] in AWAY), f"a server error: {problem}"
