"""SIGTERM under load, SIGHUP with good and bad templates."""

import collections
import shutil
import signal
import pathlib
import time

import doubles
import rig
from rig import wait_for

TEMPLATES = pathlib.Path(__file__).resolve().parents[2] / "templates"


def test_sigterm_under_load_ends_in_time_and_nothing_is_lost_or_sent_twice(scripted):
    world, server = scripted
    server.always["dot"] = doubles.later(0.15)
    world.config["log"]["level"] = "info"
    world.start()
    parcels = 120
    for i in range(parcels):
        world.register(f"T-{i}", f"t-{i}@load.example")
    batches = [[world.hook_body(f"T-{i}", "in_transit")] * 2 for i in range(parcels)]
    sender = rig.StubbornSender(world, batches, threads=4).start()
    for stops in range(1, 4):
        wait_for(lambda: len(server.mails) >= 10 * stops, "mails under way")
        began = time.monotonic()
        assert world.stop() == 0
        assert time.monotonic() - began < 10 * rig.Patience.factor
        if stops == 1:
            assert "event=stopped" in world.log()
        world.start()
    sender.join()
    world.drain()
    assert len(world.messages(t="sent")) == parcels
    assert len(server.mails) == parcels and set(server.copies().values()) == {1}


def test_a_mail_without_an_answer_does_not_hold_the_stop_and_is_sent_again_with_its_id(scripted):
    world, server = scripted
    address = world.person("silent")
    server.on("dot", address, doubles.SILENCE)
    world.start()
    world.register("T-S", address)
    world.push("T-S", "in_transit")
    wait_for(lambda: server.tries["dot"] == 1, "the mail is under way")
    message = world.ledger().popitem()[0]
    began = time.monotonic()
    assert world.stop() == 0
    assert time.monotonic() - began < 10 * rig.Patience.factor
    world.start()
    wait_for(lambda: server.to(address), "the mail after the restart", 30)
    world.drain()
    assert server.mails[0].id == f"<{message}@shop.example>" and len(server.mails) == 1
    assert world.messages(t="sent").keys() == {message}


def test_an_idle_daemon_stops_at_once_and_takes_its_redis_with_it(shop):
    world, _ = shop
    redis_pid, = world.children()
    began = time.monotonic()
    assert world.stop() == 0
    assert time.monotonic() - began < 3 * rig.Patience.factor
    wait_for(lambda: not pathlib.Path(f"/proc/{redis_pid}").exists(), "its redis-server is gone")
    assert not (world.folder / "data" / "admin.sock").exists()
    world.start()


def reload(world):
    before = world.log().count("event=reload")
    world.process.send_signal(signal.SIGHUP)
    wait_for(lambda: world.log().count("event=reload") > before, "the reload")


def test_sighup_brings_changed_templates_and_refuses_broken_ones(world, mail_server):
    folder = world.folder / "templates"
    shutil.copytree(TEMPLATES, folder)
    shipped = folder / "en" / "shipped.md"
    original = shipped.read_text()
    world.mail_to(mail_server)
    world.config["templates"] = {"dir": str(folder)}
    world.start()
    numbers = iter(range(9))

    def next_subject():
        number = f"H-{next(numbers)}"
        address = world.person(number.lower())
        world.register(number, address)
        world.push(number, "in_transit")
        return wait_for(lambda: mail_server.to(address), "the mail")[0].subject

    assert next_subject() == "Your parcel from Blue Shop is on its way"
    shipped.write_text(original.replace("is on its way", "has left us"))
    assert next_subject() == "Your parcel from Blue Shop is on its way", "nobody said reload"
    reload(world)
    assert next_subject() == "Your parcel from Blue Shop has left us"
    for broken in (original.replace("{{ store.name }}", "{{ store.name"), original.replace("{% endif %}", ""),
                   "no front matter", ""):
        shipped.write_text(broken)
        reload(world)
        assert "reload_failed" in world.log().splitlines()[-1] or "reload_failed" in world.log()
        assert next_subject() == "Your parcel from Blue Shop has left us"
    assert world.log().count("event=reload_failed") == 4


def test_sighup_brings_changed_rules_and_keeps_the_old_ones_when_they_are_wrong(world, mail_server):
    world.mail_to(mail_server)
    world.start()
    world.account["events"] = {"shipped": False}
    world.write_config()
    reload(world)
    off = world.register("H-OFF")
    world.push("H-OFF", "in_transit")
    wait_for(lambda: any(line.get("reason") == "event_off" for line in world.explain(off["id"])), "off")
    world.config["acounts"] = {}
    world.account["events"] = {"shipped": True}
    world.write_config()
    reload(world)
    assert 'did you mean "accounts"' in world.log() and "reload_failed" in world.log()
    again = world.register("H-OFF-2")
    world.push("H-OFF-2", "in_transit")
    wait_for(lambda: any(line.get("reason") == "event_off" for line in world.explain(again["id"])), "off")
    assert not mail_server.mails
    assert collections.Counter(row["t"] for row in world.ledger().values()) == {}
    del world.config["acounts"]
