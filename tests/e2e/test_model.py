"""What was learned can be looked at, kept, put back and forgotten; garbage changes nothing."""

import json
import random
import time

import pytest
import redis
import rig
from rig import Client, RedisServer, wait_for
from test_foresight import first_look, teach


def model(world):
    """As soon as it is loaded."""
    wait_for(lambda: world.admin.ask("GET", "/v1/model").status == 200, "the model")
    return world.admin.ask("GET", "/v1/model").json()


def row_of(world, carrier):
    rows = [row for row in model(world)["carriers"] if row["carrier"] == carrier]
    return rows[0] if rows else None


@pytest.fixture
def taught(world, mail_server, carrier):
    """A daemon that DHL has taught."""
    world.mail_to(mail_server)
    world.config["carriers"]["dhl"]["quota"]["per_day"] = 100000
    world.start()
    first_look(world, carrier, 300)
    teach(world, carrier, 3)
    wait_for(lambda: row_of(world, "dhl"), "what was learned")
    return world


def export(world, *words):
    return json.loads(world.command("model", "export", *words))


def test_export_import_reset_on_the_command_line(taught, make_world):
    world = taught
    shown = world.command("model", "show")
    assert "hazard" in shown and "dhl" in shown and "two-zone" in shown
    assert " cold " in shown and "LAST STOPS" in shown
    before = row_of(world, "dhl")
    assert before["news"] > 2
    kept = export(world)
    assert kept == export(world)
    path = world.folder / "model.json"
    path.write_text(json.dumps(kept))

    # Into an empty daemon: the same model, after a restart too.
    other = make_world()
    other.start()
    assert model(other)["carriers"] == []
    done = json.loads(other.command("model", "import", str(path), "--json"))
    assert done["entries"] == sum(len(entries) for entries in kept.values())
    assert {key: value for key, value in export(other).items() if key != "pace"} == {
        key: value for key, value in kept.items() if key != "pace"}
    assert other.stop() == 0
    other.start()
    wait_for(lambda: "model_loaded" in other.log(), "the model")
    wait_for(lambda: row_of(other, "dhl"), "what was imported")
    assert export(other)["hazard"] == kept["hazard"]

    world.command("model", "reset", code=2)  # of what?
    world.command("model", "reset", "--carrier", "fedex")
    assert row_of(world, "dhl")["news"] == before["news"]
    world.command("model", "reset", "--carrier", "dhl")
    assert row_of(world, "dhl") is None
    assert not [key for key in world.redis().hkeys("n:model:hazard") if key.startswith("dhl|")]
    world.command("model", "import", str(path))
    assert row_of(world, "dhl")["news"] == before["news"]
    assert "everything is forgotten" in world.command("model", "reset", "--all")
    assert model(world)["carriers"] == []
    assert world.redis().hkeys("n:model:hazard") == ["~revision"]


def test_it_is_told_how_well_it_does(make_world):
    """Warm or cold, the record of the intervals, the scans before the van, the tuned threshold."""
    world = make_world()
    world.account.setdefault("rules", {})["delay"] = "budget=0.05"
    world.start()
    alert = {"account": "default", "rule": "budget=0.05", "threshold": 0.65}
    assert model(world)["alerts"] == [alert]  # nothing learned yet
    today = int((time.time() - 18 * 3600) // 86400)

    def place(delivered, shown=0, held=0):
        return " ".join(["2", str(today), *["0"] * 136, str(delivered), "0", "0",
                         str(shown), "0", str(held)])
    answer = world.admin.ask("PUT", "/v1/model/import", {
        "delay": {"~model": f"2 {today} {today - 1}", "dhl|x": place(500, 40, 30),
                  "dhl|y": place(10)},
        "last_stop": {"dhl|00000001": "1 20 19", "dhl|00000002": "1 20 1"},
        "alert": {"highest_of_those_in_time": f"1:{today}" + " 0" * 180 + " 100" + " 0" * 19}})
    assert answer.status == 200, answer
    rows = {row["service"]: row for row in model(world)["carriers"]}
    assert rows["x"]["is_warm"] and not rows["y"]["is_warm"]
    assert rows["x"]["intervals"] == pytest.approx(40, rel=0.1)
    assert rows["x"]["intervals_held"] == pytest.approx(0.75)
    assert rows["y"]["intervals_held"] is None
    assert rows["x"]["last_stops"] == 1
    assert 0.9 < model(world)["alerts"][0]["threshold"] < 0.91
    shown = world.command("model", "show")
    assert "75 % of 40" in shown and " warm " in shown and " cold " in shown
    assert "budget=0.05" in shown and "0.9" in shown


def test_garbage_is_refused_as_a_whole_and_by_name(taught):
    world = taught
    kept = export(world)
    entry = next(key for key in kept["hazard"] if key.startswith("dhl|"))
    cases = [
        ({**kept, "hazard": {**kept["hazard"], entry: "99 from the future"}}, entry),
        ({**kept, "hazard": {**kept["hazard"], entry: "2 0 nonsense"}}, entry),
        ({**kept, "silence": {"a|b": 7}}, "/silence/a|b"),
        ({**kept, "delay": {"~model": "2 99999 99998"}}, "/delay/~0model"),  # in a century
        ({**kept, "wisdom": {}}, "/wisdom"),
        ([], "object"),
    ]
    for document, named in cases:
        answer = world.admin.ask("PUT", "/v1/model/import", document)
        assert (answer.status, answer.json()["code"]) == (400, "invalid_model"), answer
        assert named in answer.body.decode(), answer
    assert world.admin.ask("PUT", "/v1/model/import", "{not json").status == 400
    assert export(world)["hazard"] == kept["hazard"]
    path = world.folder / "bad.json"
    path.write_text("{not json")
    world.command("model", "import", str(path), code=1)
    world.command("model", "import", str(world.folder / "missing.json"), code=1)


def test_a_refused_model_is_reset_without_a_redis_client(taught):
    world = taught
    world.redis().hset("n:model:delay", "dhl|future", "99 from the future")
    assert world.stop() == 0
    world.start()
    wait_for(lambda: "model_refused" in world.log(), "the refusal")
    wait_for(lambda: [row for row in model(world)["models"] if row["refused"]], "it is shown")
    assert "refused" in world.command("model", "show")
    world.command("model", "reset", "--carrier", "dhl")
    wait_for(lambda: not [row for row in model(world)["models"] if row["refused"]], "it is gone")
    assert world.redis().hget("n:model:delay", "dhl|future") is None


def test_only_admins_may(taught):
    world = taught
    world.config["accounts"]["shop"] = {"mode": "test"}
    assert world.stop() == 0
    world.start()
    wait_for(lambda: world.admin.ask("GET", "/v1/model").status == 200, "the models are read")
    keys = {}
    for scopes in ("shipments:read,shipments:write", "admin"):
        made = world.admin.ask("POST", "/v1/keys", {"scopes": scopes}).json()
        world.canaries.add(made["key"])
        keys[scopes] = Client(world.port, made["key"])
    user, admin = keys.values()
    for method, path in [("GET", "/v1/model"), ("GET", "/v1/model/export"),
                         ("PUT", "/v1/model/import"), ("DELETE", "/v1/model")]:
        refused = user.ask(method, path, {} if method == "PUT" else None)
        assert (refused.status, refused.json()["code"]) == (403, "scope_missing"), (method, path)
        assert world.public.ask(method, path).status == 401
    other = world.admin.ask("POST", "/v1/keys", {"scopes": "admin", "account": "shop"}).json()
    world.canaries.add(other["key"])
    for method, path in [("GET", "/v1/model"), ("DELETE", "/v1/model")]:
        refused = Client(world.port, other["key"]).ask(method, path)
        assert (refused.status, refused.json()["code"]) == (403, "operator_only"), refused
    assert admin.ask("GET", "/v1/model").status == 200
    assert admin.ask("DELETE", "/v1/model?carrier=dhl").status == 200
    assert row_of(world, "dhl") is None


def test_while_redis_is_away_nothing_is_promised(make_world, mail_server):
    world = make_world()
    server = world.owns(RedisServer(world.folder / "redis").start(), RedisServer.kill)
    world.mail_to(mail_server)
    world.uses(server)
    world.start()
    wait_for(lambda: world.admin.ask("GET", "/v1/model").status == 200, "the model")
    server.kill()
    for method, path in [("DELETE", "/v1/model"), ("PUT", "/v1/model/import")]:
        answer = world.admin.ask(method, path, {"delay": {}} if method == "PUT" else None)
        assert answer.status == 503 and answer.headers["Retry-After"], answer
    world.command("model", "reset", "--all", code=1)
    server.start()

    def is_reset():
        try:
            return world.admin.ask("DELETE", "/v1/model").status == 200
        except redis.RedisError:
            return False
    wait_for(is_reset, "the reset")


# --- as much as is kept -----------------------------------------------------------------------------

LANES = 10000
TODAY = int(time.time() // 86400)
HAZARD_CLASSES = 100


def lane(chance):
    """A lane that was busy for 20 days: exposure and deliveries by age, and the sums of the rest."""
    by_age = [chance.random() * 50 for _ in range(20)] + [0] * 40
    return " ".join(["2", str(TODAY), *map(repr, by_age + by_age + [chance.random()] * 22)])


def hazard_row(chance):
    """A state and day on which something came at every hour."""
    return " ".join(["2", str(TODAY), *(repr(chance.random()) for _ in range(144))])


def fill(server):
    chance = random.Random(5)
    lanes = {f"dhl|s{i % 20}|R{i // 20}": lane(chance) for i in range(LANES)}
    rows = {f"dhl|s{i // 40}|{i % 40}": hazard_row(chance) for i in range(HAZARD_CLASSES * 40)}
    stops = {f"dhl|{i:08x}": f"1 {10 + i % 90} {i % 90}" for i in range(15000)}
    server.hset("n:model:delay", mapping=lanes)
    server.hset("n:model:hazard", mapping=rows)
    server.hset("n:model:last_stop", mapping=stops)


def test_much_learned_does_not_hold_the_loop(make_world):
    world = make_world()
    server = world.owns(RedisServer(world.folder / "redis").start(), RedisServer.kill)
    world.uses(server)
    fill(server.client())
    world.start()

    def gap_of(what, work):
        world.metrics()  # what was before does not count
        answer = work()
        gaps[what] = world.metrics().sum("notifier_loop_gap_seconds")
        return answer

    def is_loaded():
        gaps["load"] = max(gaps["load"], world.metrics().sum("notifier_loop_gap_seconds"))
        return world.admin.ask("GET", "/v1/model").status == 200

    gaps = {"load": 0}
    wait_for(is_loaded, "what is stored is read", 60)
    shown = gap_of("show", lambda: model(world))
    assert {row["model"]: row["entries"] for row in shown["models"]}["delay"] == LANES
    kept = gap_of("export", lambda: world.admin.ask("GET", "/v1/model/export"))
    part = gap_of("a carrier's", lambda: world.admin.ask("GET", "/v1/model/export?carrier=dhl"))
    assert len(kept.body) > 20e6 and len(part.body) > 20e6
    for what, method, path, body in [
            ("import", "PUT", "/v1/model/import", kept.body),
            ("import over it", "PUT", "/v1/model/import", part.body),
            ("reset of a carrier", "DELETE", "/v1/model?carrier=dhl", None),
            ("import of a carrier", "PUT", "/v1/model/import", part.body),
            ("reset", "DELETE", "/v1/model", None),
            ("garbage", "PUT", "/v1/model/import", kept.body[:-1000]),
            ("deep garbage", "PUT", "/v1/model/import", b'{"delay":[' + b"[]," * 5000000)]:
        answer = gap_of(what, lambda: world.admin.ask(method, path, body))
        assert answer.status == (400 if "garbage" in what else 200), answer
        entries = {row["model"]: row["entries"] for row in model(world)["models"]}
        assert entries["delay"] == (LANES if "import" in what else 0), (what, entries)
    print("\nthe longest turns:", {what: f"{1000 * gap:.0f} ms" for what, gap in gaps.items()})
    assert max(gaps.values()) < 5 * rig.Patience.loop_gap_s, gaps
