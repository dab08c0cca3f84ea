"""The things that the fake of Kubeflow Pipelines keeps: experiments, pipelines, runs and recurring runs.

Each is a class with the calls of its service, which refuses what KFP 2.17 refuses, in its words and codes.
"""

import base64
import json
import re
import threading
import uuid
from datetime import UTC, datetime
from types import MappingProxyType
from urllib.parse import unquote_plus

import yaml

INVALID, NOT_FOUND, EXISTS, DENIED, INTERNAL, UNAVAILABLE, UNAUTHENTICATED = 3, 5, 6, 7, 13, 14, 16
_HTTP = {3: 400, 5: 404, 6: 409, 7: 403, 8: 429, 13: 500, 14: 503, 16: 401}
LIST_OPTIONS = {"page_token", "page_size", "sort_by", "filter"}


class Refusal(Exception):
    """An answer of the API server that is no success: a google.rpc.Status."""

    def __init__(self, code, message, trace=""):
        super().__init__(message)
        self.status = _HTTP[code]
        detail = {"@type": "type.googleapis.com/google.rpc.Status", "code": code, "message": message}
        self.body = {"code": code, "message": f"{trace}{message}", "details": [detail]}


class NoSuchRoute(Refusal):
    def __init__(self):
        super().__init__(NOT_FOUND, "Not Found")
        self.body["details"] = []


class UploadRefusal(Refusal):
    """The upload service has error bodies of its own."""

    def __init__(self, status, message):
        super().__init__(INVALID, message)
        self.status = status
        self.body = {"error_message": message, "error_details": message}


class Store:
    """All that the fake remembers, kept in a file if it has one."""

    KINDS = ("experiments", "pipelines", "pipeline_versions", "runs", "recurring_runs")

    def __init__(self, path=None):
        self.path = path
        self.lock = threading.RLock()
        self.tables = {kind: [] for kind in self.KINDS}
        if path and path.exists() and path.stat().st_size:
            self.tables = json.loads(path.read_text())

    def add(self, kind, row):
        self.tables[kind].append(row)
        self.save()
        return row

    def save(self):
        if self.path:
            draft = self.path.with_suffix(f".{uuid.uuid4().hex}")
            draft.write_text(json.dumps(self.tables))
            draft.replace(self.path)

    def get(self, kind, key, value):
        return next((row for row in self.tables[kind] if row[key] == value), None)


class Resource:
    """What all kinds of things share: fields that may be given, lists with filters and pages."""

    kind = ""
    id_field = ""
    listed_as = ""
    given = frozenset()
    filters = MappingProxyType({})

    def __init__(self, store, *, multi_user):
        self.store = store
        self.multi_user = multi_user

    def rows(self):
        return self.store.tables[self.kind]

    def checked(self, body):
        """protojson takes a field in snake or camel case, and refuses any other."""
        if not isinstance(body, dict):
            raise Refusal(INVALID, "proto: syntax error (line 1:1): unexpected token")
        names = {re.sub("([A-Z])", lambda match: "_" + match[1].lower(), name): name for name in body}
        for name in names.keys() - self.given:
            raise Refusal(INVALID, f'proto: (line 1:2): unknown field "{names[name]}"')
        return {name: body[original] for name, original in names.items() if body[original] is not None}

    def namespace(self, asked):
        """A KFP of one user knows no namespaces, whatever is asked."""
        if not self.multi_user:
            return ""
        if not asked:
            raise Refusal(INVALID, "Namespace cannot be empty")
        return asked

    def taken(self, field, name, **scope):
        """Whether a name is taken; MySQL's collation takes large and small letters as equal."""
        return any(
            row[field].casefold() == name.casefold() and scope.items() <= row.items() for row in self.rows()
        )

    def page(self, rows, query):
        if "page_token" in query:
            state = json.loads(base64.b64decode(query["page_token"]))
            if (query.get("sort_by", ""), query.get("filter", "")) != tuple(state["asked"]):
                raise Refusal(
                    INVALID, "page token does not match the supplied sort by and/or filtering criteria"
                )
            start = state["start"]
        else:
            start = 0
        rows = self._sorted([row for row in rows if self._matches(row, query.get("filter", ""))], query)
        size = min(int(query.get("page_size", 0)) or 20, 200)
        answer = {self.listed_as or self.kind: rows[start : start + size], "total_size": len(rows)}
        if start + size < len(rows):
            state = {"start": start + size, "asked": [query.get("sort_by", ""), query.get("filter", "")]}
            answer["next_page_token"] = base64.b64encode(json.dumps(state).encode()).decode()
        return {name: value for name, value in answer.items() if value}  # nothing empty is sent

    def _sorted(self, rows, query):
        field, _, order = query.get("sort_by", "").partition(" ")
        if field not in {"", "created_at", "display_name", "name", self.id_field} or order not in {
            "",
            "asc",
            "desc",
        }:
            raise Refusal(INVALID, f"Invalid sorting field: {field!r}")
        return sorted(
            rows,
            key=lambda row: (row.get(field or "created_at", ""), row[self.id_field]),
            reverse=order == "desc",
        )

    def _matches(self, row, text):
        """The server decodes a filter once more after the request's own decoding."""
        if not text:
            return True
        try:
            predicates = list(json.loads(unquote_plus(text))["predicates"])
        except (ValueError, KeyError, TypeError):
            raise Refusal(INVALID, f"failed to parse valid filter from {text!r}") from None
        for each in predicates:
            value = each.get("string_value", each.get("stringValue"))
            unknown = set(each) - {"operation", "key", "string_value", "stringValue"}
            if unknown or each.get("operation") != "EQUALS" or not isinstance(value, str):
                raise Refusal(INVALID, f"failed to parse valid filter from {text!r}")
            if each["key"] not in self.filters:
                raise Refusal(INVALID, f"no support for filtering on unrecognized field {each['key']!r}")
            if str(row.get(self.filters[each["key"]], "")).casefold() != value.casefold():
                return False
        return True


class Experiments(Resource):
    kind, id_field = "experiments", "experiment_id"
    given = frozenset({"display_name", "description", "namespace"})
    filters = MappingProxyType(
        {"display_name": "display_name", "name": "display_name", "experiment_id": "experiment_id"}
    )

    def list(self, query):
        namespace = self.namespace(query.get("namespace"))
        return self.page([row for row in self.rows() if row["namespace"] == namespace], query)

    def create(self, body):
        body = self.checked(body)
        if not body.get("display_name"):
            raise Refusal(INTERNAL, "Internal Server Error", "Experiment must have a non-empty name: ")
        namespace = self.namespace(body.get("namespace"))
        if self.taken("display_name", body["display_name"], namespace=namespace):
            raise Refusal(
                EXISTS,
                f"Failed to create a new experiment. The name {body['display_name']} already exists. "
                "Please specify a new name",
                "Failed to create a experiment: Already exist error: ",
            )
        made = {
            "experiment_id": new_id(),
            "created_at": now(),
            "last_run_created_at": "1970-01-01T00:00:00Z",
            "storage_state": "AVAILABLE",
        }
        return self.store.add(self.kind, {**body, **made, "namespace": namespace})


class Pipelines(Resource):
    kind, id_field = "pipelines", "pipeline_id"
    given = frozenset({"name", "display_name", "description", "namespace", "tags"})
    filters = MappingProxyType({"name": "name", "display_name": "display_name", "pipeline_id": "pipeline_id"})

    def list(self, query):
        namespace = query.get("namespace", "") if self.multi_user else ""
        return self.page([row for row in self.rows() if row["namespace"] == namespace], query)

    def create(self, body):
        body = self.checked(body)
        namespace = body.get("namespace", "") if self.multi_user else ""
        if not body.get("name"):
            raise Refusal(INVALID, "pipeline's name cannot be empty")
        if self.taken("name", body["name"], namespace=namespace):
            raise Refusal(EXISTS, f"Failed to create a new pipeline. The name {body['name']} already exists")
        made = {"pipeline_id": new_id(), "created_at": now(), "namespace": namespace}
        return self.store.add(self.kind, {"display_name": body["name"], **body, **made})


class PipelineVersions(Resource):
    kind, id_field = "pipeline_versions", "pipeline_version_id"
    filters = MappingProxyType(
        {"name": "name", "display_name": "display_name", "pipeline_version_id": "pipeline_version_id"}
    )

    def list(self, pipeline_id, query):
        return self.page([row for row in self.rows() if row["pipeline_id"] == pipeline_id], query)

    def upload(self, query, file_name, content):
        """Its errors say little, as the real one's."""
        failed = "Failed to create a pipeline version"
        if not file_name.endswith((".yaml", ".yml", ".json")):
            raise UploadRefusal(400, failed)
        if not self.store.get("pipelines", "pipeline_id", query.get("pipelineid")):
            raise UploadRefusal(400, failed)
        try:
            spec = next(each for each in yaml.load_all(content, _Loader) if each and "pipelineInfo" in each)
        except (yaml.YAMLError, StopIteration, TypeError):
            raise UploadRefusal(400, "unknown template format: pipeline spec is invalid") from None
        name = query.get("name") or query.get("display_name") or file_name
        if self.taken("name", name, pipeline_id=query["pipelineid"]):
            raise UploadRefusal(409, failed)
        inputs = (spec["root"].get("inputDefinitions") or {}).get("parameters") or {}
        made = {
            "pipeline_id": query["pipelineid"],
            "pipeline_version_id": new_id(),
            "name": name,
            "display_name": query.get("display_name") or name,
            "created_at": now(),
            "pipeline_spec": {"pipelineInfo": spec["pipelineInfo"], "root": {"inputs": inputs}},
        }
        return self.store.add(self.kind, made)


class Runs(Resource):
    kind, id_field = "runs", "run_id"
    given = frozenset(
        {
            "display_name",
            "description",
            "experiment_id",
            "pipeline_version_reference",
            "runtime_config",
            "service_account",
        }
    )
    filters = MappingProxyType({"display_name": "display_name", "name": "display_name", "run_id": "run_id"})

    def list(self, query):
        experiments = _visible(self, query)
        return self.page([row for row in self.rows() if row["experiment_id"] in experiments], query)

    def create(self, body):
        body = self.checked(body)
        if not body.get("display_name"):
            raise Refusal(INTERNAL, "Internal Server Error", "Run name cannot be empty: ")
        body["experiment_id"] = _experiment(self, body.get("experiment_id"))
        reference = _reference(self, body)
        _check_parameters(self, reference, body)
        made = {
            "run_id": new_id(),
            "state": "PENDING",
            "storage_state": "AVAILABLE",
            "created_at": now(),
            "scheduled_at": now(),
            "finished_at": "1970-01-01T00:00:00Z",
            "service_account": body.get("service_account") or "pipeline-runner",
            "pipeline_version_reference": reference,
        }
        return self.store.add(self.kind, {**body, **made})

    def get(self, run_id):
        found = self.store.get(self.kind, "run_id", run_id)
        if found is None:
            raise Refusal(
                NOT_FOUND, f"Run {run_id} not found", "Failed to get a run: ResourceNotFoundError: "
            )
        return found


class RecurringRuns(Resource):
    kind, id_field = "recurring_runs", "recurring_run_id"
    listed_as = "recurringRuns"  # the one name that is not in snake case
    given = frozenset(
        {
            "display_name",
            "description",
            "experiment_id",
            "max_concurrency",
            "mode",
            "no_catchup",
            "pipeline_version_reference",
            "runtime_config",
            "service_account",
            "trigger",
        }
    )
    filters = MappingProxyType(
        {"display_name": "display_name", "name": "display_name", "recurring_run_id": "recurring_run_id"}
    )

    def list(self, query):
        experiments = _visible(self, query)
        return self.page([row for row in self.rows() if row["experiment_id"] in experiments], query)

    def create(self, body):
        body = self.checked(body)
        if not body.get("display_name"):
            raise Refusal(INTERNAL, "Internal Server Error", "Recurring run's name cannot be empty: ")
        concurrency = int(body.get("max_concurrency", 0))
        if not 1 <= concurrency <= 10:
            raise Refusal(
                INVALID,
                "Max concurrency of a recurring run must be at least 1 and at most 10. "
                f"Received {concurrency}",
            )
        cron = body.get("trigger", {}).get("cron_schedule", {}).get("cron", "")
        _check_robfig(cron)
        if body.get("mode") not in {"ENABLE", "DISABLE"}:
            raise Refusal(INTERNAL, "Internal Server Error", "mode is not set: ")
        body["experiment_id"] = _experiment(self, body.get("experiment_id"))
        reference = _reference(self, body)
        _check_parameters(self, reference, body)
        made = {
            "recurring_run_id": new_id(),
            "status": f"{body['mode']}D",
            "created_at": now(),
            "updated_at": now(),
            "max_concurrency": str(concurrency),
            "service_account": body.get("service_account") or "pipeline-runner",
            "pipeline_version_reference": reference,
        }
        return self.store.add(self.kind, {**body, **made})

    def switch(self, recurring_run_id, mode):
        found = self.store.get(self.kind, "recurring_run_id", recurring_run_id)
        if found is None:
            raise Refusal(NOT_FOUND, f"Job {recurring_run_id} not found", "Failed to change mode: ")
        found |= {"mode": mode, "status": f"{mode}D", "updated_at": now()}
        self.store.save()
        return {}


def _visible(resource, query):
    """A list's namespace and experiment say which experiments' things it holds."""
    experiments = resource.store.tables["experiments"]
    if query.get("experiment_id"):
        return {_experiment(resource, query["experiment_id"])}
    namespace = resource.namespace(query.get("namespace"))
    return {row["experiment_id"] for row in experiments if namespace in {"", row["namespace"]}}


def _experiment(resource, experiment_id):
    if not experiment_id:
        raise Refusal(INVALID, "Experiment id can not be empty in multi-user mode")
    if not resource.store.get("experiments", "experiment_id", experiment_id):
        raise Refusal(NOT_FOUND, f"Experiment {experiment_id} not found")
    return experiment_id


def _reference(resource, body):
    """A version that is gone is KFP's internal error, though trying again does not help."""
    asked = body.get("pipeline_version_reference") or {}
    found = resource.store.get("pipeline_versions", "pipeline_version_id", asked.get("pipeline_version_id"))
    if found is None or set(asked) - {"pipeline_id", "pipeline_version_id"}:
        raise Refusal(
            INTERNAL, "Internal Server Error", "Failed to create a run due to error fetching manifest: "
        )
    return {"pipeline_id": found["pipeline_id"], "pipeline_version_id": found["pipeline_version_id"]}


def _check_parameters(resource, reference, body):
    config = body.get("runtime_config") or {}
    if set(config) - {"parameters", "pipeline_root"}:
        raise Refusal(INVALID, "proto: (line 1:2): unknown field in runtime_config")
    given = config.get("parameters") or {}
    if len(json.dumps(given, separators=(",", ":")).encode()) > 10_000:
        raise Refusal(INVALID, "The input parameter length exceed maximum size of 10000")
    version = resource.store.get("pipeline_versions", "pipeline_version_id", reference["pipeline_version_id"])
    inputs = version["pipeline_spec"]["root"]["inputs"]
    for name in given:
        if name not in inputs:
            raise Refusal(INVALID, f"parameter {name} provided is not a pipeline input")
        if inputs[name]["parameterType"] == "STRING" and not isinstance(given[name], str):
            raise Refusal(INVALID, f"input parameter {name} requires type string")
    for name, each in inputs.items():
        if name not in given and not each.get("isOptional") and "defaultValue" not in each:
            raise Refusal(
                INVALID, f"parameter {name} is not optional, yet has neither default value nor value"
            )


def _check_robfig(cron):
    """KFP parses with robfig/cron 1: five fields are taken as well, and misread by one place."""
    bounds = ((0, 59), (0, 59), (0, 23), (1, 31), (1, 12), (0, 6))
    names = re.compile(
        "SUN|MON|TUE|WED|THU|FRI|SAT|JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC", re.IGNORECASE
    )
    fields = cron.split()
    if len(fields) not in {5, 6}:
        raise Refusal(
            INVALID, f"Schedule cron is not a supported format. Error: Expected 5 or 6 fields: {cron}"
        )
    for field, (low, high) in zip([*fields, "*"][:6], bounds, strict=True):
        for number in re.findall(r"(?<!/)\b\d+", names.sub(str(low), field)):
            if not low <= int(number) <= high:
                raise Refusal(INVALID, f"Schedule cron is not a supported format. Error: {number} in {field}")
        if not re.fullmatch(r"[\d*,/?-]+", names.sub(str(low), field)):
            raise Refusal(INVALID, f"Schedule cron is not a supported format. Error: {field}")


_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def new_id():
    return str(uuid.uuid4())


def now():
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"  # KFP keeps whole seconds
