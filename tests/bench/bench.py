#!/usr/bin/python3
"""Measures the real daemon: embedded Redis with `appendfsync always`, live mode, all features on.

    bench.py --notifier build/notifier [--long] [--json] [--only WORD]

The driver, the mail server and the carrier (drive.c, sink.c, carrier.c) run on the same machine,
so the figures are those of a machine that does all of it.  Exit code 1 means that something is
broken (an acknowledged webhook without its mail, or with two); a missed goal is a figure.
"""

import argparse
import collections
import http.client
import json
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
SECRET = "bench-secret"
TICKS_PER_S = os.sysconf("SC_CLK_TCK")
TOOLS = ("drive", "sink", "carrier")

# About 1 kB; what a courier sends beside what we read is skipped.
HOOK = ('{"event_id":"evt-@ID@","tracking_number":"BX@ID@","status":"out_for_delivery",'
        '"time":"@TIME@","description":"Out for delivery with courier 17",'
        '"place":"Kutaisi, GE","eta":"@TIME@","meta":{"source":"bench","padding":"%s"}}' % ("x" * 720))
READER = '{"id":"r","name":"Asha Patel","email":"bx@ID@@customers.example","language":"en"}'
QUIET_READER = READER[:-1] + ',"channels":[]}'


class Broken(Exception):
    """Not slow, but wrong."""


def shipment(carrier, recipient):
    return ('{"tracking_number":"BX@ID@","carrier":"%s","order_number":"1@ID@",'
            '"destination":{"country":"DE","postcode":"10115"},"zone":"Europe/Berlin",'
            '"recipients":[%s]}' % (carrier, recipient))


def free_port():
    """Below the range of outgoing connections."""
    while True:
        port = random.randint(20000, 32000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


def wait_for(condition, what, deadline_s, pause_s=0.02):
    end = time.monotonic() + deadline_s
    while not condition():
        if time.monotonic() > end:
            raise Broken(f"not within {deadline_s:.0f} s: {what() if callable(what) else what}")
        time.sleep(pause_s)


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


# --- what is measured ----------------------------------------------------------------------------


class Redis:
    """Enough of RESP for this file."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(str(path))
        self.reader = self.socket.makefile("rb")

    def ask(self, *words):
        words = [str(word).encode() for word in words]
        parts = b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)
        self.socket.sendall(b"*%d\r\n%s" % (len(words), parts))
        return self._read()

    def _read(self):
        line = self.reader.readline()[:-2]
        kind, rest = line[:1], line[1:]
        if kind == b"-":
            raise Broken(f"Redis: {rest.decode()}")
        if kind == b"$":
            return None if rest == b"-1" else self.reader.read(int(rest) + 2)[:-2]
        if kind == b"*":
            return [self._read() for _ in range(int(rest))]
        return int(rest) if kind == b":" else rest

    def used_bytes(self):
        return int(re.search(rb"used_memory:(\d+)", self.ask("INFO", "memory"))[1])

    def close(self):
        self.reader.close()
        self.socket.close()


class Process:
    """A program of ours that is ended by its pid."""

    def __init__(self, words, output):
        with open(output, "ab") as file:
            self.process = subprocess.Popen(words, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=file,
                                            stderr=subprocess.STDOUT)

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


class Daemon:
    def __init__(self, program, tools, folder):
        self.program, self.tools, self.folder = program, tools, pathlib.Path(folder)
        self.port, self.sink_port = free_port(), free_port()
        self.running = None
        self.config = {
            "listen": f"127.0.0.1:{self.port}", "data_dir": str(self.folder / "data"),
            "accounts": {"default": {
                "mode": "live", "store": {"name": "Blue Shop"}, "language": "en",
                "links": {"track": "https://shop.example/t/{{ parcel.number }}",
                          "help": "https://shop.example/help"},
                "email": {"from": "Blue Shop <news@shop.example>", "smtp": {
                    "host": "127.0.0.1", "port": self.sink_port, "tls": "none"}}}},
            "carriers": {"generic": {"webhook": {"secret": SECRET}}},
            "limits": {"per_address": 1024}}
        self.mails_path = self.folder / "mails.csv"
        self.mails_read, self.arrivals = 0, collections.defaultdict(list)
        self.sink = Process([str(tools / "sink"), str(self.sink_port)], self.mails_path)

    def start(self):
        path = self.folder / "notifier.yaml"
        path.write_text(json.dumps(self.config))  # JSON is YAML
        path.chmod(0o600)
        self.running = Process([self.program, "serve", "--config", str(path)], self.folder / "log")
        wait_for(self.is_ready, lambda: f"the daemon is not ready: {self.log_end()}", 30)

    def is_ready(self):
        try:
            return self.get("/readyz")[0] == 200
        except OSError:
            return False

    def log_end(self):
        return (self.folder / "log").read_text(errors="replace")[-1500:]

    def restart(self):
        self.running.stop()
        self.start()

    def close(self):
        if self.running is not None:
            self.running.stop()
        self.sink.stop()

    def get(self, path):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def metric(self, name, *labels):
        lines = (line for line in self.get("/metrics")[1].splitlines()
                 if re.match(name + r"[{ ]", line) and all(label in line for label in labels))
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines)

    @property
    def pid(self):
        return self.running.process.pid

    @property
    def redis_pid(self):
        return int(pathlib.Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()[0])

    def redis(self):
        return Redis(self.folder / "data/redis/redis.sock")

    def cpu_s(self):
        def of(pid):
            fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()
            return (int(fields[11]) + int(fields[12])) / TICKS_PER_S
        return of(self.pid), of(self.redis_pid)

    def rss_mb(self):
        status = pathlib.Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024

    def drive(self, body, first, count, *words):
        """Rows of (id, scheduled, answered, status); all must have been taken."""
        path = self.folder / "body"
        path.write_text(body)
        done = subprocess.run([str(self.tools / "drive"), "-b", str(path), "-i", str(first), "-n",
                               str(count), *map(str, words)], capture_output=True, text=True, timeout=900)
        if done.returncode != 0:
            raise Broken(f"drive: {done.stderr.strip()}")
        rows = [tuple(map(int, line.split(","))) for line in done.stdout.splitlines()]
        refused = collections.Counter(row[3] for row in rows if not 200 <= row[3] < 300)
        if refused:
            raise Broken(f"not accepted (status: how many): {dict(refused)}")
        return rows

    def register(self, carrier, recipient, first, count):
        return self.drive(shipment(carrier, recipient), first, count, "-u",
                          self.folder / "data/admin.sock", "-P", "/v1/shipments", "-c", 32)

    def push(self, first, count, connections, rate=0):
        return self.drive(HOOK, first, count, "-p", self.port, "-P", "/hooks/generic/default", "-s",
                          SECRET, "-c", connections, "-r", rate)

    def mails(self):
        """Instants of arrival per id; reads only what is new in the file."""
        with open(self.mails_path, "rb") as file:
            file.seek(self.mails_read)
            text = file.read()
        whole = text[:text.rfind(b"\n") + 1]
        self.mails_read += len(whole)
        for line in whole.splitlines():
            number, at_us = line.split(b",")
            self.arrivals[int(number)].append(int(at_us))
        return self.arrivals


# --- the measurements ----------------------------------------------------------------------------


class Bench:
    def __init__(self, program, tools, folder, is_long):
        self.program, self.tools, self.folder, self.is_long = program, tools, folder, is_long
        self.rows = []
        self.next_id = 1
        self.mails_due = 0

    def size(self, short, long):
        return long if self.is_long else short

    def ids(self, count):
        first, self.next_id = self.next_id, self.next_id + count
        return first

    def repeat(self, measure):
        """The median of three in the long form."""
        seen = [measure() for _ in range(self.size(1, 3))]
        if isinstance(seen[0], tuple):
            return tuple(statistics.median(column) for column in zip(*seen))
        return statistics.median(seen)

    def note(self, name, value, goal, command):
        """goal: ">8000" or "<4"; the unit stands in the name."""
        met = value >= float(goal[1:]) if goal[0] == ">" else value <= float(goal[1:])
        self.rows.append({"name": name, "value": round(value, 2), "goal": goal, "met": met,
                          "command": command})
        print(f"  {name}: {value:.2f}", file=sys.stderr)

    def daemon(self, name, **carriers):
        folder = self.folder / name
        folder.mkdir()
        daemon = Daemon(self.program, self.tools, folder)
        daemon.config["carriers"].update(carriers)
        return daemon

    # --- webhooks and mails -----------------------------------------------------------------------

    def webhooks(self):
        daemon = self.daemon("webhooks")
        try:
            daemon.start()
            time.sleep(1)
            self.note("RSS idle, MB", daemon.rss_mb(), "<30", "/proc/PID/status")
            for connections in (64, 256):
                rate = self.repeat(lambda: self.accept(daemon, connections))
                self.note(f"webhooks on disk, {connections} connections, /s", rate, ">8000",
                          f"drive -c {connections}; nobody wants a mail")
            rate, cpu_s = self.repeat(lambda: self.deliver(daemon))
            self.note("webhook to SMTP accepted, sustained, /s", rate, ">3000",
                      "drive -c 64 into sink")
            self.note("CPU of daemon + Redis per 10,000 notifications, s", cpu_s, "<4",
                      "the same; /proc/PID/stat")
            p50_ms, p99_ms = self.repeat(lambda: self.latency(daemon))
            self.note("webhook to SMTP at 650/s, p50, ms", p50_ms, "<3", "drive -r 650 -c 64 into sink")
            self.note("webhook to SMTP at 650/s, p99, ms", p99_ms, "<15", "the same")
        finally:
            daemon.close()

    def accept(self, daemon, connections):
        count = self.size(10000, 50000)
        first = self.ids(count)
        daemon.register("generic", QUIET_READER, first, count)
        rows = daemon.push(first, count, connections)
        return count / (max(row[2] for row in rows) - rows[0][1]) * 1e6

    def arrived(self, daemon, rows):
        """The instants of arrival of what was acknowledged: exactly one mail each."""
        before = self.mails_due
        self.mails_due += len(rows)
        wait_for(lambda: len(daemon.mails()) >= self.mails_due and
                 daemon.metric("notifier_messages_in_flight") == 0,
                 lambda: f"{len(daemon.mails()) - before} of {len(rows)} mails came", 60, 0.1)
        time.sleep(0.3)  # for what must not come: a second copy
        mails = daemon.mails()
        wrong = collections.Counter(len(mails.get(row[0], ())) for row in rows if
                                    len(mails.get(row[0], ())) != 1)
        if wrong:
            raise Broken(f"not one mail for each webhook (mails: webhooks): {dict(wrong)}")
        return [mails[row[0]][0] for row in rows]

    def deliver(self, daemon):
        count = self.size(10000, 40000)
        first = self.ids(count)
        daemon.register("generic", READER, first, count)
        before_s = sum(daemon.cpu_s())
        rows = daemon.push(first, count, 64)
        arrivals = self.arrived(daemon, rows)
        cpu_s = sum(daemon.cpu_s()) - before_s
        return count / (max(arrivals) - rows[0][1]) * 1e6, cpu_s / count * 10000

    def latency(self, daemon):
        count = self.size(3250, 19500)
        first = self.ids(count)
        daemon.register("generic", READER, first, count)
        rows = daemon.push(first, count, 64, 650)
        waits_ms = [(at - row[1]) / 1000 for at, row in zip(self.arrived(daemon, rows), rows)]
        return percentile(waits_ms, 0.5), percentile(waits_ms, 0.99)

    # --- polls and memory -------------------------------------------------------------------------

    def polls(self):
        port = free_port()
        carrier = Process([str(self.tools / "carrier"), str(port)], self.folder / "carrier.log")
        daemon = self.daemon("polls", dhl={
            "api_key": "bench", "concurrency": 64, "base_url": "http://127.0.0.1:1",
            "quota": {"per_second": 0, "per_day": 1}})
        dhl = daemon.config["carriers"]["dhl"]
        try:
            daemon.start()
            count = self.size(10000, 200000)
            self.memory(daemon, count)
            dhl["quota"]["per_day"] = 0
            dhl["base_url"] = f"http://127.0.0.1:{port}/same"
            self.poll_all(daemon, count)  # the first look: all is new
            self.memory_of_history(daemon, count)
            rate = self.repeat(lambda: self.poll_all(daemon, count))
            self.note("polls, body unchanged, /s", rate, ">10000", "carrier /same, plain HTTP, concurrency 64")
            dhl["base_url"] = f"http://127.0.0.1:{port}/new"
            rate = self.repeat(lambda: self.poll_all(daemon, count))
            self.note("polls, body changed, /s", rate, ">5000", "carrier /new, the same")
            self.note(f"RSS with {count} shipments, MB", daemon.rss_mb(), "<100", "/proc/PID/status")
        finally:
            daemon.close()
            carrier.stop()

    def memory(self, daemon, count):
        redis = daemon.redis()
        before = redis.used_bytes()
        daemon.register("dhl", QUIET_READER, self.ids(count), count)
        self.bytes_each = (redis.used_bytes() - before) / count
        redis.close()
        self.note("Redis per tracked shipment, bytes", self.bytes_each, "<1000",
                  "used_memory, state + index + due entry")
        self.empty_bytes = before

    def memory_of_history(self, daemon, count):
        redis = daemon.redis()
        wait_for(lambda: daemon.metric("notifier_flows") < 10, "flows do not end", 30)
        self.note("Redis with a history of 10 checkpoints, bytes",
                  (redis.used_bytes() - self.empty_bytes) / count, "<2000", "used_memory after one poll")
        redis.close()

    def poll_all(self, daemon, count):
        """Everything is made due, and the daemon begins anew: how fast does it get through?"""
        redis = daemon.redis()
        for partition in range(64):
            redis.ask("EVAL", "for _, id in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do "
                      "redis.call('ZADD', KEYS[1], 1, id) end", 1, f"n:{{p{partition:02x}}}:due:dhl")
        redis.close()
        daemon.restart()
        seen = []

        def is_done():
            seen.append((time.monotonic(), daemon.metric("notifier_polled_shipments_total")))
            return seen[-1][1] >= count
        cpu_before = daemon.cpu_s()
        wait_for(is_done, lambda: f"{seen[-1][1]:.0f} of {count} polled", 600, 0.05)
        cpu = [now - then for now, then in zip(daemon.cpu_s(), cpu_before)]
        busy = [row for row in seen if 0.05 * count < row[1] < count] or seen[-2:]
        print(f"    CPU per poll: daemon {cpu[0] / count * 1e6:.0f} us, Redis {cpu[1] / count * 1e6:.0f}"
              f" us", file=sys.stderr)
        return (busy[-1][1] - busy[0][1]) / max(busy[-1][0] - busy[0][0], 1e-3)


# --- the command line ----------------------------------------------------------------------------


def build_tools(folder):
    folder.mkdir(parents=True, exist_ok=True)
    for name in TOOLS:
        source, program = HERE / f"{name}.c", folder / name
        newest = max(source.stat().st_mtime, (HERE / "net.h").stat().st_mtime)
        if not program.exists() or program.stat().st_mtime < newest:
            subprocess.run([os.environ.get("CC", "gcc"), "-std=c11", "-D_GNU_SOURCE", "-O2", "-Wall",
                            "-Wextra", f"-I{ROOT}", "-o", str(program), str(source), "-lcrypto"],
                           check=True)
    return folder


def print_table(rows):
    words = {">": "at least ", "<": "at most "}
    table = [("figure", "measured", "goal", "command")]
    for row in rows:
        value = f"{row['value']:,.0f}" if row["value"] >= 100 else f"{row['value']:.2f}"
        table.append((row["name"], value + ("" if row["met"] else "  (missed)"),
                      f"{words[row['goal'][0]]}{float(row['goal'][1:]):,.0f}", row["command"]))
    widths = [max(len(line[i]) for line in table) for i in range(4)]
    for line in table:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip())


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--notifier", default="build/notifier")
    options.add_argument("--long", action="store_true", help="more work, medians of three")
    options.add_argument("--json", action="store_true")
    options.add_argument("--only", choices=("webhooks", "polls"), help="one half of it")
    chosen = options.parse_args()
    program = os.path.abspath(chosen.notifier)
    tools = build_tools(pathlib.Path(program).parent / "bench")
    folder = pathlib.Path(tempfile.mkdtemp(prefix="notifier-bench-"))
    bench = Bench(program, tools, folder, chosen.long)
    broken = None
    try:
        for part in (bench.webhooks, bench.polls):
            if chosen.only in (None, part.__name__):
                part()
    except Broken as problem:
        broken = problem
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if chosen.json:
        print(json.dumps({"broken": broken and str(broken), "figures": bench.rows}, indent=1))
    else:
        print_table(bench.rows)
    if broken:
        print(f"bench: broken: {broken}", file=sys.stderr)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
