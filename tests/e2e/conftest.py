import pathlib
import shutil
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import doubles  # noqa: E402
import rig  # noqa: E402


def pytest_addoption(parser):
    parser.addoption("--notifier", required=True, help="the program to test")
    parser.addoption("--sanitized", action="store_true",
                     help="it was built with sanitizers: smaller loads, more patience")


def pytest_configure(config):
    config.addinivalue_line("markers", "shrinks: a load that is smaller under --sanitized")
    if config.getoption("--sanitized"):
        rig.Patience.factor = 4.0
        rig.Patience.loop_gap_s = 0.5


@pytest.fixture
def sanitized(request):
    return request.config.getoption("--sanitized")


@pytest.fixture
def make_world(request, sanitized):
    """Worlds of one test; each is stopped in the orderly way and its log searched for canaries."""
    program = pathlib.Path(request.config.getoption("--notifier")).resolve()
    assert program.is_file(), f"--notifier={program}: there is no such program"
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed")
    worlds = []

    def make():
        worlds.append(rig.World(str(program), sanitized))
        return worlds[-1]

    yield make
    failures = []
    for world in reversed(worlds):
        try:
            world.close()
        except AssertionError as failure:
            failures.append(failure)
    if failures:
        raise failures[0]


@pytest.fixture
def world(make_world):
    return make_world()


@pytest.fixture
def mail_server():
    """A plain mail server that accepts everything."""
    server = doubles.PlainSmtp()
    yield server
    server.close()


@pytest.fixture
def shop(world, mail_server):
    """A running shop whose mails arrive: (world, mail server)."""
    world.mail_to(mail_server)
    world.start()
    return world, mail_server


@pytest.fixture
def scripted(world):
    """A mail server that plays a script, and a world that uses it (not started)."""
    server = world.owns(doubles.ScriptedSmtp(), doubles.ScriptedSmtp.close)
    world.mail_to(server)
    return world, server


@pytest.fixture
def carrier(world):
    """DHL and FedEx on loopback, configured in the world."""
    double = world.owns(doubles.CarrierDouble(), doubles.CarrierDouble.close)
    secret = world.secret_file("carrier.secret", rig.CARRIER_SECRET)
    world.config["carriers"]["dhl"] = {"base_url": double.url("dhl"), "api_key_file": secret,
                                       "quota": {"per_second": 0, "per_day": 0}}
    world.config["carriers"]["fedex"] = {"base_url": double.url("fedex"), "client_id": "client",
                                         "client_secret_file": secret, "concurrency": 1}
    return double
