"""A small model with a schedule, and a compiled pipeline with a few parameters."""

SPEC = """\
model: churn
task: binary
source: {type: parquet, uri: data/*.parquet, timestamp: seen, timezone: UTC}
columns: {target: left, numeric: [age]}
triggers: {schedule: "0 3 * * 0"}
"""

PIPELINE = """\
# PIPELINE DEFINITION
components: {{}}
pipelineInfo:
  description: {description}
  name: continuous-training
root:
  inputDefinitions:
    parameters:
      key: {{defaultValue: '', isOptional: true, parameterType: STRING}}
      reason: {{defaultValue: manual, isOptional: true, parameterType: STRING}}
      spec: {{parameterType: STRING}}
schemaVersion: 2.1.0
"""


def write_package(path, description="a small one"):
    path.write_text(PIPELINE.format(description=description))
    return path
