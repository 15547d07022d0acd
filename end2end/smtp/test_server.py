"""Checks the SMTP test server with Python's own SMTP client, over real sockets."""

import json
import smtplib
import subprocess
import sys
import time
import unittest
from email.message import EmailMessage
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

SERVER = Path(__file__).with_name("server.py")


class ServerTest(unittest.TestCase):
    def setUp(self):
        self.process = subprocess.Popen([sys.executable, SERVER, "--port", "0"], stdout=subprocess.PIPE, text=True)
        self.addCleanup(self.end)
        self.ports = json.loads(self.process.stdout.readline())

    def end(self):
        self.process.terminate()
        self.process.wait(5)
        self.process.stdout.close()

    def control(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = Request(f"http://127.0.0.1:{self.ports['http_port']}{path}", data, method=method)
        with urlopen(request, timeout=5) as response:
            return json.load(response)

    def behave(self, mode, times=None):
        self.control("POST", "/behave", {"mode": mode} | ({} if times is None else {"times": times}))

    def mails(self):
        return self.control("GET", "/mails")

    def client(self, timeout=5):
        client = smtplib.SMTP("127.0.0.1", self.ports["smtp_port"], timeout=timeout)
        self.addCleanup(client.close)
        return client

    def send(self, message_id="<1@linli.example>", client=None, timeout=5):
        mail = EmailMessage()
        mail["From"] = "邻里 <linli@example.org>"
        mail["To"] = "resident@example.org"
        mail["Subject"] = "王芳答复了您"
        mail["Message-ID"] = message_id
        mail.set_content("您好，井盖已经修好。\n")
        mail.add_alternative("<p>您好，井盖已经修好。</p>\n", subtype="html")
        return (client or self.client(timeout)).send_message(mail)

    def test_a_mail_is_kept_with_its_parts_decoded(self):
        self.send()
        (mail,) = self.mails()
        self.assertEqual(mail["from"], "linli@example.org")
        self.assertEqual(mail["to"], ["resident@example.org"])
        self.assertEqual(mail["subject"], "王芳答复了您")
        self.assertEqual(mail["message_id"], "<1@linli.example>")
        self.assertEqual(mail["headers"]["Subject"], "王芳答复了您")
        self.assertIn("井盖已经修好", mail["text"])
        self.assertIn("<p>您好", mail["html"])
        self.assertIn("Message-ID: <1@linli.example>", mail["raw"])

    def test_delete_forgets_mails_and_attempts(self):
        self.send()
        self.control("DELETE", "/mails")
        self.assertEqual(self.mails(), [])
        self.assertEqual(self.control("GET", "/attempts"), [])

    def test_refusals_count_down_and_then_mail_is_taken_on_the_same_connection(self):
        self.behave("refuse4xx", times=2)
        client = self.client()
        for _ in range(2):
            with self.assertRaises(smtplib.SMTPDataError) as refused:
                self.send(client=client)
            self.assertEqual(refused.exception.smtp_code, 451)
        self.send(client=client)
        self.assertEqual(len(self.mails()), 1)
        attempts = self.control("GET", "/attempts")
        self.assertEqual([attempt["mode"] for attempt in attempts], ["refuse4xx", "refuse4xx", "ok"])
        self.assertEqual({attempt["message_id"] for attempt in attempts}, {"<1@linli.example>"})

    def test_a_mode_without_times_stays_until_it_is_changed(self):
        self.behave("refuse5xx")
        for _ in range(3):
            with self.assertRaises(smtplib.SMTPDataError) as refused:
                self.send()
            self.assertEqual(refused.exception.smtp_code, 550)
        self.behave("ok")
        self.send()
        self.assertEqual(len(self.mails()), 1)

    def test_drop_and_drop_after_data_lose_the_mail(self):
        for mode in ("drop", "drop_after_data"):
            with self.subTest(mode):
                self.behave(mode, times=1)
                with self.assertRaises((smtplib.SMTPServerDisconnected, ConnectionError)):
                    self.send()
                self.assertEqual(self.mails(), [])

    def test_accept_then_drop_keeps_the_mail_and_the_sender_cannot_know(self):
        self.behave("accept_then_drop", times=1)
        with self.assertRaises((smtplib.SMTPServerDisconnected, ConnectionError)):
            self.send()
        self.send()
        self.assertEqual([mail["message_id"] for mail in self.mails()], ["<1@linli.example>"] * 2)

    def test_stall_never_answers_and_others_are_still_served(self):
        self.behave("stall", times=1)
        # smtplib reports its own timeout as a disconnect.
        with self.assertRaisesRegex(smtplib.SMTPServerDisconnected, "timed out"):
            self.send(message_id="<stalled@linli.example>", timeout=0.5)
        self.send(message_id="<after@linli.example>")
        self.assertEqual([mail["message_id"] for mail in self.mails()], ["<after@linli.example>"])

    def test_an_unknown_mode_is_refused_with_a_reason(self):
        for body in ({"mode": "sing"}, {"mode": "ok", "times": 0}, {}):
            with self.assertRaises(HTTPError) as wrong:
                self.control("POST", "/behave", body)
            self.assertEqual(wrong.exception.code, 400)
            wrong.exception.close()

    def test_it_ends_when_whoever_started_it_is_gone(self):
        starter = subprocess.run(
            [sys.executable, "-c", "import subprocess, sys; p = subprocess.Popen(sys.argv[1:], stdout=subprocess.PIPE);"
             "print(p.stdout.readline().decode())", sys.executable, SERVER],
            stdout=subprocess.PIPE, text=True, check=True,
        )
        port = json.loads(starter.stdout)["smtp_port"]
        for _ in range(50):
            try:
                smtplib.SMTP("127.0.0.1", port, timeout=1).close()
            except (ConnectionRefusedError, smtplib.SMTPServerDisconnected):
                return
            time.sleep(0.1)
        self.fail("the server outlived its starter")


if __name__ == "__main__":
    unittest.main()
