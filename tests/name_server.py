"""A small name server on loopback, over UDP and TCP, that answers for TXT records what a test writes."""

from __future__ import annotations

import socketserver
import threading
from typing import Any

import dns.flags
import dns.message
import dns.rcode
import dns.rrset


class NameServer:
    """Answers from `records`: a name without its last dot to texts, or to a way of failing.

    A text may be a tuple of pieces, as long ones are sent. "cut" answers over UDP that the answer is too long, and in
    full over TCP; "broken" is a failure of the server, "silent" no answer at all. What isn't there is NXDOMAIN.
    """

    def __init__(self) -> None:
        self.records: dict[str, list[Any]] = {}
        self.ways: dict[str, str] = {}
        self.asked: list[tuple[str, str]] = []
        server = self

        class Datagram(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                asked, socket = self.request
                told = server.answer(asked, "udp")
                if told is not None:
                    socket.sendto(told, self.client_address)

        class Stream(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                size = int.from_bytes(self.rfile.read(2), "big")
                told = server.answer(self.rfile.read(size), "tcp") or b""
                self.wfile.write(len(told).to_bytes(2, "big") + told)

        self._udp = socketserver.ThreadingUDPServer(("127.0.0.1", 0), Datagram)
        self.port = self._udp.server_address[1]
        self._tcp = socketserver.ThreadingTCPServer(("127.0.0.1", self.port), Stream)
        self._threads = [threading.Thread(target=one.serve_forever) for one in (self._udp, self._tcp)]
        for thread in self._threads:
            thread.start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def answer(self, asked: bytes, over: str) -> bytes | None:
        """Return the answer to one question as bytes; None for none."""
        question = dns.message.from_wire(asked)
        name = question.question[0].name
        text = name.to_text(omit_final_dot=True)
        self.asked.append((over, text))
        way, told = self.ways.get(text), dns.message.make_response(question)
        if way == "silent":
            return None
        if way == "broken":
            told.set_rcode(dns.rcode.SERVFAIL)
        elif way == "cut" and over == "udp":
            told.flags |= dns.flags.TC
        elif text not in self.records:
            told.set_rcode(dns.rcode.NXDOMAIN)
        elif self.records[text]:
            rows = [(row,) if isinstance(row, str) else row for row in self.records[text]]
            quoted = [" ".join(f'"{piece}"' for piece in row) for row in rows]
            told.answer.append(dns.rrset.from_text(name, 60, "IN", "TXT", *quoted))
        return told.to_wire()

    def close(self) -> None:
        """Stop answering."""
        for one in (self._udp, self._tcp):
            one.shutdown()
            one.server_close()
        for thread in self._threads:
            thread.join()
