"""The sinks keep what a real mail client and a real HTTP client leave there."""

from __future__ import annotations

import http.client
import smtplib
import socket
import threading
from email.message import EmailMessage

import pytest

from slocheck.core.errors import UserError
from slocheck.sample.sinks import MailSink, WebhookSink


def mail(text: str = "It is well again.\n") -> EmailMessage:
    message = EmailMessage()
    message["Subject"], message["From"], message["To"] = "RESOLVED Über: gut", "slocheck@example.com", "team@example.com"
    message.set_content(text)
    return message


def test_a_mail_is_kept_with_its_envelope_and_read_as_text():
    with MailSink() as sink, smtplib.SMTP("127.0.0.1", sink.port, timeout=5) as client:
        client.send_message(mail(), to_addrs=["a@example.com", "b@example.com"])
        [kept] = sink.messages
    assert (kept.sender, kept.recipients) == ("slocheck@example.com", ("a@example.com", "b@example.com"))
    assert (kept.subject, kept.text) == ("RESOLVED Über: gut", "It is well again.\n")


def test_lines_of_dots_arrive_as_they_were_written():
    text = ".\n..two\nthe end.\n"
    with MailSink() as sink, smtplib.SMTP("127.0.0.1", sink.port, timeout=5) as client:
        client.send_message(mail(text))
    assert sink.messages[0].text == text


def test_a_mail_without_a_plain_part_is_read_from_its_html():
    message = mail()
    message.set_content("<b>down</b>", subtype="html")
    with MailSink() as sink, smtplib.SMTP("127.0.0.1", sink.port, timeout=5) as client:
        client.send_message(message)
    assert sink.messages[0].text.strip() == "<b>down</b>"


def test_several_mails_and_several_clients_at_once():
    with MailSink() as sink:
        with smtplib.SMTP("127.0.0.1", sink.port, timeout=5) as one, smtplib.SMTP("127.0.0.1", sink.port, timeout=5) as two:
            for client in (one, two, one):
                client.send_message(mail())
        assert len(sink.messages) == 3


@pytest.mark.parametrize("lines", [
    ["RCPT TO:<a@example.com>"], ["DATA"], ["MAIL FROM: nobody"], ["EHLO x", "MAIL FROM:<a@example.com>", "DATA"], ["STARTTLS"],
    ["EHLO x", "MAIL FROM:<a@example.com>", "RCPT TO:<b@example.com>", "RSET", "DATA"],
])
def test_what_comes_out_of_order_is_refused_and_nothing_is_kept(lines):
    with MailSink() as sink:
        with socket.create_connection(("127.0.0.1", sink.port), timeout=5) as client, client.makefile("rw", newline="") as talk:
            talk.readline()
            for line in lines:
                talk.write(line + "\r\n")
                talk.flush()
                reply = talk.readline()
                while reply[3] == "-":
                    reply = talk.readline()
        assert reply[0] == "5"
    assert sink.messages == []


def test_a_client_that_goes_away_in_the_middle_leaves_nothing_and_hinders_nobody():
    with MailSink() as sink:
        with socket.create_connection(("127.0.0.1", sink.port), timeout=5) as client:
            client.sendall(b"EHLO x\r\nMAIL FROM:<a@x>\r\nRCPT TO:<b@x>\r\nDATA\r\nhalf a m")
        with smtplib.SMTP("127.0.0.1", sink.port, timeout=5) as client:
            client.send_message(mail())
        assert [m.subject for m in sink.messages] == ["RESOLVED Über: gut"]


def test_a_mail_without_end_is_cut_off():
    with MailSink() as sink, smtplib.SMTP("127.0.0.1", sink.port, timeout=5) as client, pytest.raises(smtplib.SMTPException):
        client.sendmail("a@example.com", ["b@example.com"], b"x" * 70 + (b"\r\n" + b"x" * 70) * 20_000)
    assert sink.messages == []


def post(port: int, body: bytes, **headers: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request("POST", "/hook", body, headers)
    status = connection.getresponse().status
    connection.close()
    return status


def test_a_webhook_call_is_kept_with_its_headers():
    with WebhookSink() as sink:
        assert post(sink.port, b'{"title": "PAGE x", "message": "a\\nb", "type": "failure"}', Key="k1") == 200
        [kept] = sink.messages
    assert (kept.title, kept.text, kept.headers["key"], kept.content["type"]) == ("PAGE x", "a\nb", "k1", "failure")


@pytest.mark.parametrize(("body", "status", "kept"), [(b"no json", 400, []), (b"[1]", 200, [{}]), (b"{}", 200, [{}])])
def test_a_webhook_call_without_an_object_is_no_accident(body, status, kept):
    with WebhookSink() as sink:
        assert post(sink.port, body) == status
        assert [m.content for m in sink.messages] == kept


def test_who_wants_to_know_is_told_of_each_message_as_it_comes():
    seen = []
    with MailSink(on_message=seen.append) as sink, smtplib.SMTP("127.0.0.1", sink.port, timeout=5) as client:
        client.send_message(mail())
        assert seen == sink.messages != []
    with WebhookSink(on_message=seen.append) as sink:
        post(sink.port, b"{}")
        assert seen[1:] == sink.messages != []


@pytest.mark.parametrize("kind", [MailSink, WebhookSink])
def test_a_port_that_is_taken_or_none_is_said_in_one_line(kind):
    with kind() as one, pytest.raises(UserError, match=f"port {one.port} cannot be opened: .*in use"), kind(port=one.port):
        pass
    with pytest.raises(UserError, match="port 70000 cannot be opened: it is no port"), kind(port=70_000):
        pass


def test_sinks_leave_no_thread():
    with MailSink(), WebhookSink():
        assert threading.active_count() == 3
    assert threading.active_count() == 1
