"""How every stage becomes a KFP component: a thin function whose body calls the package in its image."""

import functools

from kfp import dsl

from ct_components import __version__

# One image for all stages: they share their heaviest dependencies, so layers and node caches do too.
IMAGE = f"kfp-continuous-training-python:{__version__}"

component = functools.partial(
    dsl.component,
    base_image=IMAGE,
    # Everything is baked into the image: a pod that installs packages as it starts is never the same twice.
    packages_to_install=[],
    install_kfp_package=False,
)
