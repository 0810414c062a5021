"""A server that nobody may reach, and over a hundred ways to spell its address."""

from __future__ import annotations

import socket
import threading
from types import TracebackType
from typing import Self

# {p} is the victim's port. Names that lead to loopback are the resolver's to find out.
LINKS = (
    *("http://127.0.0.2:{p}/", "http://127.1:{p}/", "http://127.0.1:{p}/x", "http://0:{p}/"),
    *("http://0.0.0.0:{p}/", "http://2130706434:{p}/", "http://0x7f000002:{p}/", "http://0x7f.2:{p}/"),
    *("http://0x7f.0x0.0x0.0x2:{p}/", "http://017700000002:{p}/", "http://0177.0.0.2:{p}/"),
    *("http://0177.0x0.0.2:{p}/", "http://127.0.0.2.:{p}/", "http://127.000.000.002:{p}/"),
    *("http://[::1]:{p}/", "http://[::]:{p}/", "http://[0:0:0:0:0:0:0:1]:{p}/", "http://[::ffff:127.0.0.2]:{p}/"),
    *("http://[::ffff:7f00:2]:{p}/", "http://[::127.0.0.2]:{p}/", "http://[64:ff9b::127.0.0.2]:{p}/"),
    *("http://[2002:7f00:2::]:{p}/", "http://[::1%25lo]:{p}/", "http://[fe80::1%25lo]:{p}/"),
    *("http://[0:0:0:0:0:ffff:127.0.0.2]:{p}/", "http://[::FFFF:7F00:0002]:{p}/", "http://[::1]:0{p}/"),
    *("http://localhost:{p}/", "http://LOCALHOST:{p}/", "http://localhost.:{p}/", "http://ip6-localhost:{p}/"),
    *("http://localhost.localdomain:{p}/", "http://a.localhost:{p}/", "http://127.0.0.2.nip.io:{p}/"),
    *("http://localtest.me:{p}/", "http://7f000002.7f000002.rbndr.us:{p}/", "http://spoofed.burpcollaborator.net:{p}/"),
    *("http://user@127.0.0.2:{p}/", "http://user:pass@127.0.0.2:{p}/", "http://huggingface.co@127.0.0.2:{p}/"),
    *("http://huggingface.co:443@127.0.0.2:{p}/", "http://127.0.0.2:{p}@huggingface.co/"),
    *("http://huggingface.co#@127.0.0.2:{p}/", "http://127.0.0.2:{p}#@huggingface.co/"),
    *("http://huggingface.co\\@127.0.0.2:{p}/", "http://127.0.0.2:{p}\\@huggingface.co/"),
    *("http://huggingface.co%00@127.0.0.2:{p}/", "http://127.0.0.2:{p}%2f@huggingface.co/"),
    *("http://huggingface.co%40127.0.0.2:{p}/", "http://127.0.0.2%3a{p}/", "http://127。0。0。2:{p}/"),
    *("http://①②⑦.⓪.⓪.②:{p}/", "http://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ:{p}/", "http://１２７.0.0.2:{p}/", "http://127.0.0.2\u200b:{p}/"),
    *("http://127.0.0.2:{p}/?x=huggingface.co", "http://127.0.0.2:{p}/huggingface.co/a/b"),
    *("//127.0.0.2:{p}/", "///127.0.0.2:{p}/", "////127.0.0.2:{p}//", "\\\\127.0.0.2:{p}\\x"),
    *("/\\127.0.0.2:{p}/", "\\/127.0.0.2:{p}/"),
    *("http:/127.0.0.2:{p}/", "http:127.0.0.2:{p}/", "http:///127.0.0.2:{p}/", "http://\t127.0.0.2:{p}/"),
    *("http://\n127.0.0.2:{p}/", "ht\ntp://127.0.0.2:{p}/", " http://127.0.0.2:{p}/", "\x00http://127.0.0.2:{p}/"),
    *("HTTP://127.0.0.2:{p}/", "hTTp://127.0.0.2:{p}/", "https://127.0.0.2:{p}/", "HTTPS://[::1]:{p}/"),
    *("ws://127.0.0.2:{p}/", "wss://127.0.0.2:{p}/", "ftp://127.0.0.2:{p}/", "gopher://127.0.0.2:{p}/_GET"),
    *("dict://127.0.0.2:{p}/", "ldap://127.0.0.2:{p}/", "tftp://127.0.0.2:{p}/", "git://127.0.0.2:{p}/a/b"),
    *("FILE:/etc/passwd", "redis://127.0.0.2:{p}/", "jar:http://127.0.0.2:{p}!/", "url:http://127.0.0.2:{p}/"),
    *("file:///etc/passwd", "file://localhost/etc/passwd", "file://127.0.0.2:{p}/"),
    *("data:text/html,<x>", "blob:http://127.0.0.2:{p}/", "unix:///var/run/docker.sock", "netdoc:///etc/passwd"),
    *("http://169.254.169.254/latest/meta-data/", "http://[fd00:ec2::254]/latest/", "http://0xa9fea9fe/"),
    *("http://metadata.google.internal/", "http://100.100.100.200/latest/", "http://192.0.0.192/opc/v2/"),
    *("http://168.63.129.16/machine", "http://10.0.0.1/", "http://192.168.0.1/", "http://172.17.0.1:2375/"),
    *("http://local\u00adhost:{p}/", "http://LOCALHO\u017fT:{p}/", "http://loc%61lhost:{p}/", "http://[127.0.0.2]:{p}/"),
    *("http://%31%32%37.0.0.2:{p}/", "http://127%2e0%2e0%2e2:{p}/", "http://127\uff0e0\uff0e0\uff0e2:{p}/"),
    *("http://00000177.0.0.2:{p}/", "http://6425673730:{p}/", "http://0x17f000002:{p}/", "http://127.0x2:{p}/"),
    *("http://[::ffff:0:127.0.0.2]:{p}/", "http://[64:ff9b:1::127.0.0.2]:{p}/", "http://[v1.127.0.0.2]:{p}/"),
    *("http://127.0.0.2;huggingface.co:{p}/", "http://127.0.0.2%00.huggingface.co:{p}/", "http://[::1].huggingface.co:{p}/"),
    *("http://127.0.0.2:{p}:443/", "http://huggingface.co:80:{p}@127.0.0.2/", "http://127.0.0.2:{p}\t.huggingface.co/"),
    *("https://huggingface.co/\r\nHost: 127.0.0.2:{p}\r\n\r\n", "http://127.0.0.2:{p}&@huggingface.co/"),
    *("http+unix://%2Fvar%2Frun%2Fdocker.sock/", "http://unix:/var/run/docker.sock:/", "view-source:http://127.0.0.2:{p}/"),
    *("http://169.254.170.2/v2/credentials", "http://[fd20:ce::254]/", "http://[fec0::1]/", "http://host.docker.internal:{p}/"),
    *("http://kubernetes.default.svc/", "http://[fd00::1]/", "http://100.64.0.1/", "http://255.255.255.255:{p}/"),
)  # fmt: skip


class Victim:
    """Listens on every address of this machine and counts who connects."""

    def __init__(self) -> None:
        self.visits = 0
        self._socket = socket.create_server(
            ("::", 0), family=socket.AF_INET6, dualstack_ipv6=True, backlog=64
        )
        self.port = int(self._socket.getsockname()[1])
        self._thread = threading.Thread(target=self._serve, daemon=True)

    @property
    def links(self) -> tuple[str, ...]:
        """Every spelling, with this victim's port."""
        return tuple(link.replace("{p}", str(self.port)) for link in LINKS)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()

    def _serve(self) -> None:
        while True:
            try:
                visitor, _ = self._socket.accept()
            except OSError:
                return
            self.visits += 1
            visitor.close()
