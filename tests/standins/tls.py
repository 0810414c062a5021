"""A certificate for this machine, made for one run."""

from __future__ import annotations

import atexit
import shutil
import ssl
import subprocess
from functools import cache
from pathlib import Path
from tempfile import mkdtemp


@cache
def certificate() -> Path:
    """A file with a key and a self-signed certificate for 127.0.0.1."""
    if not shutil.which("openssl"):
        raise RuntimeError("The tests need openssl: apt-get install openssl.")
    folder = Path(mkdtemp(prefix="oneclick-tls-"))
    key, signed, both = (folder / name for name in ("key.pem", "signed.pem", "both.pem"))
    subprocess.run(
        [
            *(
                "openssl",
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:prime256v1",
            ),
            *("-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"),
            *("-addext", "subjectAltName=IP:127.0.0.1"),
            *("-keyout", str(key), "-out", str(signed)),
        ],
        check=True,
        capture_output=True,
    )
    both.write_text(key.read_text() + signed.read_text())
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return both


def server_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate())
    return context
