"""The command line as a person or a script meets it."""

import json
import os
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ct_components.ledger import open_ledger
from ct_pipelines.cli import VERBS

KFP_CT = Path(sys.executable).with_name("kfp-ct")
HEAVY = ("kfp", "mlflow", "pydantic", "numpy", "pandas", "sklearn", "sqlalchemy", "pyarrow", "rich", "yaml")


@pytest.fixture
def call(tmp_path):
    def run(*arguments, **environment):
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("KFP_CT", "MLFLOW"))
        }
        return subprocess.run(
            [KFP_CT, *map(str, arguments)],
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
            cwd=tmp_path,
            env={**kept, "KFP_CT_HOME": str(tmp_path / "state"), **environment},
        )

    return run


def test_help_imports_no_library():
    script = (
        "import sys; sys.argv = ['kfp-ct', '--help']\n"
        "from ct_pipelines.cli import main\n"
        "try: main()\n"
        f"finally: print([name for name in {HEAVY} if name in sys.modules], file=sys.stderr)"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)

    assert ended.returncode == 0
    assert ended.stderr.strip() == "[]"


def test_help_lists_verbs_and_exit_codes(call):
    ended = call("--help")

    assert ended.returncode == 0
    for verb, line in VERBS.items():
        assert re.search(rf"^  {verb} +{re.escape(line)}$", ended.stdout, re.MULTILINE)
    for code in (0, 1, 2, 10, 11, 12, 13, 14, 15, 20, 75):
        assert re.search(rf"(^|\s){code}  \w", ended.stdout)


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("option", ["--help", "-h"])
def test_a_verbs_help_shows_an_example(call, verb, option):
    ended = call(verb, option)

    assert ended.returncode == 0
    assert re.search(rf"Examples?:\s+kfp-ct {verb}", ended.stdout)


def test_no_verb_shows_the_help(call):
    ended = call()

    assert "Commands:" in ended.stdout + ended.stderr
    assert ended.returncode == 2


def test_version(call):
    ended = call("--version")

    assert ended.returncode == 0
    assert re.fullmatch(r"kfp-ct, version \d\S+\n", ended.stdout)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["rum"], "No such command 'rum'"),
        (["run"], "Missing argument 'SPEC'"),
        (["run", "x.yaml", "--reason", "mood"], "'mood' is not one of"),
        (["run", "x.yaml", "--nope"], "No such option"),
        (["compile", "x.yaml"], "SPEC, --image and --caching need --output"),
    ],
)
def test_a_misuse_exits_with_2_and_one_message(call, arguments, said):
    ended = call(*arguments)

    assert ended.returncode == 2
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_verb_that_was_misspelt_is_suggested(call):
    assert "'history'" in call("histroy").stderr


def test_schema_prints_json(call):
    ended = call("schema")

    assert ended.returncode == 0
    assert json.loads(ended.stdout)["title"]


def test_compile_writes_where_it_is_told_and_says_so(call, tmp_path):
    ended = call("compile", "-o", tmp_path / "new folder" / "p.yaml")

    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.strip() == str(tmp_path / "new folder" / "p.yaml")
    assert (tmp_path / "new folder" / "p.yaml").read_text().startswith("# PIPELINE DEFINITION")


def test_compile_says_where_it_cannot_write(call, tmp_path):
    (tmp_path / "file").write_text("in the way")

    ended = call("compile", "-o", tmp_path / "file" / "p.yaml")

    assert ended.returncode == 10
    assert re.fullmatch(r"error: output: '.*file/p\.yaml' cannot be written: .+\n", ended.stderr)


def test_compile_refuses_a_wrong_spec(call, tmp_path):
    (tmp_path / "m.yaml").write_text("model: Shop")

    ended = call("compile", tmp_path / "m.yaml", "-o", tmp_path / "p.yaml")

    assert ended.returncode == 10
    assert ended.stderr.startswith("error: ")
    assert not (tmp_path / "p.yaml").exists()


@pytest.mark.parametrize("arguments", [[], ["--json"], ["shop"]])
def test_history_without_a_ledger_says_where_it_looked(call, tmp_path, arguments):
    ended = call("history", *arguments)

    assert ended.returncode == 14
    assert f"there is no ledger at {tmp_path / 'state' / 'ledger.db'}" in ended.stderr
    assert not (tmp_path / "state").exists()


def test_history_of_an_empty_ledger(call, tmp_path):
    url = f"sqlite:///{tmp_path / 'l.db'}"

    assert json.loads(call("history", "--json", KFP_CT_LEDGER_URL=url).stdout) == {
        "triggers": [],
        "runs": [],
        "candidates": [],
        "promotions": [],
        "looks": [],
    }
    shown = call("history", KFP_CT_LEDGER_URL=url).stdout
    kinds = ["Triggers", "Looks", "Runs", "Candidates", "Champions"]
    assert shown.split("\n")[1::2] == [f"{kind}: none" for kind in kinds]
    unknown = call("history", "shop", KFP_CT_LEDGER_URL=url)
    assert unknown.returncode == 14
    assert unknown.stderr == "error: the ledger knows no model 'shop'; it knows: none\n"


def test_a_reader_that_stops_early_is_no_error():
    with subprocess.Popen([KFP_CT, "schema"], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        said = process.stderr.read()
        process.wait()

    assert said == b""
    assert process.returncode in {1, 141}


def test_half_a_character_is_refused_before_anything_is_written(call):
    ended = call("rollback", "shop", "--note", "caf\udce9")

    assert (ended.returncode, ended.stdout) == (2, "")
    assert "Error: 'caf?' is no text in UTF-8" in ended.stderr


def test_a_note_forges_no_row_of_history_and_moves_no_cursor(call, tmp_path):
    url = f"sqlite:///{tmp_path}/ledger.db"
    ledger = open_ledger(url)
    ledger.record_promotion("shop", "1", previous=None, run_id=None, kind="manual", note="a\n\x1b[31mb")

    assert call("history", "shop", KFP_CT_LEDGER_URL=url).stdout.rstrip().endswith("manual  a [31mb")
    shown = call("champion", "shop", "--at", f"{datetime.now(UTC).isoformat()}", KFP_CT_LEDGER_URL=url)
    assert shown.stdout.splitlines()[-1] == "  note: a [31mb"
