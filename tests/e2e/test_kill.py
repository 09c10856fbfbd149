"""kill -9, of the daemon and of Redis, at any moment: nothing acknowledged is lost."""

import random
import time

import pytest

import rig
from rig import instant, wait_for


def load(parcels):
    """Two steps per parcel in order, each sent twice."""
    batches = []
    for i in range(parcels):
        first = rig.World.hook_body(f"X-{i}", "in_transit", time=instant(120))
        second = rig.World.hook_body(f"X-{i}", "delivered", time=instant(30))
        batches.append([first, first, second, second])
    return batches


def prepare(world, server, parcels):
    world.config["log"]["level"] = "info"
    world.mail_to(server)
    world.start()
    for i in range(parcels):
        world.register(f"X-{i}", f"x-{i}@load.example")


def verdict(world, server, parcels, kills):
    """Lost nothing, everything accounted for, few copies, and never an older after a newer one."""
    world.drain(60)
    ledger = world.ledger()
    by_kind = {"shipped": 0, "delivered": 0}
    for row in ledger.values():
        assert row["t"] in rig.END_STATES, row
        by_kind[row["k"]] += 1
        if row["t"] == "dropped":
            assert (row["k"], row["x"]) == ("shipped", "superseded"), row
        elif row["t"] == "unknown":  # perhaps accepted, then killed before the receipt, superseded
            assert row["k"] == "shipped" and row["x"].endswith("not again: superseded"), row
            assert int(row["a"]) > 1, row
        else:
            assert row["t"] == "sent", row
    delivered = {mail.to for mail in server.mails if mail.subject.startswith("Delivered")}
    missing = {f"x-{i}@load.example" for i in range(parcels)} - delivered
    assert not missing, f"{len(missing)} lost: {sorted(missing)[:5]}"
    assert by_kind["delivered"] == parcels
    arrived = server.copies()
    sent = {f"<{key}@shop.example>" for key, row in ledger.items() if row["t"] == "sent"}
    assert sent <= set(arrived)
    for message in set(arrived) - sent:
        row = ledger[message[1:].split("@")[0]]
        assert row["t"] == "unknown", row
    extra = len(server.mails) - len(arrived)
    assert extra <= kills, f"{extra} copies for {kills} kills"
    told = set()
    for mail in server.mails:
        if mail.subject.startswith("Delivered"):
            told.add(mail.to)
        elif mail.to in told:
            assert arrived[mail.id] > 1, f"{mail} came after its delivery"
    return extra


@pytest.mark.shrinks
def test_kill_9_of_the_daemon_loses_nothing(world, mail_server, sanitized):
    parcels, wanted = (100, 10) if sanitized else (500, 50)
    prepare(world, mail_server, parcels)
    dice = random.Random(1)
    # The sender goes round until there were enough kills; what it repeats is a duplicate.
    sender = rig.StubbornSender(world, load(parcels), threads=4, deadline_s=150).start()
    kills = 0
    while kills < wanted:
        time.sleep(dice.uniform(0.05, 0.3))  # the moment of the kill, not a synchronisation
        world.kill()
        kills += 1
        world.start()
        if sender.is_done:
            sender.join()
            sender = rig.StubbornSender(world, load(parcels), threads=4, deadline_s=150).start()
    sender.join()
    extra = verdict(world, mail_server, parcels, kills)
    print(f"{kills} kills, {sender.accepted} accepted, {extra} copies, refused {dict(sender.refusals)}")


@pytest.mark.shrinks
def test_kill_9_of_the_embedded_redis_loses_nothing(world, mail_server, sanitized):
    parcels, wanted = (60, 4) if sanitized else (300, 10)
    prepare(world, mail_server, parcels)
    dice = random.Random(2)
    sender = rig.StubbornSender(world, load(parcels), threads=4).start()
    kills = 0
    while kills < wanted:
        time.sleep(dice.uniform(0.05, 0.3))  # the moment of the kill
        victim, = wait_for(world.children, "a redis-server")
        rig.os.kill(victim, rig.signal.SIGKILL)
        kills += 1
        wait_for(lambda: world.children() not in ([], [victim]), "another redis-server")
        world.wait_ready()
        if kills % 3 == 0:  # also across restarts, which forget how patient we had become
            assert world.stop() == 0
            world.start()
        if sender.is_done:
            sender.join()
            sender = rig.StubbornSender(world, load(parcels), threads=4).start()
    sender.join()
    verdict(world, mail_server, parcels, kills)


def test_two_daemons_on_one_data_folder_are_refused(make_world, mail_server):
    world, second = make_world(), make_world()
    world.mail_to(mail_server)
    world.start()
    second.config["data_dir"] = world.config["data_dir"]
    second.launch()
    assert second.process.wait(30) == 1
    second.process = None
    assert "another notifier uses this data folder" in second.log()
