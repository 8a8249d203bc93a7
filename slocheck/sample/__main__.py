"""`python -m slocheck.sample`: the video shop on fixed ports until ^C, to play with by hand.

A webhook receiver and a mail server listen beside it, on the ports that the suite names, and show what arrives.
"""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from slocheck.core.errors import UserError
from slocheck.sample import Sample, run_in_thread
from slocheck.sample.limiter import Limit
from slocheck.sample.sinks import Hook, Mail, MailSink, WebhookSink

FOLDER = Path(".slocheck") / "sample"


def serve(ports: Sequence[int], limit: Limit) -> int:
    """Runs everything until it is interrupted, and says how to use it; `ports` are HTTP, HTTPS, webhook, mail.

    Returns the exit code.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with ExitStack() as stack:
            sample = stack.enter_context(run_in_thread(FOLDER, port=ports[0], tls_port=ports[1], limit=limit))
            for sink in (WebhookSink(ports[2], _show), MailSink(ports[3], _show)):
                stack.enter_context(sink)
            print(_greeting(sample), flush=True)
            threading.Event().wait()
    except KeyboardInterrupt:
        return 130
    except UserError as error:
        print(f"slocheck: error: {error}\nslocheck: hint: {error.hint} (--help)", file=sys.stderr)
    except OSError as error:
        print(f"slocheck: error: {FOLDER}: {error.strerror}", file=sys.stderr)
        print("slocheck: hint: start it in a folder that you may write to", file=sys.stderr)
    return 2


def _show(message: Hook | Mail) -> None:
    kind, title = ("mail", message.subject) if isinstance(message, Mail) else ("webhook", message.title)
    print(f"{kind}: {title}", flush=True)


def _greeting(sample: Sample) -> str:
    return f"""\
The video shop is open at {sample.url} and {sample.tls_url}; ^C ends it.
Messages that arrive are shown here. In another terminal:
  slocheck run                        ask every check of checks.yaml once
  curl -X PUT {sample.url}/faults -d '{{"errors": 0.5}}'
                                      break it; also "latency_ms": 600, "truncated": 1, "database": "down"
  curl -X DELETE {sample.url}/faults
                                      mend it
  export SHOP_TLS=true SHOP_CA="$PWD/{sample.ca_file}"
                                      watch it over TLS as well"""


def main(args: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m slocheck.sample", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--port", type=int, default=8088, help="HTTP (default 8088)")
    parser.add_argument("--tls-port", type=int, default=8443, help="HTTPS (default 8443)")
    parser.add_argument("--capacity", type=int, default=Limit().capacity, help="requests a client may send at once (default 1000)")
    parser.add_argument("--rate", type=float, default=Limit().per_second, help="and per second from then on (default 500)")
    parser.add_argument("--hook-port", type=int, default=8089, help="the webhook receiver (default 8089)")
    parser.add_argument("--mail-port", type=int, default=8025, help="the mail server (default 8025)")
    chosen = parser.parse_args(args)
    if chosen.capacity < 1 or chosen.rate <= 0:
        parser.error("--capacity is at least 1 and --rate above 0")
    ports = (chosen.port, chosen.tls_port, chosen.hook_port, chosen.mail_port)
    return serve(ports, Limit(capacity=chosen.capacity, per_second=chosen.rate))


if __name__ == "__main__":
    sys.exit(main())
