"""What each finding of the `tls` kind means, whom it hurts and how it is mended: the source of `explain tls.…`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from slocheck.core.model import FindingKind, Severity

_ALL = "every client"
_VERIFIERS = "every client that verifies certificates: browsers, curl, Python, Java, Go"


def _fail(means: str, who: str, mend: str) -> FindingKind:
    return FindingKind(severity=Severity.FAIL, means=means, who=who, mend=mend)


def _warn(means: str, who: str, mend: str) -> FindingKind:
    return FindingKind(severity=Severity.WARN, means=means, who=who, mend=mend)


def _info(means: str, who: str, mend: str) -> FindingKind:
    return FindingKind(severity=Severity.INFO, means=means, who=who, mend=mend)


def _told(name: str) -> dict[str, Any]:
    """How a finding is told as a warning: what ends soon or is dangerous is somebody's work, the rest is for who wants to know."""
    part = name.partition(".")[0]
    if name.endswith(".expiry_critical"):
        return {"told": "page", "stricter_than": f"tls.{part}.expiry_soon"}
    if part == "change":
        return {"told": "ticket", "is_event": True}
    is_work = name.endswith(".expiry_soon") or part in ("trust", "ari") or name in ("proto.ssl3_accepted", "cipher.broken")
    return {"told": "ticket"} if is_work else {}


_CONNECTION = {
    "conn.dns_error": _fail(
        "the name has no address, said by a resolver that answered", "everyone whose resolver sees the same",
        "restore the DNS record, or correct `host`",
    ),
    "conn.refused": _fail("nothing accepts connections at that address and port", _ALL, "start the server, or open its port"),
    "conn.reset": _fail(
        "the connection was reset before the handshake was done; the finding names the phase", _ALL,
        "look at the server's log, and at load balancers and firewalls before it",
    ),
    "conn.closed": _fail(
        "the server closed the connection before the handshake was done; the finding names the phase", _ALL,
        "look at the server's log: a worker that crashes, a limit of connections, a proxy without a backend",
    ),
    "conn.unreachable": _fail("a router says that the host cannot be reached", _ALL, "look at the host, its network and its routes"),
    "conn.timeout": _fail(
        "connection, STARTTLS and handshake together were not done within `timeout`; the finding names the phase", _ALL,
        "look for a dead host, a firewall that drops, or a server without CPU. Bytes that drip in do not extend the time",
    ),
    "conn.cannot_ask": _info(
        "this machine could not ask: its resolver, network, files or its own slowness are at fault",
        "only our figures: if no address could be asked, the outcome is unknown", "look at this machine: slocheck doctor",
    ),
    "addr.skipped": _info(
        "an address of a family (usually IPv6) for which this machine has no route was left out",
        "nobody; that address is not watched from here", "give this machine that network, or write `addresses` as a list",
    ),
    "conn.not_tls": _fail(
        "the server speaks something else than TLS on this port; the finding shows its first bytes", _ALL,
        "correct the port, turn TLS on, or set `starttls` where the protocol begins in clear text",
    ),
    "conn.handshake_failure": _fail(
        "the handshake ended with an alert, or what the server sent is no valid TLS",
        "clients with the versions and ciphers that are common now",
        "the alert names the cause: protocol_version and handshake_failure mean versions and ciphers, unrecognized_name that the name "
        "is not configured",
    ),
    "conn.client_cert_required": _fail(
        "the server ends connections without a client certificate that it accepts", "clients without such a certificate",
        "give `client_cert`; where the refusal is what you want, set `expect_client_cert: true`",
    ),
    "conn.client_cert_not_required": _fail(
        "`expect_client_cert` is set, but the server accepted a connection without a client certificate",
        "the server itself: anybody can connect", "require client certificates again (nginx: ssl_verify_client on)",
    ),
    "conn.starttls_refused": _fail(
        "the server does not offer to go on in TLS", "clients that insist on TLS; the others speak in clear text",
        "turn TLS on at the server (certificate and key), or correct `starttls`",
    ),
}

_LEAF = {
    "cert.expired": _fail("the certificate's notAfter has passed", _VERIFIERS, "renew it, then look why the renewal did not run"),
    "cert.not_yet_valid": _fail(
        "the certificate's notBefore is still to come", _VERIFIERS,
        "install a certificate that is valid now. If it is less than a day, look at the clock of this machine too: slocheck doctor",
    ),
    "cert.expiry_critical": _warn(
        "the certificate ends within the `critical` margin (default: 7 days, or 10 % of its lifetime if that is less)",
        "nobody yet; every client once it has ended", "renew now. ACME clients renew at a third of the lifetime: theirs does not run",
    ),
    "cert.expiry_soon": _warn(
        "the certificate ends within the `warn` margin (default: 21 days, or 25 % of its lifetime if that is less)", "nobody yet",
        "renew, or look why the renewal has not run: ACME clients renew at a third of the lifetime",
    ),
    "cert.hostname_mismatch": _fail(
        "no subject alternative name of the certificate fits the name that clients ask for; the CN does not count", _VERIFIERS,
        "issue a certificate with that name; if the server has one, SNI reaches the wrong virtual host",
    ),
    "cert.no_san": _fail(
        "the certificate has no subject alternative name; clients ignore the CN", _VERIFIERS,
        "issue it again with a subject alternative name",
    ),
    "cert.wrong_purpose": _fail(
        "the certificate may not be used for servers (extended key usage without serverAuth)", _VERIFIERS, "issue it for serverAuth",
    ),
    "cert.is_ca": _warn(
        "the certificate of the server says that it is a CA", "strict clients: Python 3.13 refuses it",
        "issue a leaf certificate (basicConstraints CA:FALSE)",
    ),
    "cert.weak_key": _fail(
        "a key of the path is below RSA 2048 or EC 256 bits", "current browsers and OpenSSL at its usual security level refuse it",
        "issue that certificate again with a larger key",
    ),
    "cert.weak_signature": _fail(
        "a certificate of the path is signed with MD5 or SHA-1", _VERIFIERS,
        "have it issued again with SHA-256; look which one the finding names",
    ),
    "cert.lifetime_too_long": _warn(
        "the certificate is valid for longer than allowed at its date: for public CAs the CA/Browser Forum's limit, for private ones "
        "825 days, Apple's limit (then only info)", "Apple's systems and Chrome refuse such certificates",
        "issue it for a shorter time, and automate its renewal",
    ),
    "cert.unreadable": _warn(
        "a part of a certificate cannot be read (fail where it is the names or the dates)", "strict clients",
        "issue it again with other software",
    ),
}

_CHAIN = {
    "chain.expiry_critical": _warn(
        "an intermediate of the path ends within the `critical` margin", "nobody yet; every client once it has ended",
        "install the newer intermediate of your CA, or renew the certificate",
    ),
    "chain.expiry_soon": _warn(
        "an intermediate of the path ends within the `warn` margin", "nobody yet",
        "install the newer intermediate of your CA, or renew the certificate",
    ),
    "chain.intermediate_expired": _fail(
        "an intermediate of the path has expired; the certificate itself may be in date", _VERIFIERS,
        "who maintains the chain file must install the newer intermediate of the CA",
    ),
    "chain.intermediate_not_yet_valid": _fail(
        "an intermediate of the path is not valid yet", _VERIFIERS,
        "install an intermediate that is valid now, or look at this machine's clock",
    ),
    "chain.anchor_expired": _fail(
        "the root that the path ends in has expired", "OpenSSL and what is built on it refuse; Java and Android ignore a root's dates",
        "move to a certificate under a root that is in date, or update `ca_file`",
    ),
    "chain.self_signed": _fail(
        "the certificate is signed by itself and nobody trusts it", _VERIFIERS,
        "have it issued by a CA; for a private service give `ca_file`, or pin its key with `pins`",
    ),
    "chain.untrusted_root": _fail(
        "the path ends in a root that is not in the trust store", _VERIFIERS, "use a public CA, or give the root of your own as `ca_file`",
    ),
    "chain.incomplete": _fail(
        "the server does not send an intermediate; we found it elsewhere, and with it the path is whole",
        "curl, Python, Java and most API clients fail; browsers may pass, because they fetch or remember intermediates",
        "install the full chain (certbot: fullchain.pem instead of cert.pem)",
    ),
    "chain.unknown_issuer": _fail(
        "nobody we know signed the last certificate of the path, and its issuer could not be found elsewhere", _VERIFIERS,
        "install the full chain; for a private CA give its root as `ca_file`",
    ),
    "chain.name_constraints": _fail(
        "a CA of the path is not allowed to sign for this name", _VERIFIERS,
        "have the certificate issued by a CA that may sign for the name",
    ),
    "chain.invalid": _fail(
        "OpenSSL rejects the path for another reason; the finding has its number and text", _VERIFIERS,
        "the text says which rule is broken: a signature, a path length, an issuer that is no CA",
    ),
    "chain.order": _info("the chain is not sent in order", "no client of today; very old ones", "put each issuer behind what it signed"),
    "chain.extra": _info(
        "the chain holds certificates that have nothing to do with it", "nobody; each handshake is larger",
        "remove them from the chain file",
    ),
    "chain.root_sent": _info(
        "the chain holds the root, which clients have already", "nobody; each handshake is larger", "remove it from the chain file",
    ),
    "chain.sent_expired_unused": _info(
        "the chain holds an expired certificate that the path does not need",
        "nobody now; clients of before 2020 may choose the wrong path",
        "remove it from the chain file",
    ),
    "chain.too_long": _warn(
        "more than 10 certificates are sent; only the first 10 were looked at", "embedded clients with small buffers",
        "send the path and nothing else",
    ),
    "pin.mismatch": _fail(
        "no key of the path is one of `pins`", "clients that pin the same keys",
        "if the key was changed on purpose, change the pins here and in the clients; if not, find out who answers",
    ),
    "trust.distrusted_root": _warn(
        "the path ends in a root that browsers no longer trust for certificates of this date",
        "users of the browsers that the finding names",
        "have the certificate issued by another CA",
    ),
    "ct.sct_missing": _warn(
        "a public certificate with too few signed certificate timestamps inside",
        "Chrome and Safari refuse it, unless they come by another way",
        "have it issued again; every public CA embeds them",
    ),
}

_PROTOCOL = {
    "proto.legacy_negotiated": _fail(
        "a current client gets TLS 1.1 or older", "browsers since 2020, and everything that follows RFC 8996, refuse it",
        "turn on TLS 1.2 and 1.3",
    ),
    "proto.no_tls13": _info("TLS 1.3 is not spoken", "nobody; handshakes take a round trip more", "turn on TLS 1.3"),
    "proto.ssl3_accepted": _warn("SSL 3.0 is accepted", "whoever can be forced down to it (POODLE)", "turn off SSL 3.0"),
    "proto.tls10_accepted": _warn(
        "TLS 1.0 is accepted (RFC 8996 forbids it)", "auditors; PCI DSS does not allow it", "allow TLS 1.2 and 1.3 only",
    ),
    "proto.tls11_accepted": _warn(
        "TLS 1.1 is accepted (RFC 8996 forbids it)", "auditors; PCI DSS does not allow it", "allow TLS 1.2 and 1.3 only",
    ),
    "cipher.broken": _warn(
        "broken cipher suites are accepted: NULL, anonymous, EXPORT, RC4, DES, 3DES or MD5 (fail where there is nothing else)",
        "whoever negotiates them; if there is nothing else, every current client is refused",
        "allow the suites of Mozilla's `intermediate` profile only",
    ),
    "cipher.no_forward_secrecy": _warn(
        "cipher suites without forward secrecy: who gets the key later can read what was recorded", "clients that negotiate them",
        "allow suites with ECDHE only",
    ),
    "cipher.cbc_only": _info(
        "no cipher suite with authenticated encryption (GCM, ChaCha20)", "nobody at once; CBC has a history of attacks",
        "turn on GCM or ChaCha20 suites",
    ),
    "kex.dh_small": _warn(
        "the Diffie-Hellman prime has less than 2048 bits", "clients that negotiate DHE (Logjam); current OpenSSL refuses 1024 bits",
        "use 2048 bits or more, or ECDHE only",
    ),
    "kex.pq_missing": _info(
        "the key exchange is not safe against quantum computers (X25519MLKEM768 is not chosen)",
        "traffic that is recorded now and must stay secret for years",
        "update the TLS library: OpenSSL 3.5, Go 1.24 and BoringSSL have it turned on",
    ),
    "profile.mozilla": _info(
        "versions, suites or groups are outside of Mozilla's `intermediate` profile", "nobody at once",
        "take over the profile from ssl-config.mozilla.org",
    ),
}

_REVOCATION = {
    "revocation.revoked": _fail(
        "the CA has revoked the certificate, by a signed list or response", "Firefox, Chrome and Safari, sooner or later",
        "replace the certificate, and ask the CA why: its key may have leaked",
    ),
    "revocation.must_staple_missing": _warn(
        "the certificate demands a stapled OCSP response, and the server sends none", "Firefox refuses the connection; others pass",
        "turn on OCSP stapling, or issue the certificate without must-staple",
    ),
    "revocation.staple_stale": _warn(
        "the stapled OCSP response has passed its nextUpdate", "Firefox refuses the connection; others ignore it",
        "look why the server cannot fetch a newer one, or turn off stapling",
    ),
    "revocation.staple_bad": _warn(
        "the stapled OCSP response is not for this certificate, not successful, or not signed by its CA",
        "Firefox refuses the connection; others ignore it",
        "look at the stapling of the server: file, issuer, clock",
    ),
    "revocation.unknown": _info(
        "the CA's revocation list could not be fetched or proves nothing", "nobody: trouble with a list is not a revocation",
        "nothing; if it lasts, ask the CA",
    ),
}

_CHANGE = {
    "change.renewed": _info(
        "the certificate was renewed: same organisation, no name lost, no weaker key, a later end", "nobody", "nothing",
    ),
    "change.alternating": _info(
        "a certificate that was replaced within the last week is served again", "nobody; behind one name old and new servers answer",
        "install the new certificate on every server",
    ),
    "change.issuer": _warn(
        "another organisation signed the new certificate", "clients that pin the CA",
        "if nobody changed the CA on purpose, find out who answers",
    ),
    "change.san_lost": _warn(
        "the new certificate lacks names that the old one had", "clients of these names", "issue it again with all names",
    ),
    "change.downgrade": _warn(
        "the key of the new certificate is weaker than the old one", "nobody at once", "issue it with a key as strong as before",
    ),
    "change.rollback": _warn(
        "the new certificate ends earlier than the old one", "nobody at once; an old certificate may have come back",
        "look which one the deployment installed",
    ),
    "addr.different_certs": _warn(
        "the addresses of the name serve different certificates (info while a change is being rolled out)", "clients see one or the other",
        "install the same certificate on every address",
    ),
    "addr.partial_failure": _fail(
        "some addresses of the name pass and others fail (warn with `addresses: any`)", "the share of clients that gets a bad address",
        "mend the addresses that the finding names, or take them out of DNS",
    ),
    "sni.default_vhost": _info(
        "without a server name the server shows a certificate for another name, and with the name the same one", "it explains a wrong name",
        "configure a virtual host for the name",
    ),
    "ari.window_passed": _warn(
        "the CA suggests to renew this certificate, and the suggested time is over (RFC 9773)",
        "every client, if it is about to be revoked",
        "renew now, and look why the ACME client did not",
    ),
}

_HTTP = {
    "http.hsts_missing": _warn(
        "no Strict-Transport-Security header over https", "first visits over http can be diverted", "send max-age=31536000",
    ),
    "http.hsts_short": _warn("Strict-Transport-Security lasts less than a year", "users who come seldom", "send max-age=31536000"),
    "http.hsts_not_preloadable": _info(
        "Strict-Transport-Security lacks includeSubDomains or preload", "nobody", "add both if the name shall be preloaded",
    ),
    "http.no_redirect": _warn(
        "port 80 answers, but does not redirect to https", "users who type the name", "answer with 301 to https, or close port 80",
    ),
    "http.redirect_via_other_host": _warn(
        "port 80 redirects to another host before https on the same", "HSTS of the name is never set for these users",
        "redirect to https on the same host first",
    ),
    "http.redirect_loses_path": _warn("the redirect from port 80 forgets the path", "old links over http", "keep the path in the redirect"),
}

FINDINGS: Mapping[str, FindingKind] = {
    f"tls.{name}": replace(known, **_told(name))
    for part in (_CONNECTION, _LEAF, _CHAIN, _PROTOCOL, _REVOCATION, _CHANGE, _HTTP) for name, known in part.items()
}
