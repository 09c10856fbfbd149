"""Bad input: refused by name or kept for a person; never a crash, never a wrong alert."""

import socket
import subprocess
import time

import pytest

import doubles
import rig
from rig import instant, wait_for


def raw_http(world, text, deadline_s=5):
    """Sends bytes as they are; what came back before the server closed (or the deadline)."""
    with socket.create_connection(("127.0.0.1", world.port), timeout=deadline_s) as wire:
        wire.sendall(text)
        got = b""
        try:
            while b"\r\n\r\n" not in got:
                piece = wire.recv(65536)
                if not piece:
                    break
                got += piece
        except TimeoutError:
            pass
        return got


def code(answer):
    return answer.status, answer.json().get("code")


# --- webhooks -------------------------------------------------------------------------------------


def test_a_wrong_signature_is_refused(shop):
    world, server = shop
    world.register("W-1")
    body = world.hook_body("W-1", "delivered")
    good = world.signed(body)["X-Signature"]
    for signature in (None, "", "sha256=", good[:-1], good[:-1] + ("0" if good[-1] != "0" else "1"),
                      good.removeprefix("sha256=") + "00", "sha256=" + "é" * 32):
        headers = {"X-Signature": signature.encode()} if signature is not None else {}
        answer = world.public.ask("POST", "/hooks/generic/default", body, headers)
        assert code(answer) == (401, "signature_invalid"), signature
    other = world.public.ask("POST", "/hooks/generic/default", body + " ", world.signed(body))
    assert other.status == 401
    assert world.metrics().sum("notifier_webhooks_total", code="401") == 8
    assert world.metrics().sum("notifier_reports_total") == 0 and not server.mails


def test_an_unknown_hook_is_404(shop):
    world, _ = shop
    for path in ("/hooks/nobody/default", "/hooks/generic/nobody", "/hooks//", "/hooks/generic/a/b"):
        assert world.public.ask("POST", path, "{}").status == 404, path
    assert world.public.ask("DELETE", "/hooks/generic/default").status == 405
    assert world.public.ask("GET", "/v1/nothing").status == 404


@pytest.mark.parametrize("body", [
    b"<html><body>502 Bad Gateway</body></html>", b'{"tracking_number":"Q-1","stat', b"", b"[]",
    b"null", b"\xff\xfe\x00", b'{"tracking_number":"Q-1","status":"in_transit"}',
    b'{"tracking_number":"Q-1","status":"shiped","time":"2026-01-01T00:00:00Z"}',
    b'{"tracking_number":{},"status":"in_transit","time":"2026-01-01T00:00:00Z"}',
    b'{"a":' * 3000 + b"1" + b"}" * 3000,
    b'{"tracking_number":"Q-1","status":"in_transit","time":"1e400"}'])
def test_what_cannot_be_read_is_kept_for_a_person_and_answered_2xx(shop, body):
    world, server = shop
    parcel = world.register("Q-1")
    answer = world.push_raw(body)
    assert (answer.status, answer.json()["result"]) == (200, "quarantined")
    with world.redis() as store:
        kept = [row for key in store.scan_iter("n:{p??}:quarantine")
                for _, row in store.xrange(key)] if body.isascii() else [True]
    assert len(kept) == 1
    assert world.shipment(parcel["id"])["status"] == "unknown" and not server.mails


def test_a_time_in_the_future_or_long_ago_is_not_believed(shop):
    world, server = shop
    parcel = world.register("Q-2")
    for time_ in (instant(-3 * 86400), instant(400 * 86400)):
        assert world.push("Q-2", "delivered", time=time_).json()["result"] == "quarantined"
    assert world.shipment(parcel["id"])["status"] == "unknown"
    world.push("Q-2", "in_transit")
    wait_for(lambda: len(server.mails) == 1, "what can be believed")


def test_a_big_webhook_does_not_hold_the_loop(shop):
    """Numbers are what takes jansson longest: 250 kB of them took 15 ms on the loop."""
    world, server = shop
    turn = iter(range(9))

    def scenario():
        name = f"B-{next(turn)}"
        world.register(name)
        body = world.hook_body(name, "in_transit", ballast=[1] * 80000)
        assert len(body) < 262144
        world.metrics()
        assert world.push_raw(body).json()["result"] == "applied"
        gap = world.metrics().sum("notifier_loop_gap_seconds")
        wait_for(lambda: world.messages(k="shipped", t="sent"), "the mail")
        return gap

    rig.best_of(3, scenario)


# --- carriers -------------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", [
    b"<!DOCTYPE html><html>Please log in</html>", b'{"shipments":[{"id":"0034043416109404',
    b"", b"{}", b"[]", (500, b"oops"), (503, b""), (403, b'{"detail":"no"}'), (302, b""),
    b'{"shipments":' + b"[" * 5000 + b"]" * 5000 + b"}"],
    ids=["html", "truncated", "empty", "object", "list", "500", "503", "403", "302", "deep"])
def test_a_broken_answer_of_a_carrier_changes_nothing_and_is_asked_again(
        world, mail_server, carrier, answer):
    number = "00340434161094042560"
    world.mail_to(mail_server)
    world.config["sandbox"] = {"scale": 60}  # the back-off of half a minute takes half a second
    world.start()
    carrier.dhl[number] = answer
    parcel = world.register(number, carrier="dhl")
    wait_for(lambda: carrier.asked("dhl"), "the first look")
    wait_for(lambda: world.metrics().sum("notifier_polls_total", carrier="dhl") >= 1, "the end of it")
    assert world.shipment(parcel["id"])["status"] == "unknown" and not mail_server.mails
    carrier.dhl[number] = doubles.dhl_parcel(number, ("transit", instant(60), "Moving"))
    world.admin.ask("POST", f"/v1/shipments/{parcel['id']}/refresh")
    wait_for(lambda: mail_server.mails, "the good answer", 30)


# --- the API --------------------------------------------------------------------------------------


def errors(answer):
    assert answer.status == 400, answer
    assert answer.headers["Content-Type"] == "application/problem+json"
    return {row["pointer"]: row["detail"] for row in answer.json()["errors"]}


def test_mistakes_in_a_shipment_are_named_by_place(shop):
    world, _ = shop
    person = world.person("ok")
    found = errors(world.admin.ask("POST", "/v1/shipments", {
        "tracking_number": "B-1", "carrier": "generic", "tracking_nmber": "B-1",
        "promised": "tomorrow", "recipients": [
            {"email": "nobody at nowhere"}, {"email": person, "langage": "en"},
            {"phone": "12"}, {"email": "a@b.example\r\nRCPT TO:<evil@x.example>"}]}))
    assert 'did you mean "tracking_number"?' in found["/tracking_nmber"]
    assert 'did you mean "language"?' in found["/recipients/1/langage"]
    assert {"/promised", "/recipients/0/email", "/recipients/2/phone"} <= set(found)
    assert "/recipients/3/email" in found
    nearest = errors(world.admin.ask("POST", "/v1/shipments", {
        "tracking_number": "B-1", "carrier": "genric", "recipients": []}))
    assert 'did you mean "generic"?' in nearest["/carrier"]
    missing = errors(world.admin.ask("POST", "/v1/shipments", {}))
    assert {"/tracking_number", "/carrier", "/recipients"} <= set(missing)
    assert world.admin.ask("GET", "/v1/shipments").json()["data"] == []


def test_bodies_that_are_no_shipment_are_refused(shop):
    world, _ = shop
    for body in ("", "{", "[]", "null", '"x"', '{"a":1,"a":2}', b"\xff", "[" * 3000):
        assert world.admin.ask("POST", "/v1/shipments", body).status == 400, body
    for path in ("/v1/shipments/shp_zz", "/v1/shipments/..%2f..%2fetc", "/v1/messages/msg_00'",
                 "/v1/shipments/shp_00aaaaaaaaaaaaaa", "/v1/messages/%00"):
        assert world.admin.ask("GET", path).status in (400, 404), path


# --- the wire -------------------------------------------------------------------------------------


def test_requests_that_smuggle_or_are_too_big_are_refused(shop):
    world, _ = shop
    world.register("B-2")
    body = world.hook_body("B-2", "delivered")
    signature = world.signed(body)["X-Signature"]
    head = (f"POST /hooks/generic/default HTTP/1.1\r\nHost: x\r\nX-Signature: {signature}\r\n")
    both = head + f"Content-Length: {len(body)}\r\nTransfer-Encoding: chunked\r\n\r\n{body}"
    assert raw_http(world, both.encode()).startswith(b"HTTP/1.1 400")
    twice = head + f"Content-Length: {len(body)}\r\nContent-Length: 5\r\n\r\n{body}"
    assert raw_http(world, twice.encode()).startswith(b"HTTP/1.1 400")
    huge = world.public.ask("POST", "/hooks/generic/default", b"x" * 262145,
                            world.signed(b"x" * 262145))
    assert huge.status == 413
    assert raw_http(world, b"POST /hooks/generic/default HTTP/1.1\r\nHost: x\r\n"
                           b"Content-Length: 99999999999\r\n\r\n").startswith(b"HTTP/1.1 413")
    assert world.metrics().sum("notifier_reports_total") == 0
    assert world.push("B-2", "in_transit").status == 200


def test_a_request_that_drips_in_is_closed_while_others_are_served(shop):
    world, _ = shop
    world.register("B-3")
    wire = socket.create_connection(("127.0.0.1", world.port), timeout=1)
    wire.setblocking(False)
    wire.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n")
    began = time.monotonic()

    def is_closed():
        assert world.public.ask("GET", "/healthz").status == 200
        try:
            wire.sendall(b"X-Drip: 1\r\n")
            return wire.recv(4096) is not None  # an answer (408) or the end
        except BlockingIOError:
            return False
        except OSError:
            return True
    try:
        wait_for(is_closed, "the dripping connection is still open", 20, pause_s=0.25)
        assert time.monotonic() - began < 16 * rig.Patience.factor
    finally:
        wire.close()


# --- names that do not resolve --------------------------------------------------------------------


def test_a_dead_name_server_does_not_hold_the_loop(world, carrier):
    """Both the mail server and a carrier have names, and the name server never answers."""
    if subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode != 0:
        pytest.skip("no private mount namespace: unshare -m is not permitted here")
    silent = world.owns(socket.socket(socket.AF_INET, socket.SOCK_DGRAM), socket.socket.close)
    try:
        silent.bind(("127.0.0.153", 53))
    except OSError as problem:
        pytest.skip(f"no name server of our own on port 53: {problem}")
    resolv = world.folder / "resolv.conf"
    resolv.write_text("nameserver 127.0.0.153\n")
    script = 'mount --bind "$0" /etc/resolv.conf && exec "$@"'
    world.prefix = ["unshare", "-m", "--propagation", "private", "sh", "-c", script, str(resolv)]
    world.account["email"] = {"from": "Blue Shop <news@shop.example>", "smtp": {
        "host": "mail.dead.invalid", "port": 25, "tls": "none"}}
    world.config["carriers"]["dhl"]["base_url"] = "http://api.dead.invalid"
    world.start()
    turn = iter(range(9))

    def scenario():
        name = f"D-{next(turn)}"
        world.register(name)
        world.register(f"0034043416109404{name}", carrier="dhl")
        before = world.metrics().sum("notifier_messages_total", state="retry")
        world.push(name, "in_transit")

        def both_failed():
            metrics = world.metrics()
            # metrics() takes the gap away, so it is kept here.
            gaps.append(metrics.sum("notifier_loop_gap_seconds"))
            return (metrics.sum("notifier_messages_total", state="retry") > before
                    and metrics.sum("notifier_polls_total", carrier="dhl") >= 1)
        gaps = []
        world.metrics()
        wait_for(both_failed, "neither name was given up", 30, pause_s=0.05)
        return max(gaps)

    rig.best_of(3, scenario)
    # It is a network trouble, not the message's: it still waits.
    assert all(row["t"] in rig.OPEN_STATES for row in world.ledger().values())
