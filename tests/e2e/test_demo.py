"""The demo: no key, account or file, and within seconds parcels move and alerts are sent."""
import json
import os
import signal
import socket
import subprocess
import time
import urllib.request


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def get(url):
    with urllib.request.urlopen(url, timeout=5) as answer:
        return answer.read().decode(), answer.headers


def wait_for(what, seconds):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            found = what()
            if found:
                return found
        except OSError:
            pass
        time.sleep(0.05)
    raise AssertionError("it did not come to pass")


def test_the_demo_tells_its_story(request, tmp_path):
    address = f"127.0.0.1:{free_port()}"
    output = tmp_path / "output"
    environment = dict(os.environ, XDG_RUNTIME_DIR=str(tmp_path))
    demo = subprocess.Popen(
        [request.config.getoption("--notifier"), "serve", "--demo", "--listen", address],
        stdout=output.open("wb"), stderr=subprocess.STDOUT, env=environment)
    try:
        def told():
            rows = json.loads(get(f"http://{address}/v1/shipments")[0])["data"]
            for row in rows:
                story = json.loads(get(f"http://{address}/v1/shipments/{row['id']}/explain")[0])["data"]
                if any(line["kind"] == "receipt" for line in story):
                    return row
            return None

        row = wait_for(told, 60)
        messages = json.loads(get(f"http://{address}/v1/messages?shipment={row['id']}")[0])["data"]
        sent = [message for message in messages if message["state"] == "sent"]
        content = json.loads(get(f"http://{address}/v1/messages/{sent[0]['id']}")[0])["content"]
        assert row["tracking_number"] == content["tracking_number"]
        assert content["text"]

        page, headers = get(f"http://{address}/")
        assert "<title>" in page and "default-src 'none'" in headers["Content-Security-Policy"]
        assert 'src="http' not in page and 'href="http' not in page  # nothing comes from elsewhere

        wait_for(lambda: "e-mail" in output.read_text(), 30)
        assert f"http://{address}/" in output.read_text()
        demo.send_signal(signal.SIGINT)
        assert demo.wait(timeout=12) == 0, output.read_text()
        assert not [name for name in os.listdir(tmp_path) if name.startswith("notifier-demo")]
    finally:
        if demo.poll() is None:
            demo.kill()
            demo.wait()
