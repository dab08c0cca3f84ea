"""Compiling the pipelines to the YAML that is uploaded, committed and run."""

import tempfile
from pathlib import Path
from typing import Any

from ct_components.errors import SpecError

GENERIC = "continuous_training.yaml"
MONITORING = "monitoring.yaml"


def compiled_path(name: str = GENERIC) -> Path:
    """Returns where a compiled pipeline of this installation lies."""
    inside = Path(__file__).parent / "compiled" / name
    return inside if inside.exists() else Path(__file__).parents[1] / "compiled" / name


def compile_pipeline(
    path: Path, *, spec: str | None = None, caching: bool = False, image: str = "", name: str = GENERIC
) -> None:
    """Compiles a pipeline to a YAML file, all or nothing.

    Args:
        path: The file; its folder is made.
        spec: A model spec as JSON, which becomes the default of the parameter `spec`.
        caching: Whether KFP may answer stages from its cache.
        image: The image of every stage; "" for the one that the components name.
        name: Which pipeline: `GENERIC` or `MONITORING`.

    Raises:
        SpecError: If the file cannot be written.
    """
    from kfp import compiler

    from ct_pipelines.monitoring import monitoring
    from ct_pipelines.pipeline import continuous_training

    defaults: dict[str, Any] = {} if spec is None else {"spec": spec}
    make = monitoring if name == MONITORING else continuous_training
    pipeline = make(caching=caching, image=image)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".compile-") as folder:
            draft = Path(folder) / GENERIC
            compiler.Compiler().compile(pipeline, str(draft), pipeline_parameters=defaults or None)
            draft.replace(path)
    except OSError as error:
        raise SpecError(f"output: {str(path)!r} cannot be written: {error.strerror}") from error
