"""What somebody would ask who knows what is there: for each operation ids that exist, values that can be, and
what has to be there before. A recipe is called with a Person and gives the parts of the request that it
knows; what it has to make first it makes over the same API.
"""

import base64
import datetime
import hmac
import itertools
import json
import pathlib
import random
import time
import urllib.error
import urllib.request
import uuid

FIXTURES = pathlib.Path(__file__).resolve().parents[2] / "data-fixtures"
CHOICE = random.Random(20261121)
NUMBER = itertools.count(1)
# A token lives ten minutes, a proof five.
FRESH = 120
# What schemathesis as one person cannot reach, by role.
CANNOT = {
    "callback": "needs a browser that has come back from a provider; always goes on to a page",
    "finish": "needs a browser that has come back from a provider",
    "finish_with_code": "needs a second factor at a provider's sign-in",
    "link": "needs a browser that has come back from a provider",
    "unlink": "needs a linked identity",
    "start": "needs a provider and the installation's public address",
    "start_link": "needs a provider and the installation's public address",
    "refresh": "its token is a cookie of another client",
    "recover": "needs the code from the server's own folder",
    "request_recovery": "once in a while only",
    "reset_password": "needs a link that an administrator has issued",
    "register": "needs an invitation or an open door",
    "import_user": "comes once, into an account without any rows",
    "climb": "needs a live account with a broker's key",
}


def unique(prefix):
    return f"{prefix}{next(NUMBER)}{CHOICE.randrange(16**6):06x}"


def form(fields, files):
    """A multipart body with its type."""
    boundary = uuid.uuid4().hex
    out = b""
    for name, value in fields.items():
        out += f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
    for name, content in files.items():
        out += f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"; filename="{name}"\r\n\r\n'.encode() + content + b"\r\n"
    return out + f"--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"


class Person:
    """Somebody with a token whose bearer has just given the password once more."""

    def __init__(self, base, login):
        self.base, self.login = base, login
        self.renewed, self.current = float("-inf"), None
        self.issued = set()

    def call(self, method, path, body=None, token=None, content=None):
        headers = {"Content-Type": "application/json"}
        data = json.dumps(body).encode() if body is not None else None
        if content:
            data, headers["Content-Type"] = content
        if token:
            headers["Authorization"] = f"Bearer {token}"
        request = urllib.request.Request(self.base + path, method=method, headers=headers, data=data)
        with urllib.request.urlopen(request, timeout=30) as answer:
            text = answer.read()
            return json.loads(text) if text else None

    def signed_in(self):
        return self.call("POST", "/api/v1/auth/login", {name: self.login[name] for name in ("username", "password")})["access_token"]

    def token(self):
        if time.monotonic() - self.renewed > FRESH:
            self.current = self.signed_in()
            self.issued.add(self.current)
            self.call("POST", "/api/v1/auth/step-up", {"password": self.login["password"]}, self.current)
            self.renewed = time.monotonic()
        return self.current

    def lost(self, authorization):
        """Whether an answer 401 was to the present token: another is fetched then."""
        if not self.current or authorization not in (f"Bearer {self.current}", f"Bearer {self.current}".encode()):
            return False
        self.renewed = float("-inf")
        return True

    def get(self, path):
        return self.call("GET", path, token=self.token())

    def items(self, path):
        return self.get(path)["items"]

    def post(self, path, body=None, content=None):
        return self.call("POST", path, body, self.token(), content)

    # What is there.

    def accounts(self, environment=None):
        return [a for a in self.items("/api/v1/trading/accounts") if environment in (None, a["environment"])]

    def account(self, environment=None):
        """One of the caller's accounts; of brokers' hosts that with bots, made where there is none."""
        found = self.accounts(environment)
        return found[0] if found else self.post("/api/v1/trading/accounts", {"name": "first"} | broker_key("first"))

    def some_account(self):
        return CHOICE.choice(self.accounts()[:3])

    def bots(self):
        account = self.account("mock")["id"]
        bots = self.items(f"/api/v1/trading/bots?account_id={account}")
        return bots or [self.post("/api/v1/trading/bots", new_bot(FIRST_BOT | {"account_id": account}))]

    def make_bot(self):
        like = CHOICE.choice(self.bots())
        return self.post("/api/v1/trading/bots", new_bot(like))

    def second_account(self):
        """One whose broker key may come and go."""
        mock = self.accounts("mock")
        return mock[-1] if len(mock) > 1 else self.post("/api/v1/trading/accounts", {"name": unique("second "), "environment": "mock"})

    def make_order(self):
        """One that waits: well below the last price."""
        self.start(self.account("own"))
        wanted = order(self)
        last = self.post("/api/v1/trading/orders/preview", wanted)["last_price"]
        if last:
            wanted["price"] = str(int(float(last) * 0.85) // 100 * 100)
        return self.post("/api/v1/trading/orders", wanted)

    def start(self, account):
        if account["mode"] != "trading":
            self.post(f"/api/v1/trading/accounts/{account['id']}/start", {"old_server_stopped": True})

    def enrol(self):
        """A second factor that waits for its first code; gives that."""
        self.drop_second_factor()
        return code_of(self.post("/api/v1/users/second-factor")["seed"])

    def drop_second_factor(self):
        try:
            self.call("DELETE", "/api/v1/users/second-factor", token=self.token())
        except urllib.error.HTTPError as error:
            if error.code != 404:
                raise

    def make_import(self, of="sk"):
        files = {"db": old_file(f"egg_{of}.db"), "key_store": old_file(f"key_store.{of}.json")}
        return self.post("/api/v1/imports/eggmoney", content=form(old_names(), files))

    def holdings(self):
        account = self.account("mock")["id"]
        held = self.get(f"/api/v1/trading/positions?account_id={account}")["holdings"]
        return held or [self.make_holding(self.make_bot())]

    def make_holding(self, bot):
        new = {"account_id": bot["account_id"], "name": bot["name"], "symbol": bot["symbol"], "quantity": "1", "average_price": "50", "note": "found"}
        self.post("/api/v1/trading/corrections/holding", new)
        return next(h for h in self.holdings() if h["bot_id"] == bot["id"])


class Friend(Person):
    """Somebody else, who lets the caller manage bots and stop an account."""

    def give(self, username, kind):
        until = (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=30)).strftime("%Y-%m-%dT%H:%M:%SZ")
        account = self.account("mock")["id"]
        for grant in self.items(f"/api/v1/trading/accounts/{account}/grants"):
            if (grant["username"], grant["kind"]) == (username, kind):
                return grant["id"]
        return self.post(f"/api/v1/trading/accounts/{account}/grants", {"username": username, "kind": kind, "until": until})["id"]


def code_of(secret):
    """What an authenticator app shows now."""
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    digest = hmac.digest(key, int(time.time() // 30).to_bytes(8, "big"), "sha1")
    at = digest[-1] & 15
    return f"{(int.from_bytes(digest[at : at + 4], 'big') & 0x7FFFFFFF) % 10**6:06}"


def later(days):
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")


def day(days):
    return (datetime.date.today() + datetime.timedelta(days=days)).isoformat()


def old_file(name):
    return (FIXTURES / "eggmoney" / name).read_bytes()


def old_names():
    return {"account_name": unique("old ")}


FIRST_BOT = {"symbol": "TQQQ", "max_tier": 40, "t_div": 5, "profit_rate": 0.1, "point_curve": "P1", "skip_sell": False}


def new_bot(like):
    settings = {name: like[name] for name in ("account_id", "symbol", "max_tier", "t_div", "profit_rate", "point_curve", "skip_sell")}
    return settings | {"name": unique("Z")[:10], "seed": CHOICE.choice(["1000", "2500.5"]), "active": False}


def order(person):
    symbol, price = CHOICE.choice([("005930", "70000"), ("069500", "30000")])
    return {"symbol": symbol, "side": "buy", "quantity": CHOICE.choice(["1", "3"]), "price": price, "order_type": "limit"}


def broker_key(name):
    """Of one of the simulated broker's accounts that nobody uses."""
    app_key, app_secret = spare_key(name)
    return {"environment": "mock", "app_key": app_key, "app_secret": app_secret, "account_no": f"{SPARE_ACCOUNTS[name]}-01"}


# At the simulated broker: for who has no account, for an account that the run makes, and one only to be tried.
SPARE_ACCOUNTS = {"first": "50019997", "run": "50019998", "try": "50019999"}


# Symbols of shares at the broker that stand in nobody's books.
STRANGE = ("SPY", "QQQ", "LABU", "FAS", "AAPL")


def spare_key(name):
    return f"API{name.upper()}".ljust(36, "X"), f"api-{name}-".ljust(180, "x")


RECIPES = {}


def recipe(*operations):
    def keep(function):
        RECIPES.update({operation: function for operation in operations})
        return function

    return keep


def path(**parts):
    return {"path": parts}


# Accounts.


@recipe("describe_export", "export_database", "export_settings", "compare_with_broker", "list_differences", "test_broker_key", "ask_balance",
        "stop_account", "list_unsettled", "get_going_live")
def of_broker_account(p):
    return path(id=p.account("mock")["id"])


@recipe("update_account")
def update_account(p):
    account = p.some_account()
    change = CHOICE.choice([{"name": unique("main ")}, {"settings": {"fee_rate": 0.0009}}, {"settings": {"auto_start": True}}])
    return path(id=account["id"]) | {"body": {"version": account["version"]} | change}


@recipe("create_account")
def create_account(p):
    return {"body": {"name": unique("new "), "environment": "mock"}}


@recipe("put_broker_key")
def put_broker_key(p):
    return path(id=p.second_account()["id"]) | {"body": broker_key("run")}


@recipe("delete_broker_key")
def delete_broker_key(p):
    return path(id=p.second_account()["id"])


@recipe("try_broker_key")
def try_broker_key(p):
    return {"body": broker_key("try")}


@recipe("put_hts_id")
def put_hts_id(p):
    return of_broker_account(p) | {"body": {"hts_id": CHOICE.choice(["demochan", None])}}


@recipe("put_telegram")
def put_telegram(p):
    return of_broker_account(p) | {"body": {"bot_token": "123456789:AAEhBOweik6ad9r_QXMENQjcrGbqCr4K-bc", "chat_id": "4242"}}


@recipe("test_telegram", "send_status")
def with_telegram(p):
    wanted = put_telegram(p)
    p.call("PUT", f"/api/v1/trading/accounts/{wanted['path']['id']}/telegram", wanted["body"], p.token())
    return path(**wanted["path"])


@recipe("set_account_limits")
def set_account_limits(p):
    account = p.some_account()
    limits = CHOICE.choice([{"max_order_value": "1000000"}, {"max_daily_trades": 50, "price_collar": "5"}, {}])
    return path(id=account["id"]) | {"body": {"version": account["version"], "limits": limits}}


@recipe("put_schedule")
def put_schedule(p):
    account = p.account("mock")
    schedule = p.get(f"/api/v1/trading/accounts/{account['id']}/schedule")["schedule"]
    return path(id=account["id"]) | {"body": {"version": account["version"], "schedule": schedule}}


@recipe("start_account")
def start_account(p):
    return of_broker_account(p) | {"body": {"old_server_stopped": True}}


@recipe("answer_difference")
def answer_difference(p):
    account = p.account("mock")["id"]
    # The broker has shares that no book tells of.
    p.post(f"/api/v1/trading/accounts/{account}/reconcile")
    questions = p.get(f"/api/v1/trading/accounts/{account}/differences")
    strange = [question for question in questions["items"] if question["symbol"] in STRANGE]
    return path(id=account, difference=strange[0]["id"]) | {"body": {"action": "mine"}}


@recipe("give_grant")
def give_grant(p):
    return path(id=p.some_account()["id"]) | {
        "body": {"username": CHOICE.choice(["sk", "spare01", "spare02"]), "kind": CHOICE.choice(["view", "manage_bots"]), "until": later(9)}
    }


@recipe("revoke_grant")
def revoke_grant(p):
    account = p.account("mock")["id"]
    grant = p.post(f"/api/v1/trading/accounts/{account}/grants", {"username": f"spare{CHOICE.randrange(40):02}", "kind": "view", "until": later(9)})
    return path(id=account, grant=grant["id"])


# Bots.


@recipe("create_bot")
def create_bot(p):
    return {"body": new_bot(CHOICE.choice(p.bots()))}


@recipe("update_bot")
def update_bot(p):
    bot = CHOICE.choice(p.bots())
    change = CHOICE.choice([{"seed": "1234.5"}, {"active": not bot["active"]}, {"profit_rate": 0.12, "max_tier": bot["max_tier"]}])
    return path(id=bot["id"]) | {"body": {"version": bot["version"]} | change}


@recipe("get_bot", "get_ladder")
def of_bot(p):
    return path(id=CHOICE.choice(p.bots())["id"])


@recipe("delete_bot")
def delete_bot(p):
    return path(id=p.make_bot()["id"])


@recipe("rename_bot")
def rename_bot(p):
    bot = CHOICE.choice(p.bots())
    return path(id=bot["id"]) | {"body": {"version": bot["version"], "name": unique("R")[:10]}}


@recipe("reorder_bots")
def reorder_bots(p):
    bots = p.bots()
    ids = [bot["id"] for bot in bots]
    return {"body": {"account_id": bots[0]["account_id"], "order": CHOICE.sample(ids, len(ids))}}


@recipe("renew_bots")
def renew_bots(p):
    account = p.account("mock")
    budget = {"version": account["version"], "settings": {"total_budget": 10000.0}}
    p.call("PATCH", f"/api/v1/trading/accounts/{account['id']}", budget, p.token())
    return {"body": {"account_id": account["id"], "dry_run": True, "tickers": [{"symbol": "TQQQ", "count": CHOICE.choice([1, 3])}]}}


@recipe("force_sell")
def force_sell(p):
    p.start(p.account("mock"))
    held = [h["bot_id"] for h in p.holdings() if h["bot_id"] and float(h["quantity"]) > 0]
    return path(id=CHOICE.choice(held)) | {"body": {"ratio_percent": CHOICE.choice(["25", "100"])}, "headers": {"Idempotency-Key": unique("k")}}


# Books.


@recipe("correct_holding")
def correct_holding(p):
    holding = CHOICE.choice([h for h in p.holdings() if not h["reserve"]])
    return {
        "body": {
            "account_id": p.account("mock")["id"],
            "holding_id": holding["id"],
            "quantity": CHOICE.choice(["3", "12"]),
            "average_price": "61.37",
            "note": "as the statement says",
        }
    }


@recipe("remove_holding")
def remove_holding(p):
    bot = p.make_bot()
    holding = p.make_holding(bot)
    return {"body": {"account_id": bot["account_id"], "holding_id": holding["id"], "note": "not mine"}}


@recipe("add_history")
def add_history(p):
    bot = CHOICE.choice(p.bots())
    return {
        "body": {
            "account_id": bot["account_id"],
            "name": bot["name"],
            "symbol": bot["symbol"],
            "trade_type": CHOICE.choice(["SELL", "SELL_1_4", "BUY"]),
            "quantity": "2",
            "buy_price": "50.5",
            "sell_price": "61.37",
            "trade_date": day(-3),
            "note": "as the statement says",
        }
    }


@recipe("remove_history")
def remove_history(p):
    account = p.account("mock")["id"]
    row = CHOICE.choice(p.items(f"/api/v1/trading/history?account_id={account}&limit=5"))
    return {"body": {"account_id": account, "history_id": row["id"], "note": "twice"}}


@recipe("settle")
def settle(p):
    for account in p.accounts():
        for question in p.items(f"/api/v1/trading/accounts/{account['id']}/unsettled"):
            action = "merge" if question["type"] == "duplicate_holdings" else "book"
            return path(id=account["id"]) | {"body": {"type": question["type"], "name": question["name"], "action": action}}
    p.post(f"/api/v1/imports/{p.make_import('choe')['id']}/confirm", {"skip_refused": True})
    return None


# Orders.


@recipe("preview_order")
def preview_order(p):
    return {"body": order(p)}


@recipe("place_order")
def place_order(p):
    return {"body": order(p), "headers": {"Idempotency-Key": unique("k")}}


@recipe("get_order")
def get_order(p):
    return path(id=CHOICE.choice(p.items("/api/v1/trading/orders?limit=9") or [p.make_order()])["id"])


@recipe("cancel_order")
def cancel_order(p):
    return path(id=p.make_order()["id"])


@recipe("amend_order")
def amend_order(p):
    return path(id=p.make_order()["id"]) | {"body": {"price": "29000"}}


@recipe("cancel_all")
def cancel_all(p):
    return {"body": {"account": p.some_account()["id"]}}


@recipe("set_kill_switch")
def set_kill_switch(p):
    # Off twice as often: nothing else can be tried while it is on.
    if CHOICE.randrange(3):
        return {"body": {"on": False}}
    return {"body": {"on": True, "account": p.second_account()["id"]}}


# Imports.


@recipe("upload_eggmoney")
def upload_eggmoney(p):
    return {"files": {"db": old_file("egg_sk.db"), "key_store": old_file("key_store.sk.json")}, "data": old_names()}


@recipe("confirm_import")
def confirm_import(p):
    return path(id=p.make_import()["id"]) | {"body": {"skip_refused": True, "book_fills": CHOICE.choice([True, False])}}


@recipe("cancel_import")
def cancel_import(p):
    return path(id=p.make_import()["id"])


# Reading with a query.


@recipe("list_bots", "list_positions", "list_sheets", "get_preview", "get_indicators", "get_summary", "history_summary")
def of_queried_account(p):
    return {"query": {"account_id": p.account("mock")["id"]}}


@recipe("list_orders", "list_history")
def list_rows(p):
    account = p.account("mock")["id"]
    return {"query": CHOICE.choice([{"account_id": account}, {"account_id": account, "from": "2026-01-01", "to": day(0), "limit": 7}])}


@recipe("list_alerts")
def list_alerts(p):
    return {"query": CHOICE.choice([{"limit": 5}, {"account_id": p.account("mock")["id"]}])}


@recipe("get_calendar")
def get_calendar(p):
    return {"query": {"from": day(-7), "to": day(30)}}


@recipe("search")
def search(p):
    return {"query": {"q": CHOICE.choice(["TQQQ", "삼성", "00593"]), "limit": 5}}


@recipe("own_audit")
def own_audit(p):
    return {"query": {"limit": 10}}


# The person.


@recipe("read_alerts")
def read_alerts(p):
    return {"body": {"all": True}}


@recipe("accept_disclosure")
def accept_disclosure(p):
    disclosure = CHOICE.choice(p.items("/api/v1/users/disclosures"))
    return {"body": {"name": disclosure["name"], "version": disclosure["version"]}}


@recipe("create_api_key")
def create_api_key(p):
    drop_api_keys(p)
    return {"body": {"name": unique("key "), "scope": CHOICE.choice(["read", "paper"]), "expires_at": later(30)}}


def drop_api_keys(p):
    for key in p.items("/api/v1/users/api-keys"):
        if key["revoked_at"] is None:
            p.call("DELETE", f"/api/v1/users/api-keys/{key['id']}", token=p.token())


@recipe("revoke_api_key")
def revoke_api_key(p):
    drop_api_keys(p)
    return path(id=p.post("/api/v1/users/api-keys", {"name": unique("key "), "scope": "read"})["item"]["id"])


@recipe("end_session")
def end_session(p):
    before = {session["id"] for session in p.items("/api/v1/users/sessions")}
    p.signed_in()
    return path(id=next(s["id"] for s in p.items("/api/v1/users/sessions") if s["id"] not in before))


@recipe("update_profile")
def update_profile(p):
    return {"body": CHOICE.choice([{"language": "en"}, {"language": "ko"}, {"email": "anna@example.org"}])}


@recipe("confirm")
def confirm(p):
    return {"body": {"code": p.enrol()}}


@recipe("remove", "renew_recovery_codes")
def with_second_factor(p):
    p.post("/api/v1/users/second-factor/confirm", {"code": p.enrol()})
    return {}


# What a friend shares.


@recipe("list_shared", "shared_account", "shared_bots", "shared_positions", "shared_orders")
def shared(p):
    return path(grant=p.friend.give(p.login["username"], CHOICE.choice(["view", "manage_bots"])))


@recipe("stop_shared")
def stop_shared(p):
    return path(grant=p.friend.give(p.login["username"], "emergency_stop"))


@recipe("decline")
def decline(p):
    return path(grant=p.friend.give(p.login["username"], "emergency_stop"))


def managed(p):
    return p.friend.give(p.login["username"], "manage_bots")


@recipe("create_shared_bot")
def create_shared_bot(p):
    return path(grant=managed(p)) | {"body": new_bot(CHOICE.choice(p.friend.bots()))}


@recipe("update_shared_bot")
def update_shared_bot(p):
    bot = CHOICE.choice(p.friend.bots())
    return path(grant=managed(p), bot=bot["id"]) | {"body": {"version": bot["version"], "seed": "1500"}}


@recipe("rename_shared_bot")
def rename_shared_bot(p):
    bot = CHOICE.choice(p.friend.bots())
    return path(grant=managed(p), bot=bot["id"]) | {"body": {"version": bot["version"], "name": unique("S")[:10]}}


@recipe("delete_shared_bot")
def delete_shared_bot(p):
    return path(grant=managed(p), bot=p.friend.make_bot()["id"])


# Administration.


@recipe("update_user", "get_user_rules", "set_user_rules", "issue_reset", "erase_user")
def of_user(p):
    spare = CHOICE.choice([user for user in p.items("/api/v1/admin/users") if user["username"].startswith("spare")])
    return path(id=spare["id"])


@recipe("update_user")
def update_user(p):
    return of_user(p) | {"body": CHOICE.choice([{"verified": True}, {"premium": True}, {"active": True}, {"role": "viewer"}])}


@recipe("set_user_rules")
def set_user_rules(p):
    rules = {"can_paper_trade": True, "can_real_trade": False, "daily_trade_limit": CHOICE.choice([None, 50]), "api_calls_limit": None, "allowed_products": None}
    return of_user(p) | {"body": rules}


@recipe("issue_reset")
def issue_reset(p):
    return of_user(p) | {"body": {"drop_second_factor": False}}


@recipe("erase_user")
def erase_user(p):
    new = unique("leaver")
    invitation = p.post("/api/v1/admin/invitations", {"role": "user"})
    made = p.call("POST", "/api/v1/auth/register", {"username": new, "password": "throw-away-password-2026", "invite": invitation["word"]})
    p.call("PATCH", f"/api/v1/admin/users/{made['id']}", {"active": False}, p.token())
    return path(id=made["id"]) | {"body": {"username": new}}


@recipe("invite")
def invite(p):
    return {"body": {"role": "user", "note": "a friend"}}


@recipe("revoke_invitation")
def revoke_invitation(p):
    p.post("/api/v1/admin/invitations", {"role": "viewer"})
    return path(id=p.items("/api/v1/admin/invitations")[-1]["id"])


@recipe("set_installation_kill_switch")
def set_installation_kill_switch(p):
    return {"body": {"on": CHOICE.choice([True, False])}}


@recipe("set_live_trading")
def set_live_trading(p):
    return {"body": {"allowed": CHOICE.choice([True, False])}}


@recipe("set_public_url")
def set_public_url(p):
    return {"body": {"public_url": "https://nas.example.org"}}


@recipe("installation_audit")
def installation_audit(p):
    return {"query": {"limit": 10}}


def provider():
    return {"name": unique("Home "), "issuer": "https://id.example", "client_id": "eggmoney", "client_secret": "secret", "enabled": False}


@recipe("add_provider")
def add_provider(p):
    return {"body": provider()}


@recipe("change_provider")
def change_provider(p):
    return path(id=p.post("/api/v1/admin/sign-in-providers", provider())["id"]) | {"body": {"enabled": False}}


@recipe("remove_provider")
def remove_provider(p):
    return path(id=p.post("/api/v1/admin/sign-in-providers", provider())["id"])
