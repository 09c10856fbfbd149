"""What was learned can be looked at, kept, put back and forgotten; garbage changes nothing."""

import json

import pytest
import redis
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
    assert "hazard" in shown and "dhl" in shown
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


def test_garbage_is_refused_as_a_whole_and_by_name(taught):
    world = taught
    kept = export(world)
    entry = next(key for key in kept["hazard"] if key.startswith("dhl|"))
    cases = [
        ({**kept, "hazard": {**kept["hazard"], entry: "99 from the future"}}, entry),
        ({**kept, "hazard": {**kept["hazard"], entry: "2 0 nonsense"}}, entry),
        ({**kept, "silence": {"a|b": 7}}, "/silence/a|b"),
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
