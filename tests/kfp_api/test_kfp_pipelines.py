"""Compiled pipelines on KFP: uploaded once, whoever asks and how often."""

import hashlib
from concurrent.futures import ThreadPoolExecutor

import pytest
from fake_kfp_api import fake_kfp

from ct_components.errors import SpecError, StateError, Unreachable
from ct_pipelines.kfp_api.client import KfpClient
from ct_pipelines.kfp_api.pipelines import ensure_version, read_package
from ct_pipelines.kfp_api.settings import KfpSettings


def test_a_pipeline_that_is_missing_is_uploaded_under_its_contents_hash(fake, client, package):
    found = ensure_version(client, package)

    [pipeline], [version] = fake.things("pipelines"), fake.things("pipeline_versions")
    assert found.uploaded
    assert (found.name, found.pipeline_id) == ("continuous-training", pipeline["pipeline_id"])
    assert (found.version, found.version_id) == (version["name"], version["pipeline_version_id"])
    assert version["name"] == hashlib.sha256(package.read_bytes()).hexdigest()[:12]
    assert version["pipeline_id"] == pipeline["pipeline_id"]


def test_the_second_time_nothing_is_uploaded(fake, client, package):
    first = ensure_version(client, package)
    fake.forget_requests()

    second = ensure_version(client, package)

    assert (second.version_id, second.uploaded) == (first.version_id, False)
    assert fake.requests() == ["list_pipelines", "list_pipeline_versions"]


def test_other_content_is_another_version_of_the_same_pipeline(fake, client, package, other_package):
    first, second = ensure_version(client, package), ensure_version(client, other_package)

    assert first.pipeline_id == second.pipeline_id
    assert first.version_id != second.version_id
    assert len(fake.things("pipeline_versions")) == 2


def test_a_name_makes_another_pipeline_of_the_same_content(fake, client, package):
    first, second = ensure_version(client, package), ensure_version(client, package, "churn + 100%")

    assert first.version == second.version
    assert [each["name"] for each in fake.things("pipelines")] == ["continuous-training", "churn + 100%"]


def test_the_installations_own_pipeline_is_accepted(client):
    found = ensure_version(client)

    assert (found.name, found.uploaded) == ("continuous-training", True)


def test_of_eight_at_once_one_uploads_and_all_find_it(fake, settings, package):
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: ensure_version(KfpClient(settings), package), range(8)))

    assert len(fake.things("pipelines")) == len(fake.things("pipeline_versions")) == 1
    assert len({each.version_id for each in found}) == 1
    assert sum(each.uploaded for each in found) == 1


@pytest.mark.parametrize("operation", ["create_pipeline", "upload_pipeline_version"])
def test_what_another_made_after_our_look_is_found(fake, client, package, operation):
    fake.fail(operation, "twice")  # the second effect meets the first, and is refused with 409

    found = ensure_version(client, package)

    assert len(fake.things("pipelines")) == len(fake.things("pipeline_versions")) == 1
    assert found.version_id == fake.things("pipeline_versions")[0]["pipeline_version_id"]
    assert found.uploaded == (operation == "create_pipeline")


@pytest.mark.parametrize("operation", ["create_pipeline", "upload_pipeline_version"])
@pytest.mark.parametrize("kind", ["unreachable", "dies_after", "unavailable"])
def test_after_a_failure_the_next_call_finishes_it(fake, client, package, operation, kind):
    fake.fail(operation, kind)
    with pytest.raises(Unreachable):
        ensure_version(client, package)

    ensure_version(client, package)

    assert len(fake.things("pipelines")) == len(fake.things("pipeline_versions")) == 1


def test_a_refused_upload_is_told_in_the_upload_services_words(fake, client, package):
    package.write_text(package.read_text() + "\n: : broken: [")

    with pytest.raises(StateError, match=r"HTTP 400.: unknown template format: pipeline spec is invalid"):
        ensure_version(client, package)


def test_what_is_hashed_is_what_is_uploaded(fake, client, package, monkeypatch):
    """The file is replaced while it is under way, as by a `kfp-ct compile` beside."""
    listing = client.pipelines.pipeline_service_list_pipelines

    def replace_and_list(**options):
        package.write_text("broken: [")
        return listing(**options)

    monkeypatch.setattr(client.pipelines, "pipeline_service_list_pipelines", replace_and_list)

    assert ensure_version(client, package).uploaded


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot be read: No such file or directory"),
        (b"", "is no compiled pipeline; allowed: what kfp-ct compile writes"),
        (b"model: churn\n", "is no compiled pipeline"),
        (b"\xff\xfe\x00", "is no compiled pipeline"),
        (b"x:\n  pipelineInfo:\n    name: nested\n", "is no compiled pipeline"),
    ],
)
def test_a_file_that_is_no_compiled_pipeline_is_refused_before_anything_is_sent(
    fake, client, tmp_path, content, said
):
    path = tmp_path / "pipeline.yaml"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(SpecError, match=said):
        ensure_version(client, path)
    assert fake.requests() == []


def test_a_folder_a_huge_file_and_a_long_name_are_refused(tmp_path, package):
    with pytest.raises(SpecError, match="cannot be read: Is a directory"):
        read_package(tmp_path)
    huge = tmp_path / "huge.yaml"
    with huge.open("wb") as file:
        file.truncate((32 << 20) + 1)
    with pytest.raises(SpecError, match="has 33,554,433 bytes; allowed: 33,554,432"):
        read_package(huge)
    for name in ("", "a" * 129):
        with pytest.raises(SpecError, match=r"pipeline's name: got .*allowed: 1 to 128 characters"):
            read_package(package, name)


@pytest.mark.parametrize("name", ["plain", "'quoted'", '"quoted"'])
def test_the_name_is_read_from_the_file_however_yaml_writes_it(tmp_path, name):
    path = tmp_path / "pipeline.yaml"
    path.write_text(
        f"components: {{}}\npipelineInfo:\n  description: of two\n    lines\n  name: {name}\nroot: {{}}\n"
    )

    assert read_package(path).name == name.strip("'\"")


def test_each_namespace_has_its_own(package):
    with fake_kfp(multi_user=True) as fake:
        for namespace in ("team-a", "team-b"):
            assert ensure_version(KfpClient(KfpSettings(fake.url, namespace=namespace)), package).uploaded

        assert [each["namespace"] for each in fake.things("pipelines")] == ["team-a", "team-b"]
