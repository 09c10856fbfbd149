"""What is learned decides when a parcel is looked at, survives a restart, and is never misread."""

import re
import time

import doubles
from rig import RedisServer, instant, wait_for


def number_of(index):
    return f"0034043416109404{index:04d}"


def next_look(world, parcel):
    lines = [line for line in world.explain(parcel["id"]) if line["kind"] == "poll"
             and line["what"] == "looked at next"]
    return lines[-1]["why"] if lines else ""


def first_look(world, carrier, index):
    """A parcel in transit that the carrier was asked about once; why it is looked at again when."""
    carrier.dhl[number_of(index)] = doubles.dhl_parcel(
        number_of(index), ("transit", instant(60), "Sorted"))
    parcel = world.register(number_of(index), carrier="dhl")
    wait_for(lambda: world.shipment(parcel["id"])["status"] == "in_transit", "the first look")
    return parcel, next_look(world, parcel)


def teach(world, carrier, count):
    """Parcels whose delivery a second look finds."""
    parcels = [first_look(world, carrier, index)[0] for index in range(count)]
    for index, parcel in enumerate(parcels):
        carrier.dhl[number_of(index)] = doubles.dhl_parcel(
            number_of(index), ("delivered", instant(), "Handed over"),
            ("transit", instant(60), "Sorted"))
        assert world.admin.ask("POST", f"/v1/shipments/{parcel['id']}/refresh").status == 200
    for parcel in parcels:
        wait_for(lambda: world.shipment(parcel["id"])["status"] == "delivered", "delivered")


def test_what_is_learned_rules_the_next_look_and_survives_a_restart(world, mail_server, carrier):
    world.mail_to(mail_server)
    world.config["carriers"]["dhl"]["quota"]["per_day"] = 100000
    world.start()
    _, why = first_look(world, carrier, 100)
    assert why.startswith("in transit: every"), why  # nothing learned: the table
    teach(world, carrier, 25)
    parcel, learned = first_look(world, carrier, 101)
    assert not learned.startswith("in transit"), learned
    assert world.metrics().sum("notifier_poll_price", carrier="dhl") > 0

    # Whatever a look may cost: who asks for one gets it.
    looks = len(carrier.asked("dhl"))
    assert world.admin.ask("POST", f"/v1/shipments/{parcel['id']}/refresh").status == 200
    wait_for(lambda: len(carrier.asked("dhl")) > looks, "the refresh")

    assert world.stop() == 0
    world.start()
    assert world.redis().hlen("n:model:hazard") > 1
    wait_for(lambda: world.metrics().sum("notifier_poll_price", carrier="dhl") > 0, "the price")
    _, why = first_look(world, carrier, 102)
    assert not why.startswith("in transit"), why


def test_a_model_of_an_unknown_version_is_refused_and_left_alone(world, mail_server, carrier):
    world.mail_to(mail_server)
    world.config["carriers"]["dhl"]["quota"]["per_day"] = 100000
    world.start()
    world.redis().hset("n:model:hazard", "dhl|parcel-de|3", "99 from the future")
    assert world.stop() == 0
    world.start()
    wait_for(lambda: "model_refused" in world.log(), "the refusal")
    teach(world, carrier, 2)
    assert world.stop() == 0
    world.start()
    stored = world.redis().hgetall("n:model:hazard")
    assert stored.get("dhl|parcel-de|3") == "99 from the future"
    assert not any(key.startswith("dhl|parcel-de|") for key in stored if not key.endswith("|3"))


def slow_lane(days):
    """An entry of n:model:delay: a carrier whose parcels all take so many days."""
    exposure = [1000] * (days + 1) + [0] * (59 - days)
    deliveries = [0] * days + [1000] + [0] * (59 - days)
    today = int(time.time() // 86400)
    return f"2 {today} " + " ".join(
        str(number) for number in exposure + deliveries + [0] * 14 + [0, 0, 1000] + [0] * 5)


def test_a_promise_in_danger_is_told_before_it_breaks_and_explained(world, mail_server):
    world.mail_to(mail_server)
    world.start()
    today = int(time.time() // 86400)
    world.redis().hset("n:model:delay", mapping={
        "generic|": slow_lane(9), "~model": f"2 {today} {today - 1}"})
    world.kill()  # so that it is read, not written over
    world.start()
    wait_for(lambda: "model_loaded" in world.log(), "the model")
    address, calm = world.person("dina"), world.person("carl")
    soon = time.strftime("%Y-%m-%d", time.gmtime(time.time() + 3 * 86400))
    later = time.strftime("%Y-%m-%d", time.gmtime(time.time() + 30 * 86400))
    parcel = world.register("GEN-LATE", address, promised=soon)
    world.register("GEN-CALM", calm, promised=later)
    world.push("GEN-CALM", "in_transit")
    world.push("GEN-LATE", "in_transit")
    wait_for(lambda: [mail for mail in mail_server.to(address)
                      if "may arrive later" in mail.subject], "the warning")
    world.drain()
    assert not [mail for mail in mail_server.to(calm) if "may arrive later" in mail.subject]
    notes = [line for line in world.explain(parcel["id"]) if line["kind"] == "forecast"]
    assert [line["what"] for line in notes] == ["delay_predicted", "expected"]
    assert "four of five such parcels come from" in notes[1]["why"]
    assert world.shipment(parcel["id"])["forecast"]["p_late"] > 0.5
    assert "before the promise ends" in notes[0]["why"]
    warning = [mail for mail in mail_server.to(address) if "may arrive later" in mail.subject][0]
    likely = re.search(r"More likely: (.*)", warning.part("plain")).group(1)
    expected = time.gmtime(time.time() + 9 * 86400)  # by what the lane takes, not the promise
    assert str(expected.tm_mday) in likely and str(int(soon[-2:])) not in likely, likely


def learned_news(store):
    """The sum of the stored values of news: what looks of all daemons have found."""
    rows = [text.split() for key, text in store.hgetall("n:model:hazard").items()
            if key.startswith("dhl|")]
    return sum(float(number) for row in rows for number in row[2:74])


def test_two_daemons_both_teach_and_a_killed_one_leaves_what_is_stored(make_world, mail_server):
    first, second = make_world(), make_world()
    server = first.owns(RedisServer(first.folder / "redis").start(), RedisServer.kill)
    carriers = []
    for world in (first, second):
        double = world.owns(doubles.CarrierDouble(), doubles.CarrierDouble.close)
        secret = world.secret_file("carrier.secret", "carrier-secret-canary-4713")
        world.config["carriers"]["dhl"] = {
            "base_url": double.url("dhl"), "api_key_file": secret,
            "quota": {"per_second": 0, "per_day": 100000}}
        world.mail_to(mail_server)
        world.uses(server)
        carriers.append(double)
    first.start()
    second.start()
    wait_for(lambda: all(world.metrics().sum("notifier_partitions_owned") >= 24
                         for world in (first, second)), "both have work", 60)
    for double in carriers:  # whoever owns a parcel asks its own double
        for index in range(24):
            double.dhl[number_of(index)] = doubles.dhl_parcel(
                number_of(index), ("transit", instant(60), "Sorted"))
    parcels = [first.register(number_of(index), carrier="dhl") for index in range(24)]
    for parcel in parcels:
        wait_for(lambda: first.shipment(parcel["id"])["status"] == "in_transit", "a look", 30)
    for double in carriers:
        for index in range(24):
            double.dhl[number_of(index)] = doubles.dhl_parcel(
                number_of(index), ("delivered", instant(), "Handed over"),
                ("transit", instant(60), "Sorted"))
    for parcel in parcels:
        assert first.admin.ask("POST", f"/v1/shipments/{parcel['id']}/refresh").status == 200
    for parcel in parcels:
        wait_for(lambda: first.shipment(parcel["id"])["status"] == "delivered", "delivered", 30)
    own = [sum(row["news"] for row in world.admin.ask("GET", "/v1/model").json()["carriers"])
           for world in (first, second)]
    assert min(own) > 1, f"only one had parcels: {own}"
    assert second.stop() == 0
    with first.redis() as store:
        assert abs(learned_news(store) - own[1]) < 1e-6
    assert first.stop() == 0
    with server.client() as store:
        assert abs(learned_news(store) - sum(own)) < 1e-6

    second.start()
    second.kill()
    first.start()
    wait_for(lambda: first.admin.ask("GET", "/v1/model").status == 200, "the model")
    rows = first.admin.ask("GET", "/v1/model").json()
    assert not [row for row in rows["models"] if row["refused"]]
    assert abs(sum(row["news"] for row in rows["carriers"]) - sum(own)) < 1e-6
