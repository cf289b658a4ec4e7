"""The reference page: it is there, whole, and asks nobody else for anything."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ztdx_spot.api.errors import CODES
from ztdx_spot.api.reference import ALL_OPERATIONS, PAGE_FILES
from ztdx_spot.auth.signatures import is_authentic, read_signed_request

from .api_client import Api
from .documented_answers import DOCUMENT


def text(api: Api, path: str) -> str:
    answer = api.client().get(path)
    assert answer.status_code == 200
    return answer.get_data(as_text=True)


@pytest.mark.parametrize("path", PAGE_FILES)
def test_each_file_has_its_type_and_may_only_load_from_here(api: Api, path: str) -> None:
    answer = api.client().get(path)
    assert answer.mimetype == PAGE_FILES[path][1]
    policy = answer.headers["Content-Security-Policy"]
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy


@pytest.mark.parametrize("path", PAGE_FILES)
def test_nothing_comes_from_another_host(api: Api, path: str) -> None:
    assert re.findall(r"(?:https?:)?//[a-z]", text(api, path)) == []


def test_the_page_links_its_own_files_and_runs_no_inline_script(api: Api) -> None:
    page = text(api, "/docs")
    linked = re.findall(r'(?:href|src)="([^"#:]+)"', page)
    assert {f"/{name}" for name in linked} == {*PAGE_FILES, "/openapi.json"} - {"/docs"}
    assert re.findall(r"<script(?![^>]*src=)|<style|\son\w+=|style=", page) == []
    assert 'name="viewport"' in page


def test_texts_of_the_document_cannot_become_markup(api: Api) -> None:
    script = text(api, "/docs/page.js")
    for way in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
        assert way not in script


@pytest.mark.skipif(shutil.which("node") is None, reason="needs Node")
class TestScript:
    """The script itself, in Node, on just as much of a document tree as it uses."""

    def run(self, api: Api, folder: Path, api_key: str = "") -> dict[str, Any]:
        (folder / "page.js").write_text(text(api, "/docs/page.js"), "utf-8")
        (folder / "openapi.json").write_text(text(api, "/openapi.json"), "utf-8")
        command = [
            "node",
            str(Path(__file__).with_name("reference_page.mjs")),
            str(folder),
            api_key,
        ]
        done = subprocess.run(command, capture_output=True, check=False, text=True, timeout=20)
        assert done.returncode == 0, done.stderr
        return dict(json.loads(done.stdout))

    def test_every_operation_and_schema_is_shown(self, api: Api, tmp_path: Path) -> None:
        shown = self.run(api, tmp_path)
        assert shown["title"] == "ZTDX spot deposits: API reference"
        for path, operations in DOCUMENT["paths"].items():
            for method, operation in operations.items():
                assert f"{method.upper()}{path}" in shown["contents"]
                assert operation["summary"] in shown["operations"]
        for code in CODES:
            answered = any(code in operation.codes for operation in ALL_OPERATIONS)
            assert (code in shown["operations"]) is answered
        for name in DOCUMENT["components"]["schemas"]:
            assert name in shown["schemas"]

    def test_a_token_or_the_admin_key_goes_where_it_is_asked_for(
        self, api: Api, tmp_path: Path
    ) -> None:
        sent = self.run(api, tmp_path)["sent"]
        assert sent["listDeposits"] == {
            "url": "/api/v1/spot/deposits?limit=5",
            "method": "GET",
            "headers": {"Authorization": "Bearer T"},
        }
        credit = sent["creditBalance"]
        assert credit["headers"]["X-API-Key"] == "A"
        assert api.credit(credit["body"]).status_code == 200
        assert sent["getHealth"] == {"url": "/health", "method": "GET", "headers": {}}

    def test_with_an_api_key_the_request_is_signed_as_the_server_wants_it(
        self, api: Api, tmp_path: Path
    ) -> None:
        change = self.run(api, tmp_path, "K")["sent"]["changeApiKey"]
        assert change["headers"] == {"Content-Type": "application/json", "X-MBX-APIKEY": "K"}
        path, _, query = change["url"].partition("?")
        assert path == "/api/v1/api-keys/5"
        signed = read_signed_request(query.encode(), change["body"].encode())
        assert signed is not None
        assert is_authentic(signed, "S", signed.timestamp_ms)
