"""Durable orders and reads per second, beside a FastAPI + PostgreSQL + Redis peer in the same run.

Called by scripts/bench, which builds and installs what this needs. Prints Markdown tables; every
figure is the median of BENCH_REPEATS runs.
"""

import contextlib
import json
import os
import pathlib
import pwd
import secrets
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor

HERE = pathlib.Path(__file__).resolve().parent
OLD_DATABASE = HERE.parent.parent / "data-fixtures" / "eggmoney" / "egg_sk.db"
CLIENTS = [1, 16, 64, 256]
USERS = 256
SECONDS = int(os.environ.get("BENCH_SECONDS", "5"))
REPEATS = int(os.environ.get("BENCH_REPEATS", "3"))
PASSWORD = "benchmark-password-2026"
ORDER = {"symbol": "005930", "quantity": 1, "price": 1000, "order_type": "limit", "side": "buy"}


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def call(method: str, url: str, body: dict | None = None, token: str | None = None) -> dict:
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    request = urllib.request.Request(url, method=method, headers=headers, data=json.dumps(body).encode() if body is not None else None)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read() or b"{}")
    except urllib.error.HTTPError as error:
        raise SystemExit(f"{method} {url} answered {error.code}: {error.read().decode()[:500]}") from error


def wait_for(url: str, process: subprocess.Popen) -> None:
    for _ in range(600):
        with contextlib.suppress(OSError):
            with urllib.request.urlopen(url, timeout=1):
                return
        if process.poll() is not None:
            raise SystemExit(f"the server behind {url} has ended with {process.returncode}")
        time.sleep(0.05)
    raise SystemExit(f"nothing answers at {url}")


def fsync_rate(folder: pathlib.Path) -> tuple[float, float, float]:
    """Writes of 4 KiB with fdatasync: per second, median and 99th percentile in milliseconds."""
    took = []
    with open(folder / "fsync", "wb", buffering=0) as file:
        until = time.perf_counter() + 2
        while (began := time.perf_counter()) < until:
            os.pwrite(file.fileno(), b"x" * 4096, 4096 * (len(took) % 256))
            os.fdatasync(file.fileno())
            took.append(time.perf_counter() - began)
    took.sort()
    return len(took) / 2, took[len(took) // 2] * 1000, took[len(took) * 99 // 100] * 1000


def memory_mb(pid: int, what: str) -> float:
    """VmRSS, what is resident now, or VmHWM, the most that ever was."""
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(what):
            return int(line.split()[1]) / 1024
    return 0.0


class Served:
    """A server that is measured: its address and the tokens of its users."""

    def __init__(self, name: str, address: str, tokens: pathlib.Path):
        self.name, self.address, self.tokens = name, address, tokens

    def check(self) -> None:
        token = self.tokens.read_text().split()[0]
        placed = call("POST", f"{self.address}/api/v1/trading/orders", ORDER, token)
        if placed.get("status") != "pending":
            raise SystemExit(f"{self.name}: the order did not come to rest: {placed}")
        call("GET", f"{self.address}/api/v1/portfolio/summary", token=token)

    def load(self, route: str, clients: int) -> dict:
        environment = os.environ | {"BENCH_TOKENS": str(self.tokens), "BENCH_ROUTE": route, "BENCH_RUN": secrets.token_hex(4)}
        command = ["wrk", "-t", str(min(2, clients)), "-c", str(clients), "-d", f"{SECONDS}s", "--timeout", "30s"]
        done = subprocess.run([*command, "-s", str(HERE / "load.lua"), self.address], env=environment, capture_output=True, text=True, check=True)
        figures = json.loads(done.stdout.strip().splitlines()[-1])
        if figures["refused"] or figures["broken"]:
            raise SystemExit(f"{self.name}, {route}, {clients} clients: {figures} {done.stderr}")
        return {"rate": figures["requests"] * 1e6 / figures["micros"], "p50": figures["p50_us"] / 1000, "p99": figures["p99_us"] / 1000}

    def median(self, route: str, clients: int) -> dict:
        runs = [self.load(route, clients) for _ in range(REPEATS)]
        return {name: statistics.median(run[name] for run in runs) for name in runs[0]}


@contextlib.contextmanager
def eggmoney(folder: pathlib.Path, slow: dict, portfolios: bool):
    """Our server with USERS users and their own paper accounts, if wanted each with the imported
    account of an old server: four bots, five positions, two hundred trades."""
    binary, data = os.environ["EGGMONEY_BIN"], folder / "eggmoney"
    data.mkdir()
    port = free_port()
    # A few users stand for many: what is measured is the server and not what it grants to one of them.
    # Neither this server nor the peer writes a line for each call.
    environment = os.environ | slow | {"EGGMONEY_LOG": "warn", "EGGMONEY_CALLS_PER_SECOND": "1000000"}
    log = open(folder / "eggmoney.log", "wb")
    server = subprocess.Popen([binary, "serve", "--data-dir", data, "--listen", f"127.0.0.1:{port}"], env=environment, stdout=log, stderr=log)
    try:
        address = f"http://127.0.0.1:{port}"
        wait_for(f"{address}/readyz", server)

        def make(n: int) -> str:
            name = f"bench{n:04}"
            create = [binary, "user", "create", "--data-dir", data, "--username", name, "--role", "admin" if n == 0 else "user", "--password-stdin"]
            subprocess.run(create, input=PASSWORD, text=True, check=True, capture_output=True)
            if portfolios:
                bring = [binary, "import", "eggmoney", "--data-dir", data, "--user", name, "--db", OLD_DATABASE, "--book-fills"]
                subprocess.run(bring, check=True, capture_output=True)
            return call("POST", f"{address}/api/v1/auth/login", {"username": name, "password": PASSWORD})["access_token"]

        with ThreadPoolExecutor(2) as pool:
            tokens = list(pool.map(make, range(USERS)))
        path = folder / "eggmoney.tokens"
        path.write_text("\n".join(tokens) + "\n")
        served = Served("EggMoney", address, path)
        served.check()
        yield served
        now, most = memory_mb(server.pid, "VmRSS"), memory_mb(server.pid, "VmHWM")
        size = sum(f.stat().st_size for f in data.rglob("*")) >> 20
        print(f"\nEggMoney's memory at the end: {now:.0f} MB, at most {most:.0f} MB; its data: {size} MB.", flush=True)
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(30)


@contextlib.contextmanager
def peer(folder: pathlib.Path, slow: dict, portfolios: bool):
    """The peer: PostgreSQL and Redis from Debian, two uvicorn workers; always five positions a user."""
    tools = max(pathlib.Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    data, sockets = folder / "postgres", folder / "sockets"
    data.mkdir()
    sockets.mkdir()
    as_postgres = {}
    if os.getuid() == 0:
        # PostgreSQL does not run as root.
        user = pwd.getpwnam("postgres")
        for path in (data, sockets):
            os.chown(path, user.pw_uid, user.pw_gid)
        folder.chmod(0o755)
        as_postgres = {"user": user.pw_uid, "group": user.pw_gid}
    pg_port, redis_port, port = free_port(), free_port(), free_port()
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.run([tools / "initdb", "-D", data, "-U", "bench", "--auth", "trust"], check=True, cwd="/", **as_postgres, **quiet)
    running = []
    try:
        settings = ["-c", f"port={pg_port}", "-c", f"unix_socket_directories={sockets}", "-c", "listen_addresses=127.0.0.1", "-c", "shared_buffers=256MB"]
        running.append(subprocess.Popen([tools / "postgres", "-D", data, *settings], env=os.environ | slow, cwd="/", **as_postgres, **quiet))
        running.append(subprocess.Popen(["redis-server", "--port", str(redis_port), "--save", "", "--dir", folder], **quiet))
        dsn = f"postgresql://bench@127.0.0.1:{pg_port}/postgres"
        environment = os.environ | {"PEER_DSN": dsn, "PEER_REDIS": f"redis://127.0.0.1:{redis_port}", "PEER_SECRET": secrets.token_hex(32)}
        for _ in range(200):
            if subprocess.run([tools / "pg_isready", "-h", "127.0.0.1", "-p", str(pg_port)], **quiet).returncode == 0:
                break
            time.sleep(0.05)
        python = os.environ["BENCH_PYTHON"]
        tokens = subprocess.run([python, HERE / "peer.py", str(USERS)], env=environment, check=True, capture_output=True, text=True).stdout
        path = folder / "peer.tokens"
        path.write_text(tokens)
        uvicorn = [python, "-m", "uvicorn", "peer:app", "--app-dir", HERE, "--port", str(port), "--workers", "2", "--no-access-log", "--log-level", "error"]
        running.append(subprocess.Popen(uvicorn, env=environment | {"PYTHONDONTWRITEBYTECODE": "1"}, stderr=open(folder / "peer.log", "wb")))
        address = f"http://127.0.0.1:{port}"
        wait_for(f"{address}/openapi.json", running[-1])
        served = Served("FastAPI + PostgreSQL + Redis", address, path)
        served.check()
        yield served
    finally:
        # The service before what it stands on.
        for process in reversed(running):
            process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(20)


def table(title: str, ours: dict, theirs: dict) -> None:
    print(f"\n### {title}\n")
    print("| clients | EggMoney /s | p50 ms | p99 ms | peer /s | p50 ms | p99 ms | ratio |\n| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for clients, a in ours.items():
        b = theirs[clients]
        print(f"| {clients} | {a['rate']:,.0f} | {a['p50']:.2f} | {a['p99']:.2f} | {b['rate']:,.0f} | {b['p50']:.2f} | {b['p99']:.2f} | {a['rate'] / b['rate']:.1f}x |", flush=True)


def measure(title: str, routes: list[tuple[str, str]], slow: dict) -> None:
    figures = {}
    for server in (eggmoney, peer):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="bench-", dir=os.environ.get("BENCH_DIR")))
        try:
            with server(folder, slow, any(route == "summary" for route, _ in routes)) as served:
                for route, _ in routes:
                    for clients in CLIENTS:
                        figures[server, route, clients] = served.median(route, clients)
                        say(f"{served.name}, {title}, {route}, {clients} clients: {figures[server, route, clients]['rate']:,.0f}/s")
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    for route, name in routes:
        of = [{clients: figures[server, route, clients] for clients in CLIENTS} for server in (eggmoney, peer)]
        table(f"{name}, {title}", *of)


def main() -> None:
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as folder:
        rate, p50, p99 = fsync_rate(pathlib.Path(folder))
    print(f"The disk: 4 KiB write + fdatasync, one thread: {rate:,.0f}/s, p50 {p50:.2f} ms, p99 {p99:.2f} ms.")
    print(f"{SECONDS} s per figure, median of {REPEATS}; {USERS} users; server, peer and load generator share {os.cpu_count()} cores.")
    measure("the disk as it is", [("orders", "Durable orders"), ("list", "Newest 20 orders"), ("summary", "Portfolio summary")], {})
    shim = {"LD_PRELOAD": os.environ["BENCH_SLOW_FSYNC"], "EGGMONEY_FSYNC_MS": "10"}
    measure("10 ms added to each fsync", [("orders", "Durable orders")], shim)


if __name__ == "__main__":
    main()
