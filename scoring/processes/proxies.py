"""What proxies before a program say of a request: believed as far as the settings count them."""

from __future__ import annotations

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from scoring.settings import BehindProxies


def believe_proxies(app: Flask, settings: BehindProxies) -> None:
    """Take address, scheme, host and prefix of a request from that many proxies' headers."""
    if settings.has_proxy:
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]  # as Flask's documentation does it
            app.wsgi_app,
            x_for=settings.forwarded_for,
            x_proto=settings.forwarded_proto,
            x_host=settings.forwarded_host,
            x_prefix=settings.forwarded_prefix,
        )
