"""What stands at the other end: mail servers and carriers that play what a test wants."""

import asyncio
import collections
import email
import email.policy
import http.server
import json
import threading
import time
import urllib.parse

import aiosmtpd.controller

from rig import free_port


class Mail:
    def __init__(self, sender, recipients, raw):
        self.sender, self.recipients, self.raw = sender, list(recipients), raw
        self.at = time.monotonic()
        self.message = email.message_from_bytes(raw, policy=email.policy.default)

    @property
    def to(self):
        return self.recipients[0]

    @property
    def subject(self):
        return str(self.message["Subject"])

    @property
    def id(self):
        return str(self.message["Message-ID"]).strip()

    def part(self, kind):
        found = self.message.get_body(preferencelist=(kind,))
        return found.get_content() if found is not None else None

    def __repr__(self):
        return f"<mail to {self.to}: {self.subject}>"


class Mailbox:
    """What arrived."""

    def __init__(self):
        self.mails = []

    def take(self, sender, recipients, raw):
        self.mails.append(Mail(sender, recipients, raw))

    def to(self, address):
        return [mail for mail in self.mails if mail.to == address]

    def copies(self):
        """Message-ID → how many arrived."""
        return collections.Counter(mail.id for mail in self.mails)


class PlainSmtp(Mailbox):
    """Somebody else's mail server (aiosmtpd): accepts what follows the rules."""

    def __init__(self):
        super().__init__()
        self.controller = aiosmtpd.controller.Controller(
            self, hostname="127.0.0.1", port=0, ready_timeout=30)
        # The controller checks itself by connecting to its port: it must know it.
        self.controller.port = free_port()
        self.controller.start()

    @property
    def port(self):
        return self.controller.port

    async def handle_DATA(self, server, session, envelope):
        self.take(envelope.mail_from, envelope.rcpt_tos, envelope.content)
        return "250 2.0.0 accepted"

    def close(self):
        self.controller.stop()


# What a scripted server does instead of saying yes.
def say(text):
    return ("say", text, 0)


def later(seconds, text="250 2.0.0 accepted"):
    return ("say", text, seconds)


CUT = ("cut", None, 0)        # the connection ends without a word
SILENCE = ("silence", None, 0)  # it stays open without a word


class ScriptedSmtp(Mailbox):
    """A mail server whose answers are scripted: on(stage, who, *actions), stage one of greeting,
    auth, mail, rcpt, dot; who a part of the recipient's address ("" everybody).  Each action is
    used once, in order; then everything is accepted.  `always` answers where no action is left."""

    def __init__(self, port=None, auth=False):
        super().__init__()
        self.port = port or free_port()
        self.auth = auth
        self.scripts = collections.defaultdict(collections.deque)
        self.always = {}
        self.tries = collections.Counter()
        self.logins = 0
        self.open_now = self.open_most = 0
        self.loop = asyncio.new_event_loop()
        self.ready = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()
        assert self.ready.wait(30), "the SMTP double did not start"

    def on(self, stage, who, *actions):
        self.scripts[stage, who].extend(actions)
        return self

    def _action(self, stage, recipients):
        for who in (*recipients, ""):
            for (at, part), actions in self.scripts.items():
                if at == stage and actions and (part == "" or part in who):
                    return actions.popleft()
        return self.always.get(stage)

    def _run(self):
        asyncio.set_event_loop(self.loop)
        start = asyncio.start_server(self._serve, "127.0.0.1", self.port, limit=1 << 22)
        self.server = self.loop.run_until_complete(start)
        self.ready.set()
        self.loop.run_forever()
        for task in asyncio.all_tasks(self.loop):
            task.cancel()
        self.loop.run_until_complete(asyncio.sleep(0))
        self.loop.close()

    def close(self):
        if self.thread.is_alive():
            self.loop.call_soon_threadsafe(self.server.close)
            self.loop.call_soon_threadsafe(self.loop.stop)
            self.thread.join(10)

    async def _serve(self, reader, writer):
        self.open_now += 1
        self.open_most = max(self.open_most, self.open_now)
        try:
            await self._talk(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self.open_now -= 1
            writer.transport.abort()

    async def _answer(self, writer, stage, recipients, otherwise):
        """Says what the script wants; True when the command was accepted."""
        self.tries[stage] += 1
        kind, text, wait_s = self._action(stage, recipients) or ("say", otherwise, 0)
        if kind == "cut":
            raise ConnectionError
        if kind == "silence":
            await asyncio.sleep(3600)
        if wait_s:
            await asyncio.sleep(wait_s)
        return text

    async def _put(self, writer, text):
        writer.write(text.encode() + b"\r\n")
        await writer.drain()

    async def _talk(self, reader, writer):
        sender, recipients = None, []
        await self._put(writer, await self._answer(writer, "greeting", [], "220 mx.test ESMTP"))
        while True:
            line = (await reader.readuntil(b"\n")).decode("utf-8", "replace").rstrip("\r\n")
            verb = line.upper()
            if verb.startswith("EHLO"):
                words = ["mx.test", "PIPELINING", "8BITMIME", "ENHANCEDSTATUSCODES"]
                words += ["AUTH PLAIN LOGIN"] if self.auth else []
                lines = [f"250-{word}" for word in words[:-1]] + [f"250 {words[-1]}"]
                await self._put(writer, "\r\n".join(lines))
            elif verb.startswith("AUTH"):
                text = await self._answer(writer, "auth", [], "235 2.7.0 welcome")
                self.logins += text.startswith("235")
                await self._put(writer, text)
            elif verb.startswith("MAIL FROM:"):
                sender, recipients = line[10:].split(">")[0].strip(" <"), []
                await self._put(writer, await self._answer(writer, "mail", [], "250 2.1.0 ok"))
            elif verb.startswith("RCPT TO:"):
                who = line[8:].split(">")[0].strip(" <")
                text = await self._answer(writer, "rcpt", [who], "250 2.1.5 ok")
                recipients += [who] if text.startswith("2") else []
                await self._put(writer, text)
            elif verb == "DATA":
                if not recipients:
                    await self._put(writer, "554 5.5.1 no recipients")
                    continue
                await self._put(writer, "354 go on")
                raw = await self._content(reader)
                await self._dot(writer, sender, recipients, raw)
            elif verb == "RSET" or verb == "NOOP":
                await self._put(writer, "250 2.0.0 ok")
            elif verb == "QUIT":
                await self._put(writer, "221 2.0.0 bye")
                return
            else:
                await self._put(writer, "500 5.5.2 what?")

    @staticmethod
    async def _content(reader):
        lines = []
        while True:
            line = await reader.readuntil(b"\r\n")
            if line == b".\r\n":
                return b"".join(lines)
            lines.append(line[1:] if line.startswith(b".") else line)

    async def _dot(self, writer, sender, recipients, raw):
        """A connection that is cut after the dot has taken the mail: nobody was told, that is all."""
        try:
            text = await self._answer(writer, "dot", recipients, "250 2.0.0 accepted")
        except ConnectionError:
            self.take(sender, recipients, raw)
            raise
        if text.startswith("2"):
            self.take(sender, recipients, raw)
        await self._put(writer, text)


# --- carriers ------------------------------------------------------------------------------------


class CarrierDouble:
    """DHL's and FedEx's APIs on loopback.  `dhl[number]`, `fedex[number]` hold what is answered:
    a parcel made by dhl_parcel()/fedex_parcel(), raw bytes, or (status, bytes); no entry: unknown."""

    def __init__(self):
        self.dhl, self.fedex = {}, {}
        self.calls = []  # (carrier, [numbers])
        self.tokens = 0
        self.token_dies = False  # the next call finds its token expired
        self.gate = threading.Event()
        self.gate.set()
        double = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                double.answer(self)

            def do_POST(self):
                double.answer(self)

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    def close(self):
        self.gate.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(10)

    def url(self, carrier):
        return f"http://127.0.0.1:{self.port}/{carrier}"

    def asked(self, carrier):
        return [numbers for name, numbers in self.calls if name == carrier]

    def answer(self, request):
        body = request.rfile.read(int(request.headers.get("Content-Length") or 0))
        url = urllib.parse.urlsplit(request.path)
        routes = {"/dhl/track/shipments": self.answer_dhl, "/fedex/oauth/token": self.answer_token,
                  "/fedex/track/v1/trackingnumbers": self.answer_fedex}
        route = routes.get(url.path)
        status, content = route(request, url, body) if route else (404, b"{}")
        request.send_response(status)
        request.send_header("Content-Type", "application/json")
        request.send_header("Content-Length", str(len(content)))
        request.end_headers()
        request.wfile.write(content)

    @staticmethod
    def _shaped(answer):
        if isinstance(answer, tuple):
            return answer
        return 200, answer if isinstance(answer, bytes) else json.dumps(answer).encode()

    def answer_dhl(self, request, url, body):
        number = urllib.parse.parse_qs(url.query)["trackingNumber"][0]
        self.calls.append(("dhl", [number]))
        self.gate.wait(30)
        if request.headers.get("DHL-API-Key") is None:
            return 401, b'{"status":401,"title":"Unauthorized"}'
        parcel = self.dhl.get(number)
        if parcel is None:
            return 404, b'{"status":404,"title":"No result found","detail":"No shipment with given tracking number found."}'
        return self._shaped({"shipments": [parcel]} if isinstance(parcel, dict) else parcel)

    def answer_token(self, request, url, body):
        form = urllib.parse.parse_qs(body.decode())
        if form.get("grant_type") != ["client_credentials"] or not form.get("client_secret"):
            return 401, b'{"errors":[{"code":"NOT.AUTHORIZED.ERROR","message":"no"}]}'
        self.tokens += 1
        return 200, json.dumps({"access_token": f"token-{self.tokens}", "token_type": "bearer",
                                "expires_in": 3600, "scope": "CXS"}).encode()

    def answer_fedex(self, request, url, body):
        numbers = [row["trackingNumberInfo"]["trackingNumber"]
                   for row in json.loads(body)["trackingInfo"]]
        self.calls.append(("fedex", numbers))
        self.gate.wait(30)
        bearer = request.headers.get("Authorization")
        if self.token_dies or bearer != f"Bearer token-{self.tokens}":
            self.token_dies = False
            return 401, b'{"errors":[{"code":"NOT.AUTHORIZED.ERROR","message":"Access token expired"}]}'
        results = []
        for number in numbers:
            parcel = self.fedex.get(number) or {"error": {
                "code": "TRACKING.TRACKINGNUMBER.NOTFOUND", "message": "Tracking number cannot be found."}}
            parcel = {"trackingNumberInfo": {"trackingNumber": number}, **parcel}
            results.append({"trackingNumber": number, "trackResults": [parcel]})
        return self._shaped({"transactionId": "t", "output": {"completeTrackResults": results}})


def dhl_parcel(number, *scans):
    """Scans, newest first: (statusCode, time, description)."""
    rows = [{"timestamp": at, "statusCode": code, "status": code, "description": text,
             "location": {"address": {"addressLocality": "Leipzig", "countryCode": "DE"}}}
            for code, at, text in scans]
    return {"id": number, "service": "parcel-de", "status": rows[0], "events": rows}


def fedex_parcel(*scans):
    """Scans, newest first: (eventType, time, description)."""
    rows = [{"date": at, "eventType": code, "eventDescription": text,
             "scanLocation": {"city": "MEMPHIS", "stateOrProvinceCode": "TN", "countryCode": "US"}}
            for code, at, text in scans]
    return {"latestStatusDetail": {"code": rows[0]["eventType"],
                                   "description": rows[0]["eventDescription"]}, "scanEvents": rows}
