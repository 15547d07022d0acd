"""A real SMTP server on loopback for tests, that can be told to refuse, stall and drop.

    python server.py --port 0

prints one JSON line, {"smtp_port": …, "http_port": …}, and serves until it is ended or whoever started it is gone.

    GET    /mails     the mails it took: from, to, subject, message_id, headers, text, html, raw, mode, at (seconds since 1970)
    DELETE /mails     forgets mails and attempts
    GET    /attempts  every delivery that was tried, taken or not: mode, to, message_id
    POST   /behave    {"mode": "refuse4xx", "times": 2}; without "times", until told otherwise

Modes, one per delivery (a delivery starts at MAIL FROM):
    ok                takes the mail
    refuse4xx         answers 451 to the mail's content
    refuse5xx         answers 550 to the mail's content: there is no such mailbox
    refuse_us         answers 550 because of who sends
    stall             receives the content and never answers
    drop              closes at MAIL FROM
    drop_after_data   receives the content and closes; the mail is lost
    accept_then_drop  takes the mail and closes before its 250; the sender cannot know
"""

import argparse
import asyncio
import json
import os
import signal
import threading
import time
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from aiosmtpd.smtp import SMTP

MODES = {"ok", "refuse4xx", "refuse5xx", "refuse_us", "stall", "drop", "drop_after_data", "accept_then_drop"}


class Post:
    """What the SMTP side and the control side share; they run in different threads."""

    def __init__(self):
        self.lock = threading.Lock()
        self.mails, self.attempts = [], []
        self.mode, self.times = "ok", None

    def behave(self, mode, times):
        if mode not in MODES:
            raise ValueError(f"mode must be one of {', '.join(sorted(MODES))}")
        if times is not None and (type(times) is not int or times < 1):
            raise ValueError("times must be a whole number, 1 or more")
        with self.lock:
            self.mode, self.times = mode, times

    def next_mode(self):
        with self.lock:
            mode = self.mode
            if self.times is not None:
                self.times -= 1
                if self.times == 0:
                    self.mode, self.times = "ok", None
            return mode

    def note(self, attempt):
        with self.lock:
            self.attempts.append(attempt)

    def take(self, mail, mode):
        with self.lock:
            self.mails.append(mail | {"mode": mode, "at": time.time()})

    def read(self, what):
        with self.lock:
            return list(getattr(self, what))

    def forget(self):
        with self.lock:
            self.mails.clear()
            self.attempts.clear()


def as_mail(envelope):
    message = message_from_bytes(envelope.content, policy=policy.default)

    def body(kind):
        part = message.get_body(preferencelist=(kind,))
        return part.get_content() if part else None

    return {
        "from": envelope.mail_from,
        "to": envelope.rcpt_tos,
        "subject": message["Subject"],
        "message_id": message["Message-ID"],
        "headers": {name: str(value) for name, value in message.items()},
        "text": body("plain"),
        "html": body("html"),
        "raw": envelope.content.decode("utf-8", "replace"),
    }


class Handler:
    def __init__(self, post):
        self.post = post

    async def handle_MAIL(self, server, session, envelope, address, options):
        envelope.mode = self.post.next_mode()
        if envelope.mode == "drop":
            self.post.note({"mode": "drop", "to": [], "message_id": None})
            return hang_up(server)
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        mail = as_mail(envelope)
        self.post.note({"mode": envelope.mode, "to": mail["to"], "message_id": mail["message_id"]})
        match envelope.mode:
            case "refuse4xx":
                return "451 4.3.2 Please try again later"
            case "refuse5xx":
                return "550 5.1.1 No such mailbox"
            case "refuse_us":
                return "550 5.7.1 You are on a list"
            case "stall":
                await asyncio.Event().wait()
            case "drop_after_data":
                return hang_up(server)
            case "accept_then_drop":
                self.post.take(mail, envelope.mode)
                return hang_up(server)
        self.post.take(mail, envelope.mode)
        return "250 2.0.0 Taken"


def hang_up(server):
    server.transport.abort()
    # aiosmtpd wants an answer from every hook; this one goes to a closed socket.
    return "421 4.3.0 Closed"


class Control(BaseHTTPRequestHandler):
    post = None

    def answer(self, status, body):
        data = json.dumps(body, ensure_ascii=False).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        if self.path in ("/mails", "/attempts"):
            self.answer(200, self.post.read(self.path[1:]))
        else:
            self.answer(404, {"error": "GET /mails or GET /attempts"})

    def do_DELETE(self):
        if self.path == "/mails":
            self.post.forget()
            self.answer(200, {})
        else:
            self.answer(404, {"error": "DELETE /mails"})

    def do_POST(self):
        if self.path != "/behave":
            return self.answer(404, {"error": "POST /behave"})
        try:
            order = json.loads(self.rfile.read(int(self.headers.get("content-length", 0))))
            self.post.behave(order["mode"], order.get("times"))
        except (ValueError, KeyError, TypeError, AttributeError) as wrong:
            return self.answer(400, {"error": str(wrong)})
        self.answer(200, {})

    def log_message(self, *_):
        pass


async def serve(port):
    post = Post()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)

    smtp = await loop.create_server(
        lambda: SMTP(Handler(post), hostname="localhost", enable_SMTPUTF8=True, loop=loop), "127.0.0.1", port
    )
    http = ThreadingHTTPServer(("127.0.0.1", 0), type("BoundControl", (Control,), {"post": post}))
    threading.Thread(target=http.serve_forever, daemon=True).start()
    ports = {"smtp_port": smtp.sockets[0].getsockname()[1], "http_port": http.server_address[1]}
    print(json.dumps(ports), flush=True)

    # A test runner that is killed cannot end its children, so the server looks after itself.
    parent = os.getppid()
    while not stop.is_set() and os.getppid() == parent:
        try:
            await asyncio.wait_for(stop.wait(), 0.5)
        except TimeoutError:
            pass


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--port", type=int, default=0, help="SMTP port on 127.0.0.1; 0 takes a free one")
    asyncio.run(serve(arguments.parse_args().port))
    # Not a plain return: stalled deliveries must not keep the process alive.
    os._exit(0)
