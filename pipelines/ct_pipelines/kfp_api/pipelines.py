"""Compiled pipelines on Kubeflow Pipelines, by name and version; a version's name is its content's hash."""

import hashlib
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ct_components.errors import SpecError
from ct_pipelines.kfp_api.client import Conflict, KfpClient, equals, made_by_another

LONGEST_PACKAGE = 32 << 20
LONGEST_NAME = 128
_HASH_DIGITS = 12
_NAME = re.compile(r"^pipelineInfo:\n(?: .*\n)*?  name: ['\"]?([^'\"\n]+?)['\"]?$", re.MULTILINE)


@dataclass(frozen=True)
class Package:
    """A compiled pipeline.

    Attributes:
        name: What it is called on KFP.
        content: Its YAML.
    """

    name: str
    content: bytes

    @property
    def version(self) -> str:
        """The version's name: equal content has the same, whoever uploads it.

        >>> Package("continuous-training", b"pipelineInfo: ...").version
        '4183f1576461'
        """
        return hashlib.sha256(self.content).hexdigest()[:_HASH_DIGITS]


@dataclass(frozen=True)
class PipelineVersion:
    """A version of a pipeline that KFP has.

    Attributes:
        name: The pipeline's name.
        version: The version's name.
        pipeline_id: KFP's id of the pipeline.
        version_id: KFP's id of the version.
        uploaded: Whether this call uploaded it.
    """

    name: str
    version: str
    pipeline_id: str
    version_id: str
    uploaded: bool = False

    def reference(self) -> Any:
        """Returns what names it in a run, as KFP's client wants it."""
        import kfp_server_api as kfp

        return kfp.V2beta1PipelineVersionReference(
            pipeline_id=self.pipeline_id, pipeline_version_id=self.version_id
        )


def read_package(path: Path | None = None, name: str | None = None) -> Package:
    """Reads a compiled pipeline.

    Args:
        path: Its YAML file; None for the installation's own.
        name: The pipeline's name on KFP; None for the one that the file says.

    Raises:
        SpecError: If the file cannot be read or is no compiled pipeline, or the name is too long.
    """
    from ct_pipelines.compile import compiled_path

    path = path or compiled_path()
    content = _content(path)
    found = _NAME.search(content.decode("utf-8", "replace"))
    if found is None:
        raise SpecError(
            f"pipeline: {str(path)!r} is no compiled pipeline; allowed: what kfp-ct compile writes"
        )
    name = found[1] if name is None else name
    if not 0 < len(name.encode()) <= LONGEST_NAME:
        raise SpecError(f"pipeline's name: got {name[:80]!r}; allowed: 1 to {LONGEST_NAME} characters")
    return Package(name, content)


def ensure_version(client: KfpClient, path: Path | None = None, name: str | None = None) -> PipelineVersion:
    """Returns a compiled pipeline's version on KFP, and uploads it if it is missing.

    Of two that upload the same at once, one wins, and the other finds it.

    Args:
        client: The connection.
        path: The compiled pipeline's YAML file; None for the installation's own.
        name: The pipeline's name on KFP; None for the one that the file says.
    """
    package = read_package(path, name)
    pipeline_id = _find_pipeline(client, package) or _make_pipeline(client, package)
    version_id = _find_version(client, package, pipeline_id)
    if version_id:
        return PipelineVersion(package.name, package.version, pipeline_id, version_id)
    return _upload(client, package, pipeline_id)


def _content(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        content = path.read_bytes() if size <= LONGEST_PACKAGE else b""
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise SpecError(f"pipeline: {str(path)!r} cannot be read: {reason}") from error
    if size > LONGEST_PACKAGE:
        raise SpecError(f"pipeline: {str(path)!r} has {size:,} bytes; allowed: {LONGEST_PACKAGE:,}")
    return content


def _find_pipeline(client: KfpClient, package: Package) -> str | None:
    found = client.listed(
        client.pipelines.pipeline_service_list_pipelines,
        "pipelines",
        namespace=client.settings.namespace,
        filter=equals("name", package.name),
    )
    return next((str(each.pipeline_id) for each in found if each.name == package.name), None)


def _make_pipeline(client: KfpClient, package: Package) -> str:
    """Without a version, which KFP would call by the pipeline's name."""
    import kfp_server_api as kfp

    wanted = kfp.V2beta1Pipeline(
        name=package.name, display_name=package.name, namespace=client.settings.namespace
    )
    try:
        made = client.call(client.pipelines.pipeline_service_create_pipeline, wanted)
    except Conflict as conflict:
        return made_by_another(lambda: _find_pipeline(client, package), conflict)
    return client.identity(made.pipeline_id, "a pipeline")


def _find_version(client: KfpClient, package: Package, pipeline_id: str) -> str | None:
    found = client.listed(
        client.pipelines.pipeline_service_list_pipeline_versions,
        "pipeline_versions",
        pipeline_id,
        filter=equals("name", package.version),
    )
    return next((str(each.pipeline_version_id) for each in found if each.name == package.version), None)


def _upload(client: KfpClient, package: Package, pipeline_id: str) -> PipelineVersion:
    with tempfile.TemporaryDirectory(prefix="kfp-ct-") as folder:
        # What was hashed, though the file may have changed since; KFP tells its kind by the name's end.
        draft = Path(folder) / "pipeline.yaml"
        draft.write_bytes(package.content)
        try:
            made = client.call(
                client.uploads.upload_pipeline_version,
                str(draft),
                name=package.version,
                display_name=package.version,
                pipelineid=pipeline_id,
            )
        except Conflict as conflict:
            found = made_by_another(lambda: _find_version(client, package, pipeline_id), conflict)
            return PipelineVersion(package.name, package.version, pipeline_id, found)
    version_id = client.identity(made.pipeline_version_id, "a pipeline's version")
    return PipelineVersion(package.name, package.version, pipeline_id, version_id, uploaded=True)
