"""prometheus-blackbox-exporter as a process of its own, and what it says of one probe."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

NAME = "prometheus-blackbox-exporter"
WHY_NOT = f"skipped: {NAME} is not installed (Debian: apt-get install {NAME})"


def is_here() -> bool:
    return shutil.which(NAME) is not None


class Blackbox:
    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        self.process = process
        self.port = port

    def get(self, path: str) -> bytes:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}") as answer:
            body: bytes = answer.read()
            return body

    def cpu_ms(self) -> float:
        """User and system time of its process so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) * 1000 / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def running(folder: str, ca: str) -> Iterator[Blackbox]:
    """With the modules `http` and `tls`; GOMAXPROCS=1, as a probe of ours has one core."""
    config = Path(folder, "blackbox.yml")
    config.write_text(
        "modules:\n  http: {prober: http, timeout: 20s}\n"
        f"  tls: {{prober: http, timeout: 20s, http: {{tls_config: {{ca_file: '{ca}'}}}}}}\n",
    )
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    process = subprocess.Popen(
        [NAME, f"--config.file={config}", f"--web.listen-address=127.0.0.1:{port}"], env={**os.environ, "GOMAXPROCS": "1"},
        stderr=subprocess.DEVNULL,
    )
    blackbox = Blackbox(process, port)
    try:
        for _ in range(100):
            with contextlib.suppress(OSError):
                blackbox.get("/-/healthy")
                break
            time.sleep(0.05)
        yield blackbox
    finally:
        process.terminate()
        process.wait()


def read(metrics: str) -> tuple[float, float]:
    """(processing, whole probe) in seconds. Raises ValueError if the probe failed."""
    if "\nprobe_success 1" not in metrics:
        raise ValueError("a probe of blackbox_exporter failed")
    processing = re.search(r'probe_http_duration_seconds\{phase="processing"\} (\S+)', metrics)
    whole = re.search(r"\nprobe_duration_seconds (\S+)", metrics)
    assert processing
    assert whole
    return float(processing[1]), float(whole[1])
