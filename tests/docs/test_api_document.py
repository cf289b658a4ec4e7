"""docs/api.md: its endpoints, errors and headers are the API's, and its examples run in order."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.live.api_thread import serve_api
from ztdx_spot.api.cors import ALLOWED_HEADERS
from ztdx_spot.api.errors import CODES
from ztdx_spot.api.metrics import exposition, read_figures
from ztdx_spot.api.readiness import judge
from ztdx_spot.api.reference import document_text
from ztdx_spot.api.security_headers import HEADERS
from ztdx_spot.config import ApiSettings, WatchedListener
from ztdx_spot.edges import WallClock
from ztdx_spot.ledger import listener_status
from ztdx_spot.ledger.api_keys import KEYS_PER_USER_MAX, LABEL_LENGTH_MAX
from ztdx_spot.ledger.database import Database, open_connection
from ztdx_spot.ledger.migrations import prepare_schema

TEXT = (Path(__file__).parents[2] / "docs" / "api.md").read_text("utf-8")
DOCUMENT: dict[str, Any] = json.loads(document_text())
ENDPOINTS = {
    f"{method.upper()} {path}"
    for path, operations in DOCUMENT["paths"].items()
    for method in operations
}
EXAMPLES = re.findall(r"^```sh\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
SECTIONS = dict(re.findall(r"^### ([A-Z]+ /\S*)\n(.*?)(?=^##|\Z)", TEXT, re.MULTILINE | re.DOTALL))
COMMAND_S = 30


def test_every_endpoint_has_a_row_and_a_section_and_no_other_has() -> None:
    rows = set(re.findall(r"^\| `([A-Z]+ /\S*)` \|", TEXT, re.MULTILINE))
    assert rows == ENDPOINTS
    assert set(SECTIONS) == ENDPOINTS


@pytest.mark.parametrize("endpoint", sorted(ENDPOINTS))
def test_every_section_has_an_example(endpoint: str) -> None:
    assert "curl -s" in SECTIONS[endpoint]


def test_every_error_code_has_a_row_with_its_status_and_no_other_has() -> None:
    rows = set(re.findall(r"^\| (\d+) \| `(\w+)` \|", TEXT, re.MULTILINE))
    assert rows == {(str(code.status), name) for name, code in CODES.items()}
    declared = DOCUMENT["components"]["schemas"]["Error"]["properties"]["error"]["enum"]
    assert {name for _, name in rows} == set(declared)


def test_no_other_code_is_named_in_the_text() -> None:
    named = set(re.findall(r"`([A-Z]+_[A-Z_]+|DISABLED)`", TEXT))
    settings = {name for name in named if name.startswith(("SPOT_", "JWT_", "CORS_"))}
    settings |= {"TESTNET_ONLY", "ADMIN_API_KEY", "CHAIN_ID", "VAULT_ADDRESS"}
    assert named - settings - set(CODES) == set()


def test_every_member_and_parameter_of_a_request_is_named() -> None:
    for path, operations in DOCUMENT["paths"].items():
        for method, operation in operations.items():
            names = [p["name"] for p in operation["parameters"] if p["in"] != "path"]
            if "requestBody" in operation:
                content = operation["requestBody"]["content"]["application/json"]
                schema = content["schema"]["$ref"].rpartition("/")[2]
                names += DOCUMENT["components"]["schemas"][schema]["properties"]
            for name in names:
                assert f"`{name}`" in TEXT, f"{name} of {method} {path}"


@pytest.mark.parametrize("endpoint", ["GET /api/v1/spot/deposits", "GET /readyz"])
def test_every_member_of_these_answers_is_named_in_its_section(endpoint: str) -> None:
    schemas = DOCUMENT["components"]["schemas"]
    wanted = {
        "GET /api/v1/spot/deposits": schemas["Deposit"]["properties"],
        "GET /readyz": schemas["Readiness"]["properties"] | schemas["ListenerState"]["properties"],
    }[endpoint]
    assert {name for name in wanted if f"`{name}`" not in SECTIONS[endpoint]} == set()


def test_every_header_is_named() -> None:
    for name in [*HEADERS, *ALLOWED_HEADERS.split(", ")]:
        assert f"`{name}" in TEXT, name


def test_the_limits_are_the_real_ones() -> None:
    assert f"at most {LABEL_LENGTH_MAX} characters" in TEXT
    assert f"at most {KEYS_PER_USER_MAX} keys" in TEXT


def test_every_figure_of_metrics_is_named(tmp_path: Path) -> None:
    connection = open_connection(tmp_path / "spot.db", synchronous="OFF")
    database = Database(connection, WallClock())
    prepare_schema(database)
    with database.write() as transaction:
        listener_status.record(
            transaction,
            97,
            head_block=1,
            succeeded_at=1,
            failed_polls=0,
            trouble=None,
            halted=False,
            now_s=1,
        )
        transaction.execute(
            "INSERT INTO spot_block_sync_state"
            " (chain_id, event_type, last_processed_block, updated_at) VALUES (97, 'deposit', 1, 1)"
        )
        figures = read_figures(transaction, 97)
    connection.close()
    text = exposition(figures, judge(WatchedListener(), figures.traces, 1)).decode()
    names = set(re.findall(r"^(ztdx_spot_\w+)", text, re.MULTILINE))
    assert len(names) == 12
    for name in names:
        short = name.replace("ztdx_spot_listener_", "…_")
        assert f"`{name}`" in TEXT or f"`{short}`" in TEXT, name


@pytest.mark.skipif(
    shutil.which("curl") is None or shutil.which("openssl") is None, reason="needs curl, openssl"
)
def test_the_examples_run_from_top_to_bottom(tmp_path: Path) -> None:
    """In one shell, as written but for the address; every request must be answered with success."""
    settings = ApiSettings(
        jwt_secret="local-development-secret-of-32-characters", admin_api_key="local-admin-key"
    )
    program = tmp_path / ".venv" / "bin" / "python"
    program.parent.mkdir(parents=True)
    program.symlink_to(sys.executable)
    with serve_api(tmp_path / "spot.db", settings, {"TESTNET_ONLY": "true"}) as served:
        script = 'curl() { command curl --fail-with-body "$@"; }\n' + "".join(EXAMPLES)
        assert "http://127.0.0.1:8080" in script
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script.replace("http://127.0.0.1:8080", served.url)],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            check=False,
            text=True,
            timeout=COMMAND_S,
        )
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    answers = [json.loads(line) for line in lines if line.startswith(("{", "["))]
    assert answers.count([]) == 2
    assert answers.count({"ok": True}) == 2
    assert answers.count({"status": "ok"}) == 2
    assert any(answer == {"balances": []} for answer in answers)
    assert "ztdx_spot_ready 1.0" in lines
    assert json.loads((tmp_path / "openapi.json").read_text("utf-8")) == DOCUMENT
    assert (tmp_path / "docs.html").read_text("utf-8").startswith("<!doctype html>")
