"""What is learned decides when a parcel is looked at, survives a restart, and is never misread."""

import time

import doubles
from rig import instant, wait_for


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
    assert "More likely:" in warning.part("plain")  # by what the lane takes
