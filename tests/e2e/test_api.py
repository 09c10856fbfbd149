"""The API: keys and scopes, corrections, erasure, refresh, explanations, consent."""

import doubles
import rig
from rig import Client, instant, wait_for


def make_key(world, scopes):
    answer = world.admin.ask("POST", "/v1/keys", {"scopes": scopes})
    assert answer.status == 201, answer
    world.canaries.add(answer.json()["key"])
    return answer.json()


def test_keys_are_shown_once_listed_without_their_secret_and_die_when_revoked(shop):
    world, _ = shop
    made = make_key(world, "shipments:read,shipments:write")
    client = Client(world.port, made["key"])
    parcel = world.register("K-1", client=client)
    assert client.ask("GET", f"/v1/shipments/{parcel['id']}").status == 200
    listed = world.admin.ask("GET", "/v1/keys")
    row = next(row for row in listed.json()["data"] if row["id"] == made["id"])
    assert row["scopes"] == "shipments:read,shipments:write" and "key" not in row
    assert made["key"] not in listed.body.decode()
    with world.redis() as store:
        assert made["key"] not in str(store.hgetall("n:keys"))
    assert world.admin.ask("DELETE", f"/v1/keys/{made['id']}").status == 204
    refused = client.ask("GET", f"/v1/shipments/{parcel['id']}")
    assert (refused.status, refused.json()["code"]) == (401, "key_unknown")


def test_keys_are_made_and_revoked_on_the_command_line(shop):
    world, _ = shop
    world.canaries.add(made := next(
        word for word in world.command("keys", "create", "--json").replace('"', " ").split()
        if word.startswith("ntk_")))
    client = Client(world.port, made)
    assert client.ask("GET", "/v1/shipments").status == 200
    world.command("keys", "revoke", made.split("_")[1])
    assert client.ask("GET", "/v1/shipments").status == 401


def test_a_key_does_no_more_than_its_scopes(shop):
    world, _ = shop
    reader = Client(world.port, make_key(world, "shipments:read")["key"])
    parcel = world.register("K-2")
    assert reader.ask("GET", f"/v1/shipments/{parcel['id']}").status == 200
    for method, path, scope in [
            ("POST", "/v1/shipments", "shipments:write"), ("GET", "/v1/keys", "admin"),
            ("DELETE", f"/v1/shipments/{parcel['id']}", "shipments:write"),
            ("PATCH", f"/v1/shipments/{parcel['id']}", "shipments:write")]:
        refused = reader.ask(method, path, {} if method != "GET" else None)
        assert (refused.status, refused.json()["code"]) == (403, "scope_missing"), (method, path)
        assert scope in refused.json()["detail"]
    assert world.public.ask("GET", "/v1/shipments").status == 401
    assert Client(world.port, "ntk_no_such").ask("GET", "/v1/shipments").status == 401
    assert world.shipment(parcel["id"])["tracking_number"] == "K-2"


def test_an_account_sees_only_its_own(make_world, mail_server):
    world = make_world()
    world.mail_to(mail_server)
    world.config["accounts"]["other"] = {**world.account, "store": {"name": "Other"}}
    world.start()
    mine = world.register("K-3")
    world.push("K-3", "in_transit")
    wait_for(lambda: mail_server.mails, "the mail")
    message = world.shipment(mine["id"])["messages"][0]
    key = world.admin.ask("POST", "/v1/keys", {"account": "other"}).json()["key"]
    world.canaries.add(key)
    other = Client(world.port, key)
    assert other.ask("GET", "/v1/shipments").json()["data"] == []
    assert other.ask("GET", "/v1/shipments?number=K-3").json()["data"] == []
    for path in (f"/v1/shipments/{mine['id']}", f"/v1/shipments/{mine['id']}/explain",
                 f"/v1/messages/{message}"):
        assert other.ask("GET", path).status == 404, path
    assert other.ask("DELETE", f"/v1/shipments/{mine['id']}").status == 404
    listed = other.ask("GET", f"/v1/messages?shipment={mine['id']}")
    assert listed.status == 404 or listed.json()["data"] == []


def test_a_corrected_address_gets_the_waiting_message_and_stays_the_same_recipient(scripted):
    world, server = scripted
    wrong, right = world.person("wrnog"), world.person("right")
    server.on("rcpt", wrong, doubles.say("550 5.1.1 no such user"))
    world.start()
    parcel = world.register("P-1", wrong)
    world.push("P-1", "in_transit")
    message = wait_for(lambda: world.messages(t="failed"), "the failure").popitem()[0]
    old = world.shipment(parcel["id"])["recipients"][0]
    patched = world.admin.ask("PATCH", f"/v1/shipments/{parcel['id']}",
                              {"recipients": [{"id": old["id"], "email": right}]})
    assert patched.status == 200, patched
    assert patched.json()["recipients"][0]["id"] == old["id"]
    assert world.admin.ask("POST", f"/v1/messages/{message}/retry").status == 200
    mail = wait_for(lambda: server.to(right), "the mail to the corrected address")[0]
    assert mail.id == f"<{message}@shop.example>" and not server.to(wrong)


def test_registering_again_updates_and_does_not_repeat(shop):
    world, server = shop
    address = world.person("again")
    first = world.register("P-2", address)
    world.push("P-2", "in_transit")
    wait_for(lambda: server.to(address), "the mail")
    body = {"tracking_number": "P-2", "carrier": "generic", "order_number": "O-9",
            "recipients": [{"email": address}]}
    again = world.admin.ask("POST", "/v1/shipments", body)
    assert (again.status, again.json()["id"], again.json()["order_number"]) == (200, first["id"], "O-9")
    world.drain()
    assert len(server.mails) == 1


def test_delete_erases_the_person(shop):
    world, server = shop
    address = world.person("erase")
    parcel = world.register("P-3", address, name="Erika Canary", phone="+919812345621")
    world.push("P-3", "in_transit")
    wait_for(lambda: server.to(address), "the mail")
    world.drain()
    assert world.admin.ask("DELETE", f"/v1/shipments/{parcel['id']}").status == 204
    assert world.admin.ask("GET", f"/v1/shipments/{parcel['id']}").status == 404
    assert world.messages() == {}
    with world.redis() as store:
        for key in store.scan_iter("n:*"):
            assert parcel["id"] not in key and "P-3" not in key
            if store.type(key) == "string":
                assert address not in store.get(key)
    # News about the number is nobody's now.
    assert world.push("P-3", "delivered").json()["result"] == "unmatched"
    assert len(server.mails) == 1


def test_refresh_asks_the_carrier_now(world, mail_server, carrier):
    world.mail_to(mail_server)
    world.start()
    parcel = world.register("00340434161094042558", carrier="dhl")
    wait_for(lambda: len(carrier.asked("dhl")) == 1, "the first look")
    answer = world.admin.ask("POST", f"/v1/shipments/{parcel['id']}/refresh")
    assert answer.status == 200 and answer.json()["next_poll"]["why"] == "asked for: refresh"
    wait_for(lambda: len(carrier.asked("dhl")) == 2, "the refresh")
    pushed = world.register("P-4")
    refused = world.admin.ask("POST", f"/v1/shipments/{pushed['id']}/refresh")
    assert (refused.status, refused.json()["code"]) == (409, "push_only")


def test_explain_tells_the_story_with_its_reasons(shop):
    world, server = shop
    address = world.person("story")
    parcel = world.register("E-1", address)
    world.push("E-1", "in_transit", description="Picked up in Pune")
    wait_for(lambda: server.to(address), "the mail")
    world.drain()
    story = world.explain(parcel["id"])
    assert [line["kind"] for line in story] == ["report", "event", "decision", "receipt"]
    assert "Picked up in Pune" in story[0]["what"] and "webhook" in story[0]["why"]
    assert story[1]["what"] == "shipped"
    assert story[2]["reason"] == "news" and story[2]["message"] == story[3]["message"]
    assert story[3]["what"] == "sent"
    assert [line["at"] for line in story] == sorted(line["at"] for line in story)
    assert "shipped" in world.command("shipments", "explain", "E-1")


def test_equal_requests_with_one_idempotency_key_are_done_once(shop):
    world, _ = shop
    address = world.person("keyed")
    body = {"tracking_number": "I-1", "carrier": "generic", "recipients": [{"email": address}]}
    answers = []

    def ask(body, key="key-1"):
        with_own = Client(world.folder / "data" / "admin.sock")
        answers.append(with_own.ask("POST", "/v1/shipments", body, {"Idempotency-Key": key}))
        with_own.close()
        return answers[-1]

    rig.in_threads(16, lambda _: ask(body))
    by_status = {status: [a for a in answers if a.status == status] for status in (201, 409)}
    assert len(by_status[201]) + len(by_status[409]) == 16 and by_status[201], answers
    assert len({answer.json()["id"] for answer in by_status[201]}) == 1
    for answer in by_status[409]:
        assert answer.json()["code"] == "idempotency_in_progress" and answer.headers["Retry-After"]
    parcel = by_status[201][0].json()
    assert (ask(body).status, answers[-1].json()["id"]) == (201, parcel["id"])
    assert ask({**body, "order_number": "O-1"}).json()["code"] == "idempotency_mismatch"
    assert ask({**body, "carrier": "nobody"}, "key-2").status == 400
    assert ask(body, "key-2").status == 200  # what was refused did not use its key up
    world.admin.ask("DELETE", f"/v1/shipments/{parcel['id']}")
    with world.redis() as store:
        assert not [key for key in store.scan_iter("n:*")
                    if store.type(key) == "string" and address in store.get(key)]
    assert ask(body).status == 404  # erased is erased: it does not come back by a repetition


def test_head_is_get_without_a_body_and_405_says_what_is_allowed(shop):
    world, _ = shop
    parcel = world.register("H-1")
    for path in (f"/v1/shipments/{parcel['id']}", "/v1/messages"):
        got, head = world.admin.ask("GET", path), world.admin.ask("HEAD", path)
        assert (head.status, head.body) == (200, b"")
        assert head.headers["Content-Length"] == str(len(got.body))
    for path in ("/healthz", "/metrics", "/", "/v1/openapi.json"):
        assert (world.public.ask("HEAD", path).status, world.public.ask("PUT", path).status) == (200, 405)
    refused = world.admin.ask("PUT", f"/v1/shipments/{parcel['id']}", {})
    assert (refused.status, refused.headers["Allow"]) == (405, "GET, HEAD, PATCH, DELETE")
    assert world.public.ask("DELETE", "/hooks/generic/default").headers["Allow"] == "GET, HEAD, POST"


def test_every_answer_can_be_found_in_the_log(shop):
    world, _ = shop
    good = world.public.ask("GET", "/healthz")
    bad = world.admin.ask("GET", "/v1/shipments/shp_00aaaaaaaaaaaaaa")
    assert bad.json()["request_id"] == bad.headers["X-Request-Id"] != good.headers["X-Request-Id"]
    for answer, path in ((good, "/healthz"), (bad, "/v1/shipments/shp_00aaaaaaaaaaaaaa")):
        line = next(line for line in world.log().splitlines()
                    if f"request_id={answer.headers['X-Request-Id']}" in line)
        assert "level=debug" in line and f"path={path}" in line and f"status={answer.status}" in line


def test_failed_messages_are_listed_page_by_page(scripted):
    world, server = scripted
    server.always["rcpt"] = doubles.say("550 5.1.1 no such user")
    world.start()
    for i in range(5):
        world.register(f"M-{i}")
        world.push(f"M-{i}", "in_transit")
    wait_for(lambda: len(world.messages(t="failed")) == 5, "the failures")
    seen, cursor = [], ""
    while cursor is not None:
        page = world.admin.ask("GET", f"/v1/messages?limit=2{cursor and '&cursor='}{cursor}").json()
        assert len(page["data"]) <= 2
        seen += [row["id"] for row in page["data"]]
        cursor = page["next"]
    assert sorted(seen) == sorted(world.messages())
    shown = world.command("messages", "list", "--limit", "3", "--json")
    assert shown.count("msg_") >= 3 and world.command("messages", "list").count("failed") >= 5


def decisions(world, parcel):
    return [line for line in world.explain(parcel["id"]) if line["kind"] == "decision"]


def test_without_consent_nothing_is_sent_and_it_is_said_why(shop):
    world, server = shop
    parcel = world.register("C-1", channels=[])
    world.push("C-1", "in_transit")
    line = wait_for(lambda: decisions(world, parcel), "the decision")[0]
    assert line["reason"] == "no_consent" and "not signed up" in line["why"]
    world.drain()
    assert not server.mails and world.messages() == {}


def test_sms_only_recipients_get_no_mail(shop):
    world, server = shop
    parcel = world.register("C-2", channels=["sms"], phone="+919812345622")
    world.push("C-2", "in_transit")
    reasons = wait_for(lambda: decisions(world, parcel), "the decisions")
    assert {line["reason"] for line in reasons} == {"no_consent", "no_channel"}
    world.drain()
    assert not server.mails


def test_an_event_that_is_switched_off_is_not_told(world, mail_server):
    world.mail_to(mail_server)
    world.account["events"] = {"shipped": False}
    world.start()
    address = world.person("off")
    parcel = world.register("C-3", address)
    world.push("C-3", "in_transit", time=instant(30))
    assert wait_for(lambda: decisions(world, parcel), "the decision")[0]["reason"] == "event_off"
    world.push("C-3", "delivered")
    wait_for(lambda: mail_server.to(address), "what is not switched off")
    world.drain()
    assert [mail.subject for mail in mail_server.mails] == ["Delivered: your parcel from Blue Shop"]


def test_in_test_mode_nothing_leaves_the_machine(world, mail_server):
    world.mail_to(mail_server)
    world.account["mode"] = "test"
    world.start()
    parcel = world.register("C-4")
    world.push("C-4", "in_transit")
    message = wait_for(lambda: world.messages(t="sent"), "the local mailbox").popitem()[0]
    shown = world.admin.ask("GET", f"/v1/messages/{message}").json()
    assert shown["content"]["subject"].startswith("Your parcel") and shown["shipment"] == parcel["id"]
    assert not mail_server.mails


def test_news_that_came_before_the_registration_is_told_at_registration(shop):
    world, server = shop
    assert world.push("U-1", "in_transit").json()["result"] == "unmatched"
    address = world.person("early")
    world.register("U-1", address)
    assert wait_for(lambda: server.to(address), "the kept news")[0].subject.endswith("is on its way")
    assert world.push("U-1", "delivered").json()["result"] == "applied"
    wait_for(lambda: len(server.to(address)) == 2, "what followed")


def test_a_number_that_is_used_again_is_another_parcel(shop):
    world, server = shop
    first = world.register("N-1", world.person("first"))
    world.push("N-1", "delivered", time=instant(60))
    wait_for(lambda: len(server.mails) == 1, "the first parcel's mail")
    second = world.register("N-1", world.person("second"))
    assert second["id"] != first["id"] and second["status"] == "unknown"
    world.push("N-1", "in_transit")
    wait_for(lambda: server.to(world.person("second")), "the second parcel's mail")
    assert world.shipment(first["id"])["status"] == "delivered"
