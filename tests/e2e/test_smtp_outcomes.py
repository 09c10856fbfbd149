"""Whatever a mail server does: the message is sent, or it is said why not."""

import time

import doubles
import rig
from rig import wait_for

FASTER = 20  # the daemon's wall clock: waits of a minute take 3 s


def start(world, **more):
    world.config["sandbox"] = {"scale": FASTER}
    world.account["email"].update(more)
    return world.start()


def send_one(world, number, address=None):
    """Registers and pushes; the id of its message once it is decided."""
    parcel = world.register(number, address)
    assert world.push(number, "in_transit").status == 200
    ids = wait_for(lambda: world.shipment(parcel["id"])["messages"], "the decision")
    return ids[0]


def state_of(world, message):
    return world.ledger()[message]["t"]


def attempts(world, message):
    return world.admin.ask("GET", f"/v1/messages/{message}").json()["attempts"]


def test_a_temporary_refusal_is_tried_again_and_delivered_once(scripted):
    world, server = scripted
    address = world.person("later")
    server.on("rcpt", address, doubles.say("451 4.3.0 try later"))
    start(world)
    message = send_one(world, "S-451", address)
    wait_for(lambda: server.to(address), "the second attempt", 20)
    wait_for(lambda: state_of(world, message) == "sent", "the receipt")
    assert attempts(world, message) == 2 and len(server.mails) == 1


def test_a_refused_recipient_fails_for_good_and_an_operator_can_retry(scripted):
    world, server = scripted
    address = world.person("gone")
    server.on("rcpt", address, doubles.say("550 5.1.1 no such user"))
    start(world)
    message = send_one(world, "S-550", address)
    wait_for(lambda: state_of(world, message) == "failed", "the failure")
    assert server.tries["rcpt"] == 1
    listed = world.admin.ask("GET", "/v1/messages").json()["data"]
    assert [row["id"] for row in listed] == [message] and "550" in listed[0]["why"]
    assert message in world.command("messages", "list")
    # The server is mended; the operator says so.
    assert "queued" in world.command("messages", "retry", message, "--json")
    wait_for(lambda: server.to(address), "the mail after the retry")
    wait_for(lambda: state_of(world, message) == "sent", "the receipt")
    assert world.admin.ask("GET", "/v1/messages").json()["data"] == []
    refused = world.admin.ask("POST", f"/v1/messages/{message}/retry")
    assert (refused.status, refused.json()["code"]) == (409, "not_failed")


def test_a_refused_content_fails_and_can_be_dropped(scripted):
    world, server = scripted
    address = world.person("spam")
    server.on("dot", address, doubles.say("554 5.7.1 looks like spam"))
    start(world)
    message = send_one(world, "S-554", address)
    wait_for(lambda: state_of(world, message) == "failed", "the failure")
    world.command("messages", "drop", message)
    assert state_of(world, message) == "dropped" and not server.mails


def test_a_connection_cut_after_the_final_dot_is_resent_with_the_same_message_id(scripted):
    world, server = scripted
    address = world.person("cut")
    server.on("dot", address, doubles.CUT)
    start(world)
    message = send_one(world, "S-CUT", address)
    wait_for(lambda: state_of(world, message) == "sent", "the second attempt")
    first, second = server.to(address)
    assert first.id == second.id == f"<{message}@shop.example>"


def test_a_connection_cut_before_the_mail_is_no_loss(scripted):
    world, server = scripted
    server.on("greeting", "", doubles.CUT)
    server.on("rcpt", "", doubles.CUT)
    start(world)
    message = send_one(world, "S-EARLY")
    wait_for(lambda: state_of(world, message) == "sent", "the delivery")
    assert len(server.mails) == 1


def test_a_dead_server_opens_the_breaker_and_everything_arrives_when_it_is_back(world):
    port = rig.free_port()
    world.account["email"] = {"from": "Blue Shop <news@shop.example>",
                              "smtp": {"host": "127.0.0.1", "port": port, "tls": "none"}}
    start(world)
    messages = [send_one(world, f"S-DEAD-{i}") for i in range(6)]
    wait_for(lambda: world.metrics().sum("notifier_breaker_open", provider="smtp") == 1,
             "the breaker opens")
    assert world.metrics().sum("notifier_messages_total", state="retry") >= 5
    server = world.owns(doubles.ScriptedSmtp(port), doubles.ScriptedSmtp.close)
    wait_for(lambda: len(server.mails) == 6, lambda: f"{len(server.mails)} of 6 arrived", 60)
    wait_for(lambda: all(state_of(world, message) == "sent" for message in messages), "receipts")
    assert set(server.copies().values()) == {1}
    assert world.metrics().sum("notifier_breaker_open", provider="smtp") == 0


def test_a_refused_login_keeps_the_mail_until_an_operator_mends_it(scripted):
    world, server = scripted
    server.auth = True
    server.always["auth"] = doubles.say("535 5.7.8 authentication failed")
    world.account["email"]["smtp"].update(
        user="shop", password_file=world.secret_file("smtp.secret", rig.SMTP_SECRET))
    start(world)
    message = send_one(world, "S-535")
    wait_for(lambda: "535" in (world.ledger()[message].get("x") or ""), "the reason in the ledger")
    assert not server.mails and state_of(world, message) in rig.OPEN_STATES
    wait_for(lambda: world.metrics().sum("notifier_breaker_open", provider="smtp") == 1,
             "one refused login is enough")
    server.always.clear()
    wait_for(lambda: state_of(world, message) == "sent", "the delivery", 40)
    assert server.logins >= 1 and len(server.mails) == 1


def test_concurrency_stays_within_its_limit(scripted):
    world, server = scripted
    server.always["dot"] = doubles.later(0.1)
    start(world, concurrency=3)
    for i in range(15):
        world.register(f"S-MANY-{i}")
        world.push(f"S-MANY-{i}", "in_transit")
    wait_for(lambda: len(server.mails) == 15, lambda: f"{len(server.mails)} of 15 arrived")
    assert server.open_most <= 3


def test_a_final_reply_after_five_seconds_does_not_hold_the_loop(scripted):
    world, server = scripted
    world.start()
    turn = iter(range(9))

    def scenario():
        name = f"SLOW-{next(turn)}"
        address = world.person(name.lower())
        world.register(name, address)
        world.register(f"{name}-MEANWHILE", world.person(f"{name.lower()}-meanwhile"))
        server.on("dot", address, doubles.later(5))
        began = time.monotonic()
        world.push(name, "in_transit")
        wait_for(lambda: server.tries["dot"], "the dot")
        slowest = [0.0]

        def meanwhile():
            asked = time.monotonic()
            assert world.push(f"{name}-MEANWHILE", "in_transit").status == 200
            slowest[0] = max(slowest[0], time.monotonic() - asked)
            time.sleep(0.02)

        gaps = rig.loop_gaps(world, lambda: server.to(address), meanwhile)
        assert 4.5 < time.monotonic() - began < 5 + 5 * rig.Patience.factor
        assert len(gaps) > 20 and slowest[0] < 1.0 * rig.Patience.factor
        server.tries.clear()
        return max(gaps)

    rig.best_of(3, scenario)
