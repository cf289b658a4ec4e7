"""The artifacts the harness ships, and the command that keeps them in step with the sources."""

import json
import subprocess
import sys

import artifacts
import pytest


@pytest.fixture
def files(compiled, monkeypatch, tmp_path):
    """What the folder has to hold, with the folder in a place a test may spoil."""
    monkeypatch.setattr(artifacts, "compile_contracts", lambda: compiled)
    expected = {
        tmp_path / path.name: content for path, content in artifacts.artifact_files().items()
    }
    monkeypatch.setattr(artifacts, "artifact_files", lambda: expected)
    monkeypatch.setattr(artifacts, "ARTIFACTS", tmp_path)
    monkeypatch.setattr(artifacts, "ROOT", tmp_path)
    artifacts.write()
    return expected


def test_artifacts_match_sources():
    """By the command itself, in a process of its own."""
    finished = subprocess.run(
        [sys.executable, "contracts/artifacts.py", "check"],
        cwd=artifacts.ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (finished.returncode, finished.stdout) == (0, ""), finished.stderr


def test_an_artifact_holds_what_the_harness_reads(files, compiled):
    contents = {path.stem: json.loads(content) for path, content in files.items()}
    assert set(contents) == set(artifacts.RAISED_BY)
    for name, artifact in contents.items():
        assert artifact["contractName"] == name
        assert (artifacts.SOURCES.parent / artifact["sourcePath"]).stem == name
        assert artifact["compiler"] == {
            "name": "vyper",
            "version": "0.4.3",
            "evmVersion": "cancun",
        }
        assert artifact["bytecode"] == str(compiled[name].deployment_bytecode.bytecode)
        assert artifact["deployedBytecode"] == str(compiled[name].runtime_bytecode.bytecode)
        errors = [entry["name"] for entry in artifact["abi"] if entry["type"] == "error"]
        assert errors == sorted(artifacts.RAISED_BY[name])


def test_an_error_entry_names_its_arguments():
    entry = next(
        entry
        for entry in artifacts.error_entries("DFToken")
        if entry["name"] == "ERC20InsufficientBalance"
    )
    assert entry == {
        "type": "error",
        "name": "ERC20InsufficientBalance",
        "inputs": [
            {"name": "sender", "type": "address"},
            {"name": "balance", "type": "uint256"},
            {"name": "needed", "type": "uint256"},
        ],
    }


def test_check_accepts_what_write_wrote(files, capsys):
    capsys.readouterr()
    assert artifacts.check() == 0
    assert capsys.readouterr().out == ""


def test_check_names_each_artifact_that_differs(files, tmp_path, capsys):
    capsys.readouterr()
    (tmp_path / "DFToken.json").write_bytes((tmp_path / "DFToken.json").read_bytes() + b"\n")
    (tmp_path / "VaultClone.json").unlink()
    (tmp_path / "Forgotten.json").write_text("{}")
    assert artifacts.check() == 1
    assert capsys.readouterr().out.splitlines() == [
        "DFToken.json differs from its source; run `python contracts/artifacts.py write`",
        "VaultClone.json is missing; run `python contracts/artifacts.py write`",
        "Forgotten.json belongs to no contract; run `python contracts/artifacts.py write`",
    ]


def test_write_removes_an_artifact_without_a_contract(files, tmp_path):
    (tmp_path / "Forgotten.json").write_text("{}")
    artifacts.write()
    assert {path.name for path in tmp_path.iterdir()} == {path.name for path in files}


def test_another_compiler_is_refused_before_ape_looks_for_it(monkeypatch, capsys):
    monkeypatch.setattr(artifacts, "version", lambda _: "0.4.2")
    assert artifacts.main(["check"]) == 2
    assert capsys.readouterr().err == (
        "contracts/artifacts.py: vyper 0.4.3 is pinned in ape-config.yaml, installed is 0.4.2; "
        "run `pip install -r requirements/contracts.txt`\n"
    )


def test_a_contract_that_is_not_listed_is_refused(monkeypatch):
    monkeypatch.delitem(artifacts.RAISED_BY, "VaultClone")
    with pytest.raises(artifacts.CannotCompile, match="VaultClone is only in one of them"):
        artifacts.compile_contracts()
