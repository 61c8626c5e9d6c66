"""TLS, as run.sh has set it up: with a certificate and its key in the environment, servers speak it. Clients
look into SSL_CERT_FILE themselves, all but curl."""

import os
import ssl

CA = os.environ.get("INTEROP_CA")
CERT, KEY = os.environ.get("INTEROP_CERT"), os.environ.get("INTEROP_KEY")
SCHEME = "wss" if CERT else "ws"
# A server whose certificate comes from an authority that nobody knows, if there is one.
STRANGER = os.environ.get("INTEROP_STRANGER")


def server_context():
    if not CERT:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERT, KEY)
    return context
