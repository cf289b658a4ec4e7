"""The application: routes under `/api/v1`, error answers, cross-origin access."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Flask
from flask.json.provider import DefaultJSONProvider

from ztdx_spot.api.admin import admin_routes
from ztdx_spot.api.context import ApiContext
from ztdx_spot.api.cors import allow_cross_origin
from ztdx_spot.api.errors import register_errors
from ztdx_spot.api.spot import spot_routes
from ztdx_spot.config import ApiSettings
from ztdx_spot.ledger.database import Database
from ztdx_spot.ports import Clock, Entropy

BASE_PATH = "/api/v1"
BODY_BYTES_MAX = 64 * 1024


class DocumentedOrderProvider(DefaultJSONProvider):
    """Members of an answer stand in the order of the documents."""

    sort_keys = False


class SpotApp(Flask):
    json_provider_class = DocumentedOrderProvider


def create_app(
    settings: ApiSettings,
    environment: Mapping[str, str],
    clock: Clock,
    entropy: Entropy,
    database: Database,
) -> Flask:
    """A WSGI application that answers one request at a time, on the thread that calls it."""
    app = SpotApp("ztdx_spot", static_folder=None, template_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = BODY_BYTES_MAX
    # A path with a doubled slash is unknown, like any other, and not a redirect.
    app.url_map.merge_slashes = False
    context = ApiContext(settings, environment, clock, entropy, database)
    app.register_blueprint(spot_routes(context), url_prefix=BASE_PATH)
    app.register_blueprint(admin_routes(context), url_prefix=BASE_PATH)
    register_errors(app)
    allow_cross_origin(app, settings.cors_allowed_origins)
    return app
