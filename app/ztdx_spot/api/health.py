"""Health: whether the process answers, whether everything works, and figures for Prometheus."""

from __future__ import annotations

import logging
import sqlite3

from flask import Blueprint, Response

from ztdx_spot.api import answers, readiness
from ztdx_spot.api.answers import Readiness, json_answer
from ztdx_spot.api.context import ApiContext
from ztdx_spot.api.operation import BASE_PATH, Operation, Text
from ztdx_spot.errors import DatabaseBusyError
from ztdx_spot.ledger import listener_status

logger = logging.getLogger(__name__)

LIVENESS_PATHS = ("/health", f"{BASE_PATH}/spot/health")
"""They touch no database, so they may be answered on any thread."""
METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"

OPERATIONS = (
    Operation(
        name="getSpotHealth",
        method="get",
        path=LIVENESS_PATHS[1],
        room="health",
        summary="Whether the process answers",
        description="200 as long as it does; what works behind it is `/readyz`.",
        answers={200: answers.Liveness},
        codes=("internal",),
    ),
    Operation(
        name="getHealth",
        method="get",
        path=LIVENESS_PATHS[0],
        room="health",
        summary="Whether the process answers",
        description="The same at the root.",
        answers={200: answers.Liveness},
        codes=("internal",),
    ),
    Operation(
        name="getReadiness",
        method="get",
        path="/readyz",
        room="health",
        summary="Whether listener and ledger work",
        description="503 while anything is missing: a listener that was to be there has not"
        " reported, has stopped, gets no answers or makes no progress; the node is behind the"
        " cursor; a balance is below zero; the database does not answer. Warnings stay 200.",
        answers={200: answers.Readiness, 503: answers.Readiness},
        codes=("internal",),
    ),
    Operation(
        name="getMetrics",
        method="get",
        path="/metrics",
        room="health",
        summary="Figures for Prometheus",
        description="Read from one snapshot of the database at every request.",
        answers={200: Text("text/plain", "Prometheus text format.")},
        codes=("internal",),
    ),
)


def health_routes(context: ApiContext) -> Blueprint:
    routes = Blueprint("health", __name__)

    @routes.get(LIVENESS_PATHS[0])
    @routes.get(LIVENESS_PATHS[1])
    def live() -> Response:
        return json_answer(answers.Liveness())

    @routes.get("/readyz")
    def ready() -> Response:
        verdict = _verdict(context)
        return json_answer(verdict, 200 if verdict.ready else 503)

    @routes.get("/metrics")
    def metrics() -> Response:
        # Prometheus' own library, loaded when it is first asked for: the API starts without it.
        from ztdx_spot.api.metrics import exposition, read_figures

        watched = context.settings.listener
        with context.database.read() as transaction:
            figures = read_figures(transaction, watched.chain_id)
        verdict = readiness.judge(watched, figures.traces, context.now_s())
        return Response(exposition(figures, verdict), content_type=METRICS_TYPE)

    return routes


def _verdict(context: ApiContext) -> Readiness:
    watched = context.settings.listener
    try:
        with context.database.read() as transaction:
            traces = listener_status.read_traces(transaction, watched.chain_id)
    except (sqlite3.Error, DatabaseBusyError) as error:
        logger.error("the database cannot be read: %s", error)
        return readiness.unreadable()
    return readiness.judge(watched, traces, context.now_s())
