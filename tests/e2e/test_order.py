"""Webhooks three times, late and out of order give what once and in order gives."""

import random
import time

import pytest

import rig
from rig import instant, wait_for

# Four steps each, from the oldest to the newest; the last one is what must be believed and told
# (where it is no event of its own, as a move after trouble, what is told depends on when we hear
# of the trouble: in time it is news, afterwards it is history).
STORIES = [
    (("pre_transit", None), ("in_transit", None), ("out_for_delivery", None), ("delivered", None)),
    (("in_transit", None), ("in_transit", "weather"), ("in_transit", None), ("out_for_delivery", None)),
    (("in_transit", None), ("out_for_delivery", None), ("attempt_failed", "recipient_unavailable"),
     ("available_for_pickup", None)),
    (("pre_transit", None), ("in_transit", None), ("in_transit", "weather"),
     ("exception", "address_issue")),
    (("in_transit", None), ("exception", "damaged"), ("returning", None), ("returned", None)),
]
AGES_MIN = (240, 180, 110, 55)


def stories(count):
    """[(number, [body…])…]: the same for every run, times over the past hours."""
    made = []
    for i in range(count):
        steps = STORIES[i % len(STORIES)]
        bodies = [rig.World.hook_body(
            f"O-{i}", status, time=instant(60 * age + i % 50), **({"reason": why} if why else {}))
            for (status, why), age in zip(steps, AGES_MIN)]
        made.append((f"O-{i}", bodies))
    return made


def run(world, server, numbers, batches, settle_s):
    """Sends the batches; what was believed and what was told in the end."""
    world.config["log"]["level"] = "info"
    world.mail_to(server)
    world.account["rules"] = {"settle": f"{settle_s}s"}
    world.config["limits"] = {"per_address": 1000}
    world.start()
    ids = {number: world.register(number, f"{number.lower()}@load.example")["id"]
           for number in numbers}
    began = time.monotonic()
    sender = rig.StubbornSender(world, batches).start().join()
    took_s = time.monotonic() - began
    if took_s > settle_s:
        pytest.skip(f"too slow a machine: sending took {took_s:.0f} s, late news settles {settle_s} s")
    world.drain(settle_s + 60)
    states = {}
    for number, shipment_id in ids.items():
        state = world.shipment(shipment_id)
        states[number] = {key: state[key] for key in ("status", "reason", "since", "eta")}
        states[number]["scans"] = sorted(
            (row["at"], row["status"]) for row in state["checkpoints"])
    by_id = {shipment_id: number for number, shipment_id in ids.items()}
    told = sorted((by_id[row["s"]], row["k"]) for row in world.messages(t="sent").values())
    return states, told, sender, world.metrics()


@pytest.mark.shrinks
def test_shuffled_and_tripled_is_the_same_as_once_and_in_order(make_world, mail_server, sanitized):
    made = stories(60 if sanitized else 500)
    numbers = [number for number, _ in made]
    settle_s = 40 if sanitized else 8
    states, told, sender, metrics = run(
        make_world(), mail_server, numbers, [bodies for _, bodies in made], settle_s)
    assert sender.accepted == 4 * len(made)
    assert metrics.sum("notifier_reports_total", outcome="applied") == sender.accepted
    first_mails = len(mail_server.mails)
    assert first_mails == len(told) and set(mail_server.copies().values()) == {1}
    assert len(told) == len(set(told))

    chaos = [[body] for _, bodies in made for body in bodies for _ in range(3)]
    random.Random(4711).shuffle(chaos)
    again = run(make_world(), mail_server, numbers, chaos, settle_s)
    assert again[2].accepted == 12 * len(made)
    assert again[0] == states
    assert again[1] == told
    assert len(mail_server.mails) == 2 * first_mails

    # accepted = applied + duplicate + stale + quarantined + unmatched
    outcomes = {outcome: again[3].sum("notifier_reports_total", outcome=outcome)
                for outcome in ("applied", "duplicate", "stale", "quarantined", "unmatched")}
    assert sum(outcomes.values()) == again[2].accepted == again[3].sum("notifier_reports_total")
    assert again[3].sum("notifier_webhooks_total", code="200") == again[2].accepted
    assert outcomes["duplicate"] + outcomes["stale"] >= 8 * len(made), outcomes
    assert outcomes["quarantined"] == outcomes["unmatched"] == 0, outcomes


def test_every_outcome_is_counted_once(shop):
    world, _ = shop
    world.register("A-1")
    for body, outcome in [
            (world.hook_body("A-1", "in_transit", time=instant(100)), "applied"),
            (world.hook_body("A-1", "in_transit", time=instant(100)), "duplicate"),
            (world.hook_body("A-1", "delivered", time=instant(50)), "applied"),
            (world.hook_body("A-1", "returned", time=instant(-2 * 86400)), "quarantined"),
            (world.hook_body("A-1", "in_transit", time=instant(90 * 86400)), "stale"),
            (world.hook_body("A-9", "in_transit"), "unmatched"), ("{", "quarantined")]:
        before = world.metrics().sum("notifier_reports_total", outcome=outcome)
        answer = world.push_raw(body)
        assert (answer.status, answer.json()["result"]) == (200, outcome)
        assert world.metrics().sum("notifier_reports_total", outcome=outcome) == before + 1
    assert world.metrics().sum("notifier_reports_total") == 7


def test_late_news_waits_and_is_replaced_by_what_followed(world, mail_server):
    world.mail_to(mail_server)
    world.account["rules"] = {"settle": "2s"}
    world.start()
    parcel = world.register("L-1", world.person("settle"))
    world.push("L-1", "in_transit", time=instant(3600))
    world.push("L-1", "out_for_delivery", time=instant(1800))
    wait_for(lambda: mail_server.mails, "what followed")
    world.drain()
    assert "delivery" in mail_server.mails[0].subject
    reasons = [line.get("reason") for line in world.explain(parcel["id"]) if line["kind"] == "decision"]
    assert reasons[0] in ("settling", "superseded") and len(mail_server.mails) == 1
