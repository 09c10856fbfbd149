"""No log line, at any level, and no metric holds a whole address, phone number or secret.

Every test of this suite runs at the debug level and is searched for its canaries at the end
(rig.World.leaks); here are the places where one would slip through."""

import doubles
import rig
from rig import Client, wait_for


def test_servers_that_echo_the_address_do_not_bring_it_into_the_log(scripted):
    world, server = scripted
    address = world.person("echo")
    server.on("rcpt", address, doubles.say(f"550 5.1.1 <{address}>: no such user"))
    server.on("rcpt", address, doubles.say(f"451 4.7.1 {address} greylisted"))
    world.start()
    world.register("G-1", address, name="Erika Echo", phone="+919812345699")
    world.push("G-1", "in_transit")
    message = wait_for(lambda: world.messages(t="failed"), "the failure").popitem()[0]
    world.admin.ask("POST", f"/v1/messages/{message}/retry")
    wait_for(lambda: world.messages(t="retry"), "the second refusal")
    assert "550" in world.log() and "451" in world.log()
    assert world.leaks() == []


def test_a_refused_login_does_not_bring_the_password_into_the_log(scripted):
    world, server = scripted
    server.auth = True
    server.always["auth"] = doubles.say(f"535 5.7.8 no: {rig.SMTP_SECRET}")
    world.account["email"]["smtp"].update(
        user="shop", password_file=world.secret_file("smtp.secret", rig.SMTP_SECRET))
    world.start()
    world.register("G-2")
    world.push("G-2", "in_transit")
    wait_for(lambda: "535" in world.log(), "the refusal in the log")
    assert world.leaks() == []


def test_carriers_that_echo_their_key_do_not_bring_it_into_the_log(world, mail_server, carrier):
    world.mail_to(mail_server)
    world.start()
    number = "00340434161094042561"
    carrier.dhl[number] = (401, b'{"status":401,"detail":"key ' + rig.CARRIER_SECRET.encode() + b' unknown"}')
    world.register(number, carrier="dhl")
    wait_for(lambda: "poll_failed" in world.log(), "the failed poll")
    assert world.leaks() == []


def test_requests_with_secrets_leave_no_trace(shop):
    world, server = shop
    key = world.admin.ask("POST", "/v1/keys", {}).json()["key"]
    world.canaries.add(key)
    client = Client(world.port, key)
    address = world.person("trace")
    for body in ({"tracking_number": "G-3", "carrier": "generic", "recipients": [{"email": address + " x"}]},
                 {"tracking_number": "G-3", "carrier": "generic", "recipients": [{"email": address, "x": 1}]},
                 {"tracking_number": "G-3", "carrier": "generic", "recipients": [{"phone": "+919812345688"}]}):
        client.ask("POST", "/v1/shipments", body)
    world.canaries.add("9812345688")
    world.register("G-4", address)
    world.push("G-4", "in_transit", description=f"Left with {address}")
    world.push_raw(world.hook_body("G-4", f"for {address}"))  # an unknown word: quarantined
    wait_for(lambda: server.to(address), "the mail")
    client.ask("GET", f"/v1/shipments?order_number={address}")
    Client(world.port, key + "x").ask("GET", "/v1/shipments")
    metrics = world.public.ask("GET", "/metrics").body.decode()
    assert address not in metrics and key not in metrics
    assert world.leaks() == []


def test_the_search_for_leaks_finds_one(shop):
    world, _ = shop
    with open(world.log_path, "a") as log:
        log.write(f"level=debug to={world.person('leaked')}\n")
    assert len(world.leaks()) == 1
    world.canaries.discard(world.person("leaked"))
    world.canaries.discard("leaked.canary@customers.example")
