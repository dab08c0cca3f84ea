"""Serving the champion: an InferenceService of KServe, or a Deployment, is given the new version's address.

The old address is remembered on the object itself, in the same patch that writes the new one. So whoever runs
a broken-off deployment again can finish it, and knows what to put back.
"""

from ct_components.serving.champion import serve_champion
from ct_components.serving.request import Deployed, DeployRequest, Sample
from ct_components.serving.rollout import deploy

__all__ = ["DeployRequest", "Deployed", "Sample", "deploy", "serve_champion"]
