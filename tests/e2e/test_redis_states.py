"""A Redis of somebody else, in every state: named, never acknowledged what is not stored, healed."""

import threading
import time

import pytest

import doubles
import rig
from rig import RedisServer, wait_for


@pytest.fixture
def server(world):
    return world.owns(RedisServer(world.folder / "redis").start(), RedisServer.kill)


@pytest.fixture
def own(world, mail_server, server):
    """A shop on that Redis."""
    world.mail_to(mail_server)
    world.uses(server)
    world.start()
    for i in range(3):
        world.register(f"R-{i}")
    return world


def is_in_state(world, state):
    wait_for(lambda: world.metrics().redis_state() == state,
             lambda: f"state {state}; it is {world.metrics().redis_state()}")


def assert_refused(world):
    """Not stored, so not acknowledged: try again later."""
    answer = world.push("R-0", "in_transit")
    assert (answer.status, answer.json()["code"]) == (503, "not_writable"), answer
    assert int(answer.headers["Retry-After"]) > 0
    assert world.admin.ask("POST", "/v1/shipments", {
        "tracking_number": "R-9", "carrier": "generic", "recipients": []}).status == 503
    assert world.public.ask("GET", "/readyz").status == 503
    assert world.public.ask("GET", "/healthz").status == 200


def assert_healed(world, mail_server):
    """What the sender repeats arrives, once."""
    world.wait_ready()
    for i in range(3):
        wait_for(lambda: world.push(f"R-{i}", "in_transit").status == 200, "accepted again")
    wait_for(lambda: len(mail_server.mails) == 3, lambda: f"{len(mail_server.mails)} of 3 mails", 30)
    world.drain()
    assert set(mail_server.copies().values()) == {1}


def test_a_read_only_replica(own, server, mail_server):
    with server.client() as client:
        client.replicaof("127.0.0.1", rig.free_port())
        is_in_state(own, "readonly")
        assert_refused(own)
        client.replicaof("NO", "ONE")
    assert_healed(own, mail_server)


def test_full_memory(own, server, mail_server):
    with server.client() as client:
        client.config_set("maxmemory", "1mb")
        is_in_state(own, "oom")
        assert_refused(own)
        client.config_set("maxmemory", "0")
    assert_healed(own, mail_server)


def test_a_message_under_way_is_recorded_although_memory_is_full(world, server):
    sink = world.owns(doubles.ScriptedSmtp(), doubles.ScriptedSmtp.close)
    world.mail_to(sink)
    world.uses(server)
    world.start()
    sink.on("dot", "", doubles.later(1))
    world.register("R-0")
    world.push("R-0", "in_transit")
    wait_for(lambda: sink.tries["dot"], "the mail is under way")
    with server.client() as client:
        client.config_set("maxmemory", "1mb")
        wait_for(lambda: world.messages(t="sent"), "the receipt under OOM")
        client.config_set("maxmemory", "0")
    world.wait_ready()
    world.drain()
    assert len(sink.mails) == 1


def test_too_few_replicas(own, server, mail_server):
    with server.client() as client:
        client.config_set("min-replicas-to-write", "1")
        is_in_state(own, "noreplicas")
        assert_refused(own)
        client.config_set("min-replicas-to-write", "0")
    assert_healed(own, mail_server)


def test_a_script_that_runs_too_long(own, server, mail_server):
    with server.client() as client:
        client.config_set("busy-reply-threshold", "50")

        def block():
            try:
                with server.client() as other:
                    other.eval("while true do end", 0)
            except rig.redis.RedisError:
                pass  # killed below

        blocker = threading.Thread(target=block, daemon=True)
        blocker.start()
        is_in_state(own, "busy")
        assert_refused(own)
        client.script_kill()
        blocker.join(10)
    assert_healed(own, mail_server)


def test_killed_and_started_again(own, server, mail_server):
    server.kill()
    is_in_state(own, "connecting")
    assert_refused(own)
    server.start()
    assert_healed(own, mail_server)


def test_after_a_long_absence_it_is_found_again_soon(own, server, mail_server):
    server.kill()
    is_in_state(own, "connecting")
    time.sleep(7)  # the pauses between attempts have grown to their most by now
    server.start()
    began = time.monotonic()
    own.wait_ready()
    assert time.monotonic() - began < 2 * rig.Patience.factor
    assert_healed(own, mail_server)


def test_nothing_new_is_taken_in_while_memory_is_short(world, server, carrier):
    sink = world.owns(doubles.ScriptedSmtp(), doubles.ScriptedSmtp.close)
    world.mail_to(sink)
    world.uses(server)
    world.start()
    parcel = world.register("00340434161094042561", carrier="dhl")
    wait_for(lambda: len(carrier.asked("dhl")) == 1, "the first look")
    sink.on("dot", "", doubles.later(2))
    world.register("R-0")
    world.push("R-0", "in_transit")
    wait_for(lambda: sink.tries["dot"], "the mail is under way")

    def used_share(share):
        client.config_set("maxmemory", int(client.info("memory")["used_memory"] / share))

    with server.client() as client:
        used_share(0.9)
        wait_for(lambda: world.public.ask("GET", "/readyz").json()["intake"] == "paused", "the pause")
        for answer in (world.push("R-0", "delivered"), world.admin.ask("POST", "/v1/shipments", {
                "tracking_number": "R-9", "carrier": "generic", "recipients": []})):
            assert (answer.status, answer.json()["code"]) == (503, "memory_short"), answer
            assert int(answer.headers["Retry-After"]) > 0
        world.admin.ask("POST", f"/v1/shipments/{parcel['id']}/refresh")
        wait_for(lambda: world.messages(t="sent"), "what was accepted is worked off")
        metrics = world.metrics()
        assert metrics.sum("notifier_intake_open") == 0
        assert 0.8 < metrics.sum("notifier_redis_memory_ratio") < 1
        assert metrics.redis_state() == "ok" and len(carrier.asked("dhl")) == 1
        assert world.shipment(parcel["id"])["tracking_number"] == "00340434161094042561"
        used_share(0.5)
        wait_for(lambda: world.push("R-0", "delivered").status == 200, "it is taken in again")
        wait_for(lambda: len(carrier.asked("dhl")) == 2, "the polls go on")
    assert "event=intake_paused" in world.log() and "event=intake_resumed" in world.log()
    world.drain()
    assert world.public.ask("GET", "/readyz").json()["intake"] == "open"


def test_loading_takes_its_time(own, server, mail_server):
    with server.client() as client:
        for i in range(4000):
            client.set(f"ballast:{i}", "x" * 100)
    server.kill()
    # About 2 s for what was written, in steps so small that it answers LOADING meanwhile.
    server.launch("--key-load-delay", "500", "--loading-process-events-interval-bytes", "1024")
    is_in_state(own, "loading")
    assert_refused(own)
    assert_healed(own, mail_server)


def test_a_password_that_is_wrong_is_named(own, server, mail_server):
    with server.client() as client:
        client.config_set("requirepass", "not-ours")
        client.execute_command("AUTH", "not-ours")
        client.client_kill_filter(_type="normal", skipme=True)
        is_in_state(own, "auth")
        assert_refused(own)
        client.config_set("requirepass", "")
    assert_healed(own, mail_server)


def test_a_redis_that_does_not_answer_is_noticed(own, server, mail_server):
    server.process.send_signal(rig.signal.SIGSTOP)
    try:
        for ask in (lambda: own.push("R-0", "in_transit"),
                    lambda: own.admin.ask("POST", "/v1/shipments", {
                        "tracking_number": "R-9", "carrier": "generic", "recipients": []}),
                    lambda: own.admin.ask("GET", "/v1/shipments")):
            began = time.monotonic()
            answer = ask()
            assert (answer.status, answer.json()["code"]) == (503, "not_writable")
            assert time.monotonic() - began < 4 * rig.Patience.factor
        is_in_state(own, "connecting")
    finally:
        server.process.send_signal(rig.signal.SIGCONT)
    assert_healed(own, mail_server)


@pytest.mark.parametrize("settings, named", [
    (("--appendonly", "no", "--save", ""), "appendonly"),
    (("--appendonly", "yes", "--appendfsync", "no", "--save", ""), "appendfsync"),
    (("--appendonly", "yes", "--appendfsync", "always", "--maxmemory-policy", "allkeys-lru"),
     "noeviction")], ids=["no-aof", "no-fsync", "evicts"])
def test_a_redis_that_would_lose_data_is_refused(world, settings, named):
    server = world.owns(RedisServer(world.folder / "redis", settings).start(), RedisServer.kill)
    world.uses(server)
    world.launch()
    assert world.process.wait(30 * rig.Patience.factor) == 1
    world.process = None
    assert named in world.log() and "redis.allow_lossy" in world.log()


def test_an_operator_may_allow_it(world):
    server = world.owns(RedisServer(world.folder / "redis", ("--appendonly", "no", "--save", "")),
                        RedisServer.kill)
    server.start()
    world.uses(server)
    world.config["redis"]["allow_lossy"] = True
    world.start()


def test_everysec_is_warned_about(world):
    server = world.owns(RedisServer(world.folder / "redis", (
        "--appendonly", "yes", "--appendfsync", "everysec", "--save", "")), RedisServer.kill)
    server.start()
    world.uses(server)
    world.start()
    wait_for(lambda: "everysec" in world.log(), "the warning")
    assert any("level=warn" in line and "everysec" in line for line in world.log().splitlines())
