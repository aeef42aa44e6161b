"""Passwords are generated once; each group of services receives its secrets as files."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployments.secret_files import GROUPS, generate, install, read
from sightline.errors import InvalidSetting

ROOT = Path(__file__).resolve().parents[2]
ENTRYPOINT = ROOT / "docker" / "entrypoint.sh"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "secrets"
    folder.mkdir(mode=0o700)
    return folder


def env_file(folder: Path, *lines: str) -> Path:
    path = folder.parent / "test.env"
    path.write_text("\n".join(lines) + "\n")
    return path


def outputs(folder: Path) -> Path:
    output = folder.parent / "output"
    for group in GROUPS:
        (output / group).mkdir(parents=True, exist_ok=True)
    return output


def contents(output: Path) -> dict[str, dict[str, str]]:
    return {group: {path.name: path.read_text() for path in (output / group).iterdir()} for group in GROUPS}


def test_passwords_are_generated_once_and_the_login_is_announced_once(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    env = env_file(folder)
    revision = generate(env, folder)
    login = (folder / "PREFECT_API_AUTH_STRING").read_text()
    user, _, password = login.partition(":")
    assert user == "sightline"
    assert len(password) >= 20
    announced = capsys.readouterr()
    assert password in announced.err
    assert password not in announced.out
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}

    assert generate(env, folder) == revision
    assert capsys.readouterr().err == ""
    assert (folder / "PREFECT_API_AUTH_STRING").read_text() == login


def test_two_installations_have_different_passwords(tmp_path: Path) -> None:
    logins = set()
    for name in ("one", "two"):
        folder = tmp_path / name / "secrets"
        folder.mkdir(parents=True)
        generate(env_file(folder), folder)
        logins.add((folder / "PREFECT_API_AUTH_STRING").read_text())
    assert len(logins) == 2


@pytest.mark.parametrize("name", ["PREFECT_API_AUTH_STRING", "PREFECT_SERVER_API_AUTH_STRING"])
def test_values_of_the_file_take_precedence(folder: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    env = env_file(folder, f"{name}=ward:d00r", 'POSTGRES_PASSWORD="p@ss word"', "SMTP_PASSWORD=")
    (folder / "POSTGRES_PASSWORD").write_text("generated before\n")
    (folder / "SMTP_PASSWORD").write_text("from a file\n")
    generate(env, folder)
    assert capsys.readouterr().err == ""
    values = read(env, folder)
    assert values["PREFECT_API_AUTH_STRING"] == values["PREFECT_SERVER_API_AUTH_STRING"] == "ward:d00r"
    assert values["PREFECT_API_DATABASE_CONNECTION_URL"].endswith("prefect:p%40ss%20word@database:5432/prefect")
    assert values["SMTP_PASSWORD"] == "from a file"


def test_each_group_receives_its_secrets_only(folder: Path) -> None:
    env = env_file(folder, "AWS_SECRET_ACCESS_KEY=key", "SLACK_WEBHOOK_URL=hook", 'API_KEYS=["k"]', "CLASSES=a,b")
    generate(env, folder)
    output = outputs(folder)
    install(read(env, folder), output, owner=None)
    found = contents(output)
    assert set(found["database"]) == {"POSTGRES_PASSWORD"}
    assert set(found["server"]) == {"PREFECT_SERVER_API_AUTH_STRING", "PREFECT_API_DATABASE_CONNECTION_URL"}
    assert set(found["client"]) == {"PREFECT_API_AUTH_STRING"}
    assert found["flows"] == {**found["client"], "AWS_SECRET_ACCESS_KEY": "key"}
    assert found["setup"] == {**found["flows"], "SLACK_WEBHOOK_URL": "hook"}
    assert found["api"] == {"AWS_SECRET_ACCESS_KEY": "key", "API_KEYS": '["k"]'}
    modes = {path.stat().st_mode & 0o777 for group in GROUPS for path in (output / group).iterdir()}
    assert modes == {0o600}


def test_removed_variable_is_removed_and_an_interrupted_write_is_repeated(folder: Path) -> None:
    env = env_file(folder, "SLACK_WEBHOOK_URL=hook")
    generate(env, folder)
    output = outputs(folder)
    install(read(env, folder), output, owner=None)
    (output / "setup" / ".SMTP_PASSWORD").write_text("half")
    (output / "client" / ".PREFECT_API_AUTH_STRING").write_text("half")
    env = env_file(folder, "SMTP_PASSWORD=new")
    install(read(env, folder), output, owner=None)
    found = contents(output)
    assert set(found["setup"]) == {"PREFECT_API_AUTH_STRING", "SMTP_PASSWORD"}
    assert set(found["client"]) == {"PREFECT_API_AUTH_STRING"}


def test_revision_changes_with_any_secret(folder: Path) -> None:
    revisions = {generate(env_file(folder, *lines), folder) for lines in (
        [], ["API_KEYS=[]"], ["API_KEYS=[1]"], ["SLACK_WEBHOOK_URL=[1]"], ["PREFECT_API_AUTH_STRING=a:b"],
    )}  # fmt: skip
    assert len(revisions) == 5
    assert generate(env_file(folder, "CLASSES=a"), folder) in revisions, "other settings do not change it"


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["PREFECT_API_AUTH_STRING=password"], "USER:PASSWORD"),
        (["PREFECT_API_AUTH_STRING=:password"], "USER:PASSWORD"),
        (["PREFECT_API_AUTH_STRING=a:b", "PREFECT_SERVER_API_AUTH_STRING=a:c"], "differ"),
        (['SMTP_PASSWORD="two\nlines"'], "one line"),
    ],
)
def test_invalid_secrets_are_rejected_without_showing_them(folder: Path, lines: list[str], message: str) -> None:
    with pytest.raises(InvalidSetting, match=message) as caught:
        generate(env_file(folder, *lines), folder)
    assert "password" not in str(caught.value).replace("USER:PASSWORD", "")


def test_secret_of_the_shell_that_has_no_effect_is_reported(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    env = env_file(folder, "API_KEYS=[]")
    generate(env, folder, ["PATH", "API_KEYS", "AWS_ACCESS_KEY_ID"])
    lines = [line for line in capsys.readouterr().err.splitlines() if " shell only" in line]
    assert len(lines) == 1
    assert lines[0].startswith("AWS_ACCESS_KEY_ID is set in the shell only")
    assert lines[0].endswith(str(folder / "AWS_ACCESS_KEY_ID"))


def test_reference_to_aws_secrets_manager_is_passed_on(folder: Path) -> None:
    env = env_file(folder, "PREFECT_API_AUTH_STRING=aws-secret://sightline#login", "SLACK_WEBHOOK_URL=aws-secret://x")
    values = read(env, folder)
    assert values["PREFECT_API_AUTH_STRING"] == "aws-secret://sightline#login"


def entrypoint(folder: Path, script: str, **variables: str) -> str:
    """Run the entrypoint with another folder of secrets and return the output of the script."""
    text = ENTRYPOINT.read_text().replace("/run/secrets", str(folder))
    command = ["sh", "-c", text, "entrypoint.sh", "sh", "-c", script]
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder.parent), **variables}
    return subprocess.run(command, check=True, env=environment, stdout=subprocess.PIPE, text=True).stdout


VALUES = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=40)


@given(VALUES)
def test_entrypoint_exports_files_unchanged(tmp_path_factory: pytest.TempPathFactory, value: str) -> None:
    folder = tmp_path_factory.mktemp("entrypoint")
    (folder / "SMTP_PASSWORD").write_text(value)
    assert entrypoint(folder, 'printf %s "$SMTP_PASSWORD"') == value


def test_entrypoint_keeps_variables_that_are_set_and_ignores_other_files(folder: Path) -> None:
    for name in ("API_KEYS", "SET", "EMPTY", "with-dash", "1ST", ".hidden"):
        (folder / name).write_text("from the file")
    (folder / "FOLDER").mkdir()
    output = entrypoint(folder, 'echo "$API_KEYS,$SET,$EMPTY,${FOLDER-none}"', SET="before", EMPTY="")
    assert output == "from the file,before,,none\n"


def test_entrypoint_works_without_secrets_and_returns_the_exit_status(folder: Path) -> None:
    assert entrypoint(folder, "echo started") == "started\n"
    with pytest.raises(subprocess.CalledProcessError) as failed:
        entrypoint(folder, "exit 7")
    assert failed.value.returncode == 7


def test_entrypoint_configures_the_role_of_the_service(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import botocore.session

    arn = "arn:aws:iam::123456789012:role/sightline-listener"
    entrypoint(folder, "true", SIGHTLINE_ROLE_ARN=arn)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(folder.parent / ".aws" / "config"))
    profile = botocore.session.Session().get_scoped_config()
    assert (profile["role_arn"], profile["credential_source"]) == (arn, "Ec2InstanceMetadata")
