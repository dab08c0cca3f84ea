"""Kubeflow Pipelines over its API: runs, pipelines and recurring runs.

The only room that imports `kfp_server_api` and `kubernetes`. It leaves `kfp` alone, whose client takes
seconds to import: a submitter is gone by then.
"""
