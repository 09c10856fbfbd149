"""Two daemons on one Redis: together they own everything once, and a stalled one is fenced."""

import pytest

import doubles
import rig
from rig import RedisServer, wait_for

PARTITIONS = 64


@pytest.fixture
def pair(make_world):
    first, second = make_world(), make_world()
    server = first.owns(RedisServer(first.folder / "redis").start(), RedisServer.kill)
    sink = first.owns(doubles.ScriptedSmtp(), doubles.ScriptedSmtp.close)
    for world in (first, second):
        world.config["log"]["level"] = "info"
        world.mail_to(sink)
        world.uses(server)
    yield first, second, sink
    # The first one owns Redis: the second must be gone before.
    for world in (second, first):
        if world.process is not None:
            world.process.send_signal(rig.signal.SIGCONT)
            assert world.stop() == 0, world.log()[-2000:]


def owned(world):
    return world.metrics().sum("notifier_partitions_owned")


def register(world, prefix, count):
    for i in range(count):
        world.register(f"{prefix}-{i}", f"{prefix.lower()}-{i}@load.example")


def test_two_share_all_partitions_and_nobody_is_told_twice(pair):
    first, second, sink = pair
    first.start()
    wait_for(lambda: owned(first) == PARTITIONS, "the first owns all")
    second.start()
    register(first, "D", 100)
    for i in range(100):
        assert (first, second)[i % 2].push(f"D-{i}", "in_transit").status == 200
    wait_for(lambda: owned(first) + owned(second) == PARTITIONS, "all are owned once", 45)
    first.drain(45)
    assert len(sink.mails) == 100 and set(sink.copies().values()) == {1}


def test_an_orderly_stop_hands_over_at_once(pair):
    first, second, sink = pair
    first.start()
    wait_for(lambda: owned(first) == PARTITIONS, "the first owns all")
    register(first, "D", 30)
    second.start()
    assert first.stop() == 0
    wait_for(lambda: owned(second) == PARTITIONS, "the second owns all", 12)
    for i in range(30):
        assert second.push(f"D-{i}", "in_transit").status == 200
    second.drain()
    assert len(sink.mails) == 30


def test_when_one_is_killed_the_other_takes_over_when_the_lease_runs_out(pair):
    first, second, sink = pair
    first.start()
    wait_for(lambda: owned(first) == PARTITIONS, "the first owns all")
    register(first, "D", 60)
    sink.always["dot"] = doubles.later(0.2)
    second.start()
    for i in range(60):
        assert first.push(f"D-{i}", "in_transit").status == 200
    wait_for(lambda: len(sink.mails) >= 5, "mails under way")
    first.kill()
    wait_for(lambda: owned(second) == PARTITIONS, "the second owns all", 40)
    second.drain()
    assert len(second.messages(t="sent")) == 60
    extra = len(sink.mails) - 60
    assert 0 <= extra <= 16, f"{extra} copies: more than were under way"


def test_a_stalled_daemon_is_fenced_when_it_wakes(pair):
    first, second, sink = pair
    first.start()
    wait_for(lambda: owned(first) == PARTITIONS, "the first owns all")
    register(first, "D", 60)
    sink.always["dot"] = doubles.later(0.3)
    for i in range(60):
        assert first.push(f"D-{i}", "in_transit").status == 200
    wait_for(lambda: len(sink.mails) >= 3, "mails under way")
    first.process.send_signal(rig.signal.SIGSTOP)
    # The half minute of the lease, without waiting for it.  The stalled one does not know of it:
    # by its own clock the partitions are still its own when it wakes.
    with first.redis() as store:
        store.delete(*store.keys("n:{p??}:owner"))
    second.start()
    wait_for(lambda: owned(second) == PARTITIONS, "the second owns all", 20)
    register(second, "E", 20)
    for i in range(20):
        assert second.push(f"E-{i}", "in_transit").status == 200
    wait_for(lambda: len(sink.mails) >= 30, "the second sends")
    first.process.send_signal(rig.signal.SIGCONT)
    first.public.close()
    second.drain()
    wait_for(lambda: owned(first) + owned(second) == PARTITIONS, "every partition has one owner", 45)
    sent = second.messages(t="sent")
    assert len(sent) == 80
    assert set(sink.copies()) == {f"<{key}@shop.example>" for key in sent}
    extra = len(sink.mails) - 80
    assert 0 <= extra <= 16, f"{extra} copies: more than were under way at the stop"
    assert max(sink.copies().values()) <= 2
    assert first.process.poll() is None and "lease_lost" in first.log()
