"""Who calls, on which objects, and what every error answer must be."""

import atexit
import json
import os
import urllib.error

import schemathesis

from recipes import CHOICE, FRESH, RECIPES, Friend, Person

BASE, ROLE = os.environ["API_BASE"], os.environ["API_ROLE"]
LOGINS = json.loads(os.environ.get("API_LOGINS") or "{}")
# What may be away without anything being wrong with the server.
AWAY = {"broker_unreachable", "provider_unreachable", "just_started", "busy"}
PROBLEM = {"type": str, "title": str, "status": int, "detail": str, "code": str, "trace_id": str}
# How often a case that breaks no rule becomes what somebody would ask who knows what is there.
LIKELY = 0.7

if LOGINS:
    PERSON = Person(BASE, LOGINS["me"])
    PERSON.friend = Friend(BASE, LOGINS["friend"])

    @schemathesis.auth(refresh_interval=FRESH)
    class Session:
        def get(self, case, ctx):
            return PERSON.token()

        def set(self, case, data, ctx):
            case.headers = {**(case.headers or {}), "Authorization": f"Bearer {data}"}


def name_of(case):
    return case.operation.definition.raw.get("operationId", case.operation.label)


def ids_in(case):
    """For operations without a recipe: the address names an account of the caller's."""
    if "/trading/accounts/{id}" in case.operation.path:
        return {"path": {"id": PERSON.some_account()["id"]}}
    return None


@schemathesis.hook
def before_call(context, case, kwargs):
    """What breaks a rule stays as it is: only the rest is made likely."""
    headers = case.headers or {}
    if LOGINS and (headers.get("Authorization") or "").removeprefix("Bearer ") in PERSON.issued:
        case.headers = {**headers, "Authorization": f"Bearer {PERSON.token()}"}
    if not LOGINS or case.meta is None or case.meta.generation.mode.is_negative or CHOICE.random() >= LIKELY:
        return
    name = name_of(case)
    try:
        known = RECIPES[name](PERSON) if name in RECIPES else ids_in(case)
    except (urllib.error.HTTPError, LookupError, StopIteration, TypeError) as error:
        detail = json.loads(error.read() or b"{}").get("detail") if isinstance(error, urllib.error.HTTPError) else repr(error)
        note(name, f"not prepared: {detail}")
        return
    for part, value in (known or {}).items():
        if part == "path":
            case.path_parameters = {**(case.path_parameters or {}), **value}
        elif part == "query":
            case.query = value
        elif part == "body":
            case.body = value
        elif part == "headers":
            case.headers = {**(case.headers or {}), **value}
        else:
            # Files are bytes, which the document calls texts: they go past the case.
            kwargs[part] = value


STATUSES, REASONS = {}, {}
# Cases that break no rule: refused, taken.
RIGHT = [0, 0]


def note(name, reason):
    of = REASONS.setdefault(name, {})
    of[reason] = of.get(reason, 0) + 1


@schemathesis.hook
def after_call(context, case, response):
    of = STATUSES.setdefault(name_of(case), {})
    of[response.status_code] = of.get(response.status_code, 0) + 1
    if case.meta and not case.meta.generation.mode.is_negative:
        RIGHT[response.status_code < 400] += 1
    if LOGINS and name_of(case) in ("confirm", "renew_recovery_codes") and response.status_code < 400:
        # Without it a password is enough again.
        PERSON.drop_second_factor()
    if LOGINS and response.status_code == 401 and PERSON.lost(response.request.headers.get("Authorization")):
        note(name_of(case), "the session of the run has ended")
    if response.status_code >= 400 and case.meta and not case.meta.generation.mode.is_negative:
        try:
            problem = response.json()
            note(name_of(case), f"{problem['code']}: {problem['detail']}")
        except (ValueError, KeyError, TypeError):
            note(name_of(case), f"{response.status_code}")


@atexit.register
def tell():
    if STATUSES and os.environ.get("API_STATUSES"):
        with open(os.environ["API_STATUSES"], "w") as file:
            json.dump({"statuses": STATUSES, "reasons": REASONS, "right": RIGHT}, file)


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
