"""A property-based client over the server's OpenAPI document: schemathesis as nobody, as a user and as
an administrator, over every operation. Called by scripts/prove api, which builds and installs what this
needs. Fails when any answer breaks the document, or the server takes what the document forbids.
"""

import contextlib
import http.server
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

from recipes import CANNOT, SPARE_ACCOUNTS, STRANGE, spare_key

HERE = pathlib.Path(__file__).resolve().parent
EXAMPLES = int(os.environ.get("API_EXAMPLES", "30"))
SEED = int(os.environ.get("API_SEED", "20261121"))
ROLES = os.environ.get("API_ROLES", "nobody,user,admin").split(",")
SPARE_PASSWORD = "throw-away-password-2026"
SPARE_USERS = 40

# What would saw off the branch that the run sits on, with the reason.
EXCLUDED = {
    "events": "a websocket",
    "logout": "ends the session of the run",
    "change_password": "ends the sessions of the run's user",
    "erase_self": "erases the run's user",
    "set_networks": "may shut the run's own address out",
    "update_settings": "may shut the run's own address out",
    "step_up": "wrong passwords slow down the run's own sign-in; tried as nobody",
    "login": "wrong passwords slow down the run's own sign-in; tried as nobody",
}
# Without a session nothing of the above can happen.
EXCLUDED_FOR_NOBODY = {"events"}


def free_line(process: subprocess.Popen) -> str:
    line = process.stdout.readline()
    if not line:
        raise SystemExit(f"{process.args[1]} has ended with {process.wait()}")
    return line


@contextlib.contextmanager
def running(*command, **more):
    process = subprocess.Popen([os.environ["EGGMONEY_BIN"], *map(str, command)], stdout=subprocess.PIPE, text=True, **more)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()


def populate(data: pathlib.Path, log) -> list[dict]:
    """The demo's users with their accounts, bots, positions and trades."""
    with running("demo", "--data-dir", data, "--listen", "127.0.0.1:0", "--speed", "1", "--json", stderr=log) as demo:
        free_line(demo)
        logins = json.loads(free_line(demo))["logins"]
    for n in range(SPARE_USERS):
        command = ["user", "create", "--data-dir", data, "--username", f"spare{n:02}", "--role", "user", "--password-stdin"]
        subprocess.run([os.environ["EGGMONEY_BIN"], *map(str, command)], input=SPARE_PASSWORD, text=True, check=True, capture_output=True)
    return logins


def broker_accounts(data: pathlib.Path, path: pathlib.Path, logins: list[dict]) -> None:
    """The accounts that the demo's users have keys for, and those that wait for somebody."""
    entries = []
    strange = [{"symbol": symbol, "quantity": "5", "average_price": "100"} for symbol in STRANGE]
    for n, login in enumerate(login for login in logins if login["role"] == "user"):
        name = login["username"]
        key, secret = f"DEMO{name.upper()}".ljust(36, "X"), f"demo-{name}-".ljust(180, "x")
        entries.append({"env": "mock", "app_key": key, "app_secret": secret, "cano": f"5001000{n + 1}", "product": "01", "cash": 20000, "positions": strange})
    for name, cano in SPARE_ACCOUNTS.items():
        key, secret = spare_key(name)
        entries.append({"env": "mock", "app_key": key, "app_secret": secret, "cano": cano, "product": "01", "cash": 1000, "positions": strange if name == "first" else []})
    path.write_text(json.dumps(entries))


class Telegram(http.server.BaseHTTPRequestHandler):
    """A messenger that takes everything and has nothing to say."""

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        method = self.path.rsplit("/", 1)[-1]
        if method == "getUpdates":
            time.sleep(5)
        results = {"getUpdates": [], "getMe": {"id": 1, "is_bot": True, "first_name": "egg", "username": "egg_bot"}}
        message = {"message_id": 1, "date": 0, "chat": {"id": 4242, "type": "private"}}
        body = json.dumps({"ok": True, "result": results.get(method, message)}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def telegram():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Telegram)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()


def wait_for(url: str) -> None:
    for _ in range(400):
        with contextlib.suppress(OSError):
            with urllib.request.urlopen(url, timeout=1):
                return
        time.sleep(0.05)
    raise SystemExit(f"nothing answers at {url}")


def tell_statuses(role: str, path: pathlib.Path) -> None:
    """How many calls came how far: a run that is only ever refused proves little."""
    if not path.exists():
        return
    told = json.loads(path.read_text())
    operations: dict[str, dict[str, int]] = told["statuses"]
    total: dict[str, int] = {}
    for statuses in operations.values():
        for status, count in statuses.items():
            total[status] = total.get(status, 0) + count
    refused, taken = told["right"]
    right = f"of {refused + taken} that break no rule of the document {taken} taken ({taken / max(refused + taken, 1):.0%})"
    print(f"as {role}: {sum(total.values())} calls, {right}; " + ", ".join(f"{s}: {n}" for s, n in sorted(total.items())), flush=True)
    if role == "nobody":
        return
    never = sorted(name for name, statuses in operations.items() if not any(status < "400" for status in statuses))
    print(f"as {role}: {len(operations) - len(never)} of {len(operations)} operations came through; these never:", flush=True)
    for name in never:
        statuses = operations[name]
        forbidden = "403" in statuses and "422" not in statuses and "404" not in statuses
        reasons = sorted(told["reasons"].get(name, {}).items(), key=lambda of: -of[1])
        why = CANNOT.get(name) or ("only for administrators" if forbidden else "; ".join(f"{n}x {reason[:120]}" for reason, n in reasons[:2]))
        print(f"  {name}: {why}", flush=True)


def attempt(role: str, base: str, logins: list[dict], folder: pathlib.Path) -> bool:
    mine = [login for login in logins if login["role"] == role]
    friend = [login for login in logins if login["role"] == "user"][-1]
    excluded = EXCLUDED_FOR_NOBODY if role == "nobody" else EXCLUDED.keys()
    environment = os.environ | {
        "SCHEMATHESIS_HOOKS": "hooks",
        "PYTHONPATH": str(HERE),
        "PYTHONDONTWRITEBYTECODE": "1",
        "API_BASE": base,
        "API_ROLE": role,
        "API_LOGINS": json.dumps({"me": mine[0], "friend": friend}) if mine else "",
        "API_STATUSES": str(folder / f"{role}-statuses.json"),
    }
    command = [os.environ["API_SCHEMATHESIS"], "--config-file", HERE / "schemathesis.toml", "run", f"{base}/api/openapi.json", "--url", base]
    command += ["--phases", "examples,coverage,fuzzing", "--max-examples", EXAMPLES, "--seed", SEED, "--no-shrink", "--continue-on-failure"]
    command += ["--request-timeout", 30, "--suppress-health-check", "all", "--warnings", "off", "--generation-database", "none"]
    command += ["--report", "json", "--report-json-path", folder / f"{role}.json"]
    for name in sorted(excluded):
        command += ["--exclude-operation-id", name]
    done = subprocess.run(list(map(str, command)), env=environment, cwd=folder)
    tell_statuses(role, folder / f"{role}-statuses.json")
    return done.returncode == 0


def main() -> None:
    print(f"seed {SEED}, at most {EXAMPLES} generated cases an operation, beside the systematic ones", flush=True)
    for name, reason in EXCLUDED.items():
        print(f"not tried with a session: {name} ({reason})", flush=True)
    keep = os.environ.get("API_FOLDER")
    folder = pathlib.Path(keep or tempfile.mkdtemp(prefix="eggmoney-api-"))
    folder.mkdir(exist_ok=True)
    failed = []
    try:
        with open(folder / "server.log", "ab") as log:
            first = folder / "data"
            shutil.rmtree(first, ignore_errors=True)
            logins = populate(first, log)
            broker_accounts(first, folder / "accounts.json", logins)
            with running("simulate", "--accounts", folder / "accounts.json", stderr=log) as simulator, telegram() as messenger:
                urls = json.loads(free_line(simulator))["kis"]
                environment = os.environ | {
                    "RUST_LOG": "warn",
                    "EGGMONEY_CALLS_PER_SECOND": "1000000",
                    "EGGMONEY_KIS_LIVE": urls["live"],
                    "EGGMONEY_KIS_LIVE_WS": urls["live_ws"],
                    "EGGMONEY_KIS_MOCK": urls["paper"],
                    "EGGMONEY_KIS_MOCK_WS": urls["paper_ws"],
                    "EGGMONEY_KIS_MASTERS": urls["live"] + "/common/master",
                    "EGGMONEY_TELEGRAM_URL": messenger,
                }
                for role in ROLES:
                    data = folder / f"data-{role}"
                    shutil.rmtree(data, ignore_errors=True)
                    shutil.copytree(first, data)
                    with running("serve", "--data-dir", data, "--listen", "127.0.0.1:0", env=environment, stderr=log) as server:
                        base = free_line(server).split()[-1]
                        wait_for(f"{base}/readyz")
                        print(f"\n=== as {role} at {base}", flush=True)
                        if not attempt(role, base, logins, folder):
                            failed.append(role)
                        if server.poll() is not None:
                            raise SystemExit(f"the server has ended with {server.returncode}")
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)
    if failed:
        raise SystemExit(f"answers that break the document, or forbidden data taken, as {', '.join(failed)}: see above")


if __name__ == "__main__":
    main()
