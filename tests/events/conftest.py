import json

import pytest


@pytest.fixture
def event():
    """A CloudEvent as a monitor sends it, to be changed by a test."""
    return {
        "specversion": "1.0",
        "id": "flight-delay/drift-2013-06-01",
        "source": "kfp-ct/monitor",
        "type": "io.kfp-ct.trigger.v1",
        "time": "2013-06-02T05:00:00Z",
        "datacontenttype": "application/json",
        "data": {
            "model": "flight-delay",
            "reason": "drift",
            "window": {"start": "2013-05-26T03:30:00Z", "end": "2013-06-02T03:30:00Z"},
            "key": "drift-2013-06-01",
        },
    }


@pytest.fixture
def notification():
    """What Alertmanager 0.28 posts for two alerts of one model, one of them over."""
    return {
        "receiver": "argo-events",
        "status": "firing",
        "alerts": [
            {
                "status": "resolved",
                "labels": {"alertname": "RocAucLow", "model": "flight-delay"},
                "annotations": {"summary": "ROC AUC of flight-delay is {{ low }}"},
                "startsAt": "2013-06-01T01:00:00Z",
                "endsAt": "2013-06-01T02:00:00Z",
                "generatorURL": "http://prometheus/graph?g0.expr=x",
                "fingerprint": "1f2e3d4c5b6a7988",
            },
            {
                "status": "firing",
                "labels": {"alertname": "RocAucLow", "model": "flight-delay", "severity": "page"},
                "annotations": {},
                "startsAt": "2013-06-02T05:30:00.123456789+02:00",
                "endsAt": "0001-01-01T00:00:00Z",
                "generatorURL": "",
                "fingerprint": "1f2e3d4c5b6a7989",
            },
        ],
        "groupLabels": {"alertname": "RocAucLow"},
        "commonLabels": {"model": "flight-delay"},
        "commonAnnotations": {},
        "externalURL": "http://alertmanager:9093",
        "version": "4",
        "groupKey": '{}:{alertname="RocAucLow"}',
        "truncatedAlerts": 0,
    }


@pytest.fixture
def bytes_of():
    """Writes values as JSON, as a sender does."""
    return lambda values: json.dumps(values).encode()
