"""Somebody else's client of the simulated KIS server, as literal about the wire as the strictest one.

It speaks over raw sockets and looks at header names as they are written: the broker's own three in lower
case, all others in title case. It asks for tokens, prices, orders, lists with pages and encrypted execution
notices, on the host that it is told: `foreign_client.py live|mock REST_URL WEBSOCKET_URL`.
"""

import base64
import json
import os
import socket
import sys
from datetime import datetime, timedelta, timezone
from urllib.parse import quote, urlencode

OWN_HEADERS = {"tr_id", "tr_cont", "gt_uid"}
CANO, PRODUCT = "50019999", "01"
SEOUL, NEW_YORK_AT_MOST = timezone(timedelta(hours=9)), timezone(timedelta(hours=-5))


def host_and_port(url):
    host, port = url.split("//")[1].split(":")
    return host, int(port)


class Broker:
    def __init__(self, url, mock):
        self.place, self.mock, self.token = host_and_port(url), mock, None
        self.app_key, self.secret = f"PSFOREIGN{'M' if mock else 'L'}".ljust(36, "0"), "s" * 180

    def ask(self, method, path, headers=(), body=None):
        """Status, headers as written, body."""
        body = b"" if body is None else json.dumps(body, ensure_ascii=False).encode()
        lines = [f"{method} {path} HTTP/1.1", f"Host: {self.place[0]}", f"Content-Length: {len(body)}", "Connection: close"]
        lines += [f"{name}: {value}" for name, value in headers]
        with socket.create_connection(self.place, timeout=20) as wire:
            wire.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
            answer = b""
            while chunk := wire.recv(65536):
                answer += chunk
        head, text = answer.split(b"\r\n\r\n", 1)
        status, *lines = head.decode().split("\r\n")
        written = dict(line.split(": ", 1) for line in lines if ": " in line)
        written |= {line[:-1]: "" for line in lines if line.endswith(":")}
        for name in written:
            titled = all(part[:1].isupper() and part[1:] == part[1:].lower() for part in name.split("-"))
            assert name in OWN_HEADERS or titled, f"the header {name} is written in no way that the broker writes it"
        assert int(written["Content-Length"]) == len(text), written
        return int(status.split(" ")[1]), written, json.loads(text)

    def sign_in(self):
        asked = {"grant_type": "client_credentials", "appkey": self.app_key, "appsecret": self.secret}
        status, _, said = self.ask("POST", "/oauth2/tokenP", [("content-type", "application/json")], asked)
        assert status == 200 and said["token_type"] == "Bearer" and said["expires_in"] == 86400, said
        datetime.strptime(said["access_token_token_expired"], "%Y-%m-%d %H:%M:%S")
        self.token = said["access_token"]

    def call(self, path, tr_id, values, post=False, more=""):
        """One business call; its own headers and its body."""
        if self.mock and tr_id[0] in "TC":
            tr_id = "V" + tr_id[1:]
        headers = [
            ("content-type", "application/json"),
            ("authorization", f"Bearer {self.token}"),
            ("appkey", self.app_key),
            ("appsecret", self.secret),
            ("tr_id", tr_id),
            ("tr_cont", more),
            ("custtype", "P"),
            ("gt_uid", "0123456789abcdef0123456789abcdef"),
        ]
        path = f"/uapi/{path}" if post else f"/uapi/{path}?{urlencode(values, quote_via=quote)}"
        status, written, said = self.ask("POST" if post else "GET", path, headers, values if post else None)
        assert status == 200 and said["rt_cd"] == "0", f"{tr_id}: {status} {said}"
        assert {"msg_cd", "msg1"} <= said.keys() and all(key.isidentifier() for key in said), said.keys()
        assert written["tr_id"] == tr_id and len(written["gt_uid"]) == 32 and "tr_cont" in written, written
        return written, said

    def pages(self, path, tr_id, values, width, rows):
        """All rows of a list, and how many pages they came on."""
        fk, nk, found, more, count = f"ctx_area_fk{width}", f"ctx_area_nk{width}", [], "", 0
        values = values | {fk.upper(): "", nk.upper(): ""}
        while True:
            written, said = self.call(path, tr_id, values, more=more)
            assert isinstance(said[rows], list), said[rows]
            found, count = found + said[rows], count + 1
            if written["tr_cont"] not in ("F", "M"):
                assert written["tr_cont"] in ("D", "E"), written
                return found, count
            values, more = values | {fk.upper(): said[fk], nk.upper(): said[nk]}, "N"

    def account(self, **values):
        return {"CANO": CANO, "ACNT_PRDT_CD": PRODUCT} | values


def korean(broker):
    quotes = {"FID_COND_MRKT_DIV_CODE": "J", "FID_INPUT_ISCD": "005930"}
    _, said = broker.call("domestic-stock/v1/quotations/inquire-price", "FHKST01010100", quotes)
    last = int(said["output"]["stck_prpr"])
    low = str(last * 9 // 10 // 1000 * 1000)

    def order(side, kind, quantity, price):
        values = broker.account(
            PDNO="005930", ORD_DVSN=kind, ORD_QTY=str(quantity), ORD_UNPR=price, EXCG_ID_DVSN_CD="KRX", SLL_TYPE="", CNDT_PRIC=""
        )
        tr_id = "TTTC0012U" if side == "buy" else "TTTC0011U"
        return broker.call("domestic-stock/v1/trading/order-cash", tr_id, values, post=True)[1]["output"]

    def change(number, what, price):
        values = broker.account(
            KRX_FWDG_ORD_ORGNO=number["KRX_FWDG_ORD_ORGNO"],
            ORGN_ODNO=number["ODNO"],
            ORD_DVSN="00",
            RVSE_CNCL_DVSN_CD=what,
            ORD_QTY="0",
            ORD_UNPR=price,
            QTY_ALL_ORD_YN="Y",
            EXCG_ID_DVSN_CD="KRX",
        )
        return broker.call("domestic-stock/v1/trading/order-rvsecncl", "TTTC0013U", values, post=True)[1]["output"]

    most = 15 if broker.mock else 100
    for _ in range(most + 1):
        assert len(order("buy", "01", 1, "0")["ODNO"]) == 10
    order("sell", "01", 1, "0")
    waiting = order("buy", "00", 2, low)
    change(change(waiting, "01", str(int(low) + 1000)), "02", "0")
    # Around midnight in Seoul the orders may stand on two days.
    day = datetime.now(SEOUL)
    days = {"INQR_STRT_DT": f"{day - timedelta(days=2):%Y%m%d}", "INQR_END_DT": f"{day + timedelta(days=1):%Y%m%d}"}
    asked = dict.fromkeys(["PDNO", "ORD_GNO_BRNO", "ODNO", "INQR_DVSN_1"], "")
    asked |= {"SLL_BUY_DVSN_CD": "00", "CCLD_DVSN": "00", "INQR_DVSN": "00", "INQR_DVSN_3": "00", "EXCG_ID_DVSN_CD": "KRX"}
    path = "domestic-stock/v1/trading/inquire-daily-ccld"
    rows, pages = broker.pages(path, "TTTC0081R", broker.account(**days, **asked), 100, "output1")
    assert len(rows) == most + 5 and pages == 2, (len(rows), pages)
    assert len({row["odno"] for row in rows}) == len(rows) and all(isinstance(v, str) for row in rows for v in row.values())
    assert any(row["orgn_odno"].lstrip("0") == waiting["ODNO"].lstrip("0") for row in rows)
    asked = {"AFHR_FLPR_YN": "N", "OFL_YN": "", "INQR_DVSN": "01", "UNPR_DVSN": "01", "FUND_STTL_ICLD_YN": "N"}
    asked |= {"FNCG_AMT_AUTO_RDPT_YN": "N", "PRCS_DVSN": "00"}
    rows, _ = broker.pages("domestic-stock/v1/trading/inquire-balance", "TTTC8434R", broker.account(**asked), 100, "output1")
    # So many at once find no other side: some wait.
    assert [row["pdno"] for row in rows] == ["005930"] and 0 < int(rows[0]["hldg_qty"]) <= most, rows


def american(broker):
    _, said = broker.call("overseas-price/v1/quotations/price", "HHDFS00000300", {"AUTH": "", "EXCD": "NAS", "SYMB": "TQQQ"})
    last = float(said["output"]["last"])

    def order(side, quantity, price):
        values = broker.account(OVRS_EXCG_CD="NASD", PDNO="TQQQ", ORD_QTY=str(quantity), OVRS_ORD_UNPR=f"{price:.2f}")
        values |= {"CTAC_TLNO": "", "MGCO_APTM_ODNO": "", "SLL_TYPE": "" if side == "buy" else "00", "ORD_SVR_DVSN_CD": "0", "ORD_DVSN": "00"}
        tr_id = "TTTT1002U" if side == "buy" else "TTTT1006U"
        return broker.call("overseas-stock/v1/trading/order", tr_id, values, post=True)[1]["output"]["ODNO"]

    order("buy", 3, last * 1.03)
    order("sell", 1, last * 0.97)
    waiting = order("buy", 1, last * 0.8)
    values = broker.account(OVRS_EXCG_CD="NASD", PDNO="TQQQ", ORGN_ODNO=waiting, RVSE_CNCL_DVSN_CD="02", ORD_QTY="1", OVRS_ORD_UNPR="0")
    values |= {"MGCO_APTM_ODNO": "", "ORD_SVR_DVSN_CD": "0"}
    broker.call("overseas-stock/v1/trading/order-rvsecncl", "TTTT1004U", values, post=True)
    day = datetime.now(NEW_YORK_AT_MOST)
    asked = {"ORD_STRT_DT": f"{day - timedelta(days=2):%Y%m%d}", "ORD_END_DT": f"{day + timedelta(days=1):%Y%m%d}"}
    asked |= {"PDNO": "" if broker.mock else "%", "OVRS_EXCG_CD": "" if broker.mock else "%", "SLL_BUY_DVSN": "00"}
    asked |= {"CCLD_NCCS_DVSN": "00", "SORT_SQN": "DS", "ORD_DT": "", "ORD_GNO_BRNO": "", "ODNO": ""}
    rows, _ = broker.pages("overseas-stock/v1/trading/inquire-ccnl", "TTTS3035R", broker.account(**asked), 200, "output")
    assert len(rows) == 4 and sum(int(row["ft_ccld_qty"]) for row in rows) == 4, rows
    asked = broker.account(OVRS_EXCG_CD="NASD", TR_CRCY_CD="USD")
    rows, _ = broker.pages("overseas-stock/v1/trading/inquire-balance", "TTTS3012R", asked, 200, "output1")
    assert [(row["ovrs_pdno"], int(row["ovrs_cblc_qty"])) for row in rows if row["ovrs_pdno"]] == [("TQQQ", 2)], rows
    return lambda: order("buy", 1, last * 1.05)


class Wires:
    """A websocket of texts."""

    def __init__(self, url):
        self.wire, self.rest = socket.create_connection(host_and_port(url), timeout=20), b""
        key = base64.b64encode(os.urandom(16)).decode()
        lines = ["GET /tryitout HTTP/1.1", "Host: broker", "Upgrade: websocket", "Connection: Upgrade"]
        lines += [f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13", "", ""]
        self.wire.sendall("\r\n".join(lines).encode())
        while b"\r\n\r\n" not in self.rest:
            self.rest += self.wire.recv(4096)
        head, self.rest = self.rest.split(b"\r\n\r\n", 1)
        assert head.startswith(b"HTTP/1.1 101 "), head

    def say(self, text, kind=1):
        data, mask = text.encode(), os.urandom(4)
        length = bytes([0x80 | len(data)]) if len(data) < 126 else b"\xfe" + len(data).to_bytes(2, "big")
        self.wire.sendall(bytes([0x80 | kind]) + length + mask + bytes(byte ^ mask[n % 4] for n, byte in enumerate(data)))

    def take(self, count):
        while len(self.rest) < count:
            chunk = self.wire.recv(4096)
            assert chunk, "the connection ended"
            self.rest += chunk
        taken, self.rest = self.rest[:count], self.rest[count:]
        return taken

    def hear(self):
        """The next text; keep-alives are answered."""
        while True:
            kind, length = self.take(2)
            if length >= 126:
                length = int.from_bytes(self.take(2 if length == 126 else 8), "big")
            text = self.take(length).decode()
            if kind & 15 == 9:
                self.say(text, kind=10)
            elif kind & 15 == 1 and '"PINGPONG"' in text:
                self.say(text)
            elif kind & 15 == 1:
                return text


def doubled(byte):
    return (byte << 1) ^ (0x11B if byte & 0x80 else 0)


def times(a, b):
    product = 0
    while b:
        product, a, b = product ^ (a if b & 1 else 0), doubled(a), b >> 1
    return product


def substitutions():
    inverse = [0] + [next(b for b in range(1, 256) if times(a, b) == 1) for a in range(1, 256)]
    rotated = lambda byte, by: (byte << by | byte >> (8 - by)) & 255
    return [i ^ rotated(i, 1) ^ rotated(i, 2) ^ rotated(i, 3) ^ rotated(i, 4) ^ 0x63 for i in inverse]


FORWARD = substitutions()
BACKWARD = [FORWARD.index(byte) for byte in range(256)]


def decrypted(key, iv, data):
    """AES-256-CBC with PKCS#7 (FIPS 197): the standard library has none."""
    words, constant = [list(key[n : n + 4]) for n in range(0, 32, 4)], 1
    for n in range(8, 60):
        word = words[-1]
        if n % 8 == 0:
            word = [FORWARD[byte] for byte in word[1:] + word[:1]]
            word[0], constant = word[0] ^ constant, doubled(constant)
        elif n % 8 == 4:
            word = [FORWARD[byte] for byte in word]
        words.append([a ^ b for a, b in zip(words[-8], word)])
    rounds = [sum(words[n : n + 4], []) for n in range(0, 60, 4)]
    plain, before = b"", iv
    for start in range(0, len(data), 16):
        block = data[start : start + 16]
        state = [a ^ b for a, b in zip(block, rounds[14])]
        for n in range(13, -1, -1):
            state = [BACKWARD[state[(place - 4 * (place % 4)) % 16]] for place in range(16)]
            state = [a ^ b for a, b in zip(state, rounds[n])]
            if n:
                mixed = []
                for column in range(0, 16, 4):
                    c = state[column : column + 4]
                    mixed += [
                        times(c[row], 14) ^ times(c[(row + 1) % 4], 11) ^ times(c[(row + 2) % 4], 13) ^ times(c[(row + 3) % 4], 9)
                        for row in range(4)
                    ]
                state = mixed
        plain, before = plain + bytes(a ^ b for a, b in zip(state, before)), block
    assert 1 <= plain[-1] <= 16 and plain.endswith(plain[-1:] * plain[-1]), "no such padding"
    return plain[: -plain[-1]].decode()


def notices(broker, url, buy):
    asked = {"grant_type": "client_credentials", "appkey": broker.app_key, "secretkey": broker.secret}
    status, _, said = broker.ask("POST", "/oauth2/Approval", [("content-type", "application/json")], asked)
    assert status == 200, said
    wires, tr_id = Wires(url), "H0GSCNI9" if broker.mock else "H0GSCNI0"
    header = {"approval_key": said["approval_key"], "custtype": "P", "tr_type": "1", "content-type": "utf-8"}
    wires.say(json.dumps({"header": header, "body": {"input": {"tr_id": tr_id, "tr_key": "foreigner"}}}))
    answer = json.loads(wires.hear())
    assert answer["header"]["tr_id"] == tr_id and answer["header"]["tr_key"] == "foreigner", answer
    assert answer["header"]["encrypt"] == "Y" and answer["body"]["rt_cd"] == "0", answer
    key, iv = (answer["body"]["output"][name].encode() for name in ("key", "iv"))
    assert (len(key), len(iv)) == (32, 16)
    number, told = buy(), []
    while len(told) < 2:
        encrypted, name, count, data = wires.hear().split("|", 3)
        assert (encrypted, name, count) == ("1", tr_id, "001")
        told.append(decrypted(key, iv, base64.b64decode(data)).split("^"))
    for fields, happened in zip(told, ("1", "2")):
        assert len(fields) == 25 and fields[0] == "foreigner" and fields[1] == CANO + PRODUCT, fields
        assert fields[2].lstrip("0") == number.lstrip("0") and fields[7] == "TQQQ" and fields[12] == happened, fields


def main(kind, rest, websocket):
    # Of FIPS 197, appendix C.3: the cipher that reads the notices is right.
    known = bytes.fromhex("8ea2b7ca516745bfeafc49904b496089"), bytes(range(32)), "00112233445566778899aabbccddeeff"
    padded = bytes(a ^ b for a, b in zip(bytes.fromhex(known[2]), b"\x10" * 16))
    assert decrypted(known[1], padded, known[0]) == ""
    broker = Broker(rest, kind == "mock")
    broker.sign_in()
    korean(broker)
    buy = american(broker)
    notices(broker, websocket, buy)
    print(f"{kind}: all good")


main(*sys.argv[1:])
