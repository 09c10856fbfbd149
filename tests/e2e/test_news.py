"""News becomes exactly the right mail, whichever way it comes."""

import html

import doubles
import rig
from rig import instant, wait_for


def one_mail(server, address, what):
    return wait_for(lambda: server.to(address), f"no mail: {what}")[0]


def test_a_webhook_becomes_one_mail_with_both_parts(shop):
    world, server = shop
    address = world.person("asha")
    parcel = world.register("GEN-1", address, name="Asha", order_number="A-77")
    answer = world.push("GEN-1", "in_transit", description="Picked up", place="Pune, IN")
    assert (answer.status, answer.json()["result"]) == (200, "applied")
    mail = one_mail(server, address, "shipped")
    assert mail.recipients == [address]
    assert mail.sender == "news@shop.example"
    assert mail.subject == "Your parcel from Blue Shop is on its way"
    assert "https://shop.example/t/GEN-1" in mail.part("plain")
    assert "https://shop.example/t/GEN-1" in html.unescape(mail.part("html"))
    assert 'lang="en"' in mail.part("html")
    assert mail.message["Auto-Submitted"] == "auto-generated"
    message_id = world.shipment(parcel["id"])["messages"][0]
    assert mail.id == f"<{message_id}@shop.example>"


def test_the_same_webhook_again_is_a_duplicate_and_no_second_mail(shop):
    world, server = shop
    address = world.person("twice")
    world.register("GEN-2", address)
    body = world.hook_body("GEN-2", "in_transit")
    assert world.push_raw(body).json()["result"] == "applied"
    one_mail(server, address, "shipped")
    for _ in range(3):
        assert world.push_raw(body).json()["result"] == "duplicate"
    world.drain()
    assert len(server.to(address)) == 1
    assert world.metrics().sum("notifier_reports_total", outcome="duplicate") == 3


def test_each_recipient_gets_the_own_language(shop):
    world, server = shop
    gujarati, english = world.person("gita"), world.person("emma")
    world.admin.ask("POST", "/v1/shipments", {
        "tracking_number": "GEN-3", "carrier": "generic", "recipients": [
            {"email": gujarati, "language": "gu"}, {"email": english, "language": "en-GB"}]})
    world.push("GEN-3", "in_transit")
    mail = one_mail(server, gujarati, "shipped in Gujarati")
    assert mail.subject == "Blue Shop તરફથી તમારું પાર્સલ રવાના થઈ ગયું છે"
    assert 'lang="gu"' in mail.part("html") and "પાર્સલ" in mail.part("plain")
    assert one_mail(server, english, "shipped in English").subject.startswith("Your parcel")
    world.drain()
    assert len(server.mails) == 2


def test_a_poll_of_dhl_becomes_mails_and_an_unchanged_body_is_not_read_again(
        world, mail_server, carrier):
    world.mail_to(mail_server)
    world.start()
    address, number = world.person("dora"), "00340434161094042557"
    scan = ("transit", instant(120), "Sorted in the depot")
    carrier.dhl[number] = doubles.dhl_parcel(number, scan)
    parcel = world.register(number, address, carrier="dhl")
    assert one_mail(mail_server, address, "shipped").subject.endswith("is on its way")

    def polled(result):
        return world.metrics().sum("notifier_polled_shipments_total", carrier="dhl", result=result)

    assert world.admin.ask("POST", f"/v1/shipments/{parcel['id']}/refresh").status == 200
    wait_for(lambda: polled("unchanged") == 1, "the second look")
    reports = world.metrics().sum("notifier_reports_total", source="poll")
    assert reports == 1, "the unchanged body was parsed"

    carrier.dhl[number] = doubles.dhl_parcel(number, ("delivered", instant(5), "Handed over"), scan)
    assert world.admin.ask("POST", f"/v1/shipments/{parcel['id']}/refresh").status == 200
    wait_for(lambda: len(mail_server.to(address)) == 2, "delivered")
    assert mail_server.to(address)[1].subject.startswith("Delivered")
    assert world.shipment(parcel["id"])["status"] == "delivered"
    assert len(carrier.asked("dhl")) == 3
    world.drain()
    assert len(mail_server.mails) == 2


def test_a_poll_of_fedex_takes_three_numbers_in_one_call_and_one_of_them_unknown(
        world, mail_server, carrier):
    world.mail_to(mail_server)
    world.start()
    moving, delivered, unknown = "794800000001", "794800000002", "794800000003"
    carrier.fedex[moving] = doubles.fedex_parcel(("PU", instant(200), "Picked up"))
    carrier.fedex[delivered] = doubles.fedex_parcel(
        ("DL", instant(60), "Delivered"), ("PU", instant(300), "Picked up"))
    # While the first call hangs, the others gather: the next call takes them all.
    carrier.gate.clear()
    world.register("794800000009", carrier="fedex")
    wait_for(lambda: carrier.asked("fedex"), "the first call")
    people = {number: world.person(f"f{number}") for number in (moving, delivered, unknown)}
    parcels = {number: world.register(number, people[number], carrier="fedex") for number in people}
    carrier.gate.set()
    assert one_mail(mail_server, people[moving], "shipped").subject.endswith("is on its way")
    assert one_mail(mail_server, people[delivered], "delivered").subject.startswith("Delivered")
    wait_for(lambda: world.metrics().sum(
        "notifier_polled_shipments_total", carrier="fedex", result="error") == 2, "the unknown one")
    assert sorted(carrier.asked("fedex")[1]) == sorted(people)
    assert carrier.tokens == 1
    assert world.shipment(parcels[unknown]["id"])["status"] == "unknown"
    assert any(line["kind"] == "poll" and "not_found" in line["what"]
               for line in world.explain(parcels[unknown]["id"]))
    world.drain()
    assert len(mail_server.mails) == 2 and not mail_server.to(people[unknown])


def test_a_token_that_died_early_is_renewed_once_and_the_poll_repeated(world, mail_server, carrier):
    world.mail_to(mail_server)
    world.start()
    address = world.person("token")
    carrier.fedex["794800000011"] = doubles.fedex_parcel(("PU", instant(100), "Picked up"))
    carrier.token_dies = True
    world.register("794800000011", address, carrier="fedex")
    one_mail(mail_server, address, "shipped")
    assert carrier.tokens == 2
    assert rig.CARRIER_SECRET not in world.log()
