"""The application: all routes, error answers, cross-origin access, security headers."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Flask

from ztdx_spot.api.admin import admin_routes
from ztdx_spot.api.context import ApiContext
from ztdx_spot.api.cors import allow_cross_origin
from ztdx_spot.api.errors import register_errors
from ztdx_spot.api.health import health_routes
from ztdx_spot.api.keys import key_routes
from ztdx_spot.api.login import login_routes
from ztdx_spot.api.operation import BASE_PATH
from ztdx_spot.api.reference import reference_routes
from ztdx_spot.api.security_headers import secure_answers
from ztdx_spot.api.spot import spot_routes
from ztdx_spot.api.wallet import wallet_routes
from ztdx_spot.config import ApiSettings
from ztdx_spot.ledger.database import Database
from ztdx_spot.ports import Clock, Entropy

__all__ = ["BASE_PATH", "create_app"]

BODY_BYTES_MAX = 64 * 1024


def create_app(
    settings: ApiSettings,
    environment: Mapping[str, str],
    clock: Clock,
    entropy: Entropy,
    database: Database,
) -> Flask:
    """A WSGI application that answers one request at a time, on the thread that calls it."""
    app = Flask("ztdx_spot", static_folder=None, template_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = BODY_BYTES_MAX
    # Without a preflight, OPTIONS is a method like any other that a path does not take.
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    # A path with a doubled slash inside is unknown, like any other, and not a redirect.
    app.url_map.merge_slashes = False
    context = ApiContext(settings, environment, clock, entropy, database)
    for make_routes in (
        login_routes,
        key_routes,
        spot_routes,
        admin_routes,
        wallet_routes,
        health_routes,
    ):
        app.register_blueprint(make_routes(context))
    app.register_blueprint(reference_routes())
    register_errors(app)
    allow_cross_origin(app, settings.cors_allowed_origins)
    secure_answers(app)
    return app
