"""Deploying a version to KServe and to a Deployment, through the real client.

The property that each failure is held to: the object serves the old version or the new one, never anything
else, and the message says which.
"""

import itertools
import json
import re

import pytest
from fake_kubernetes_serving import DEPLOYMENT, ISVC

from ct_components.errors import CTError, ModelError, StateError, Unreachable
from ct_components.serving import DeployRequest, Sample, deploy
from ct_components.spec import Serving

OTHER = "gs://bucket/other"


def refused(serve, kind, message, **request):
    """The error that a deployment ends with."""
    with pytest.raises(kind, match=message) as caught:
        serve.deploy(**request)
    assert type(caught.value) is kind
    return str(caught.value)


def assert_put_back(serve, message):
    assert serve.fake.uri == serve.old
    assert message.endswith(f"{serve.old} was put back, and serves again")
    assert serve.fake.annotations.get("kfp-ct/model-version") is None


class TestWhatWorks:
    def test_nothing_serves_the_model(self):
        done = deploy(Serving(), DeployRequest("churn", "7", "models:/churn/7"))

        assert (done.state, done.previous) == ("none", "")
        assert done.message == "serving.type is none, so nothing was told of churn version 7"

    def test_the_new_version_is_served_and_predicts_what_it_did_when_fitted(self, serve):
        done = serve.deploy()

        assert (done.state, done.previous) == ("served", serve.old)
        assert f"serves version 7 ({serve.new}), after {serve.old}; 2 rows were predicted" in done.message
        assert serve.fake.uri == serve.fake.active == serve.new
        assert serve.fake.annotations["kfp-ct/model-version"] == "7"
        assert serve.verbs.count("patch") == 1

    def test_nothing_but_the_address_and_two_annotations_is_changed(self, serve):
        before = serve.fake.thing
        serve.deploy()
        after = json.loads(json.dumps(serve.fake.thing).replace(f'"{serve.new}"', f'"{serve.old}"'))

        assert after["spec"] == before["spec"]
        assert set(after["metadata"]["annotations"]) == {"kfp-ct/model-version", "kfp-ct/replaces"}

    def test_repeated_it_only_looks(self, serve):
        serve.deploy()
        serve.fake.calls.clear()
        done = serve.deploy()

        assert (done.state, done.previous) == ("served", serve.old)
        assert set(serve.verbs) == {"get"}

    def test_only_get_and_patch_of_the_one_object_are_called(self, serve):
        serve.fake.fates[serve.new] = "never"
        refused(serve, StateError, "was put back")

        path = f"{serve.fake.collection}/churn"
        assert set(serve.fake.calls) == {("get", path), ("patch", path)}
        assert set(serve.fake.tokens) == {"kubernetes-token"} or set(serve.fake.tokens) == {
            "Bearer kubernetes-token"
        }

    def test_a_version_that_replaces_another_of_ours_names_it(self, serve):
        serve.deploy()
        serve.fake.predicts[serve.new.replace("7", "8")] = [0.25, 0.75]
        done = serve.deploy("8")

        assert done.previous == serve.new
        assert f"after version 7 ({serve.new})" in done.message

    def test_it_goes_to_the_object_that_is_named(self, cluster):
        serve = cluster("kserve")
        serve.use(name="churn", namespace="models")

        assert serve.deploy(model="churn-eu").state == "served"

    def test_without_a_sample_it_says_that_nothing_was_asked(self, serve):
        assert "no prediction was asked for, because there is no row" in serve.deploy(sample=None).message
        assert serve.fake.asked == []

    def test_rows_with_missing_values_alone_are_no_sample(self, serve):
        sample = Sample(("age",), ((None,),), (0.5,))

        assert "there is no row with a known score" in serve.deploy(sample=sample).message

    def test_without_an_address_it_says_so(self, plain):
        plain.use(url=None)

        assert "because no address to ask is known" in plain.deploy().message


class TestHowItIsAsked:
    def test_kserve_is_asked_by_the_open_inference_protocol(self, kserve):
        kserve.deploy()

        path, body = kserve.fake.asked[0]
        assert path == "/v2/models/churn/infer"
        assert body == {
            "parameters": {"content_type": "pd"},
            "inputs": [
                {"name": "age", "shape": [2, 1], "datatype": "FP64", "data": [41.5, 23.0]},
                {
                    "name": "plan",
                    "shape": [2, 1],
                    "datatype": "BYTES",
                    "parameters": {"content_type": "str"},
                    "data": ["basic", "plus"],
                },
            ],
        }

    def test_a_deployment_is_asked_as_mlflows_server_is(self, plain):
        plain.deploy()

        path, body = plain.fake.asked[0]
        assert path == "/invocations"
        assert body == {
            "dataframe_split": {"columns": ["age", "plan"], "data": [[41.5, "basic"], [23.0, "plus"]]}
        }

    def test_a_path_in_the_address_says_how(self, kserve):
        kserve.use(url=f"{kserve.fake.url}/churn/invocations")
        kserve.deploy()

        assert kserve.fake.asked[0][0] == "/churn/invocations"

    def test_a_path_that_kserve_names_is_not_used(self, kserve):
        """KServe's status ends in /v1/models/NAME:predict where it was installed long ago."""
        address = {"url": f"{kserve.fake.url}/v1/models/churn:predict"}
        kserve.fake.change(lambda thing: thing["status"].update(url="http://elsewhere", address=address))
        kserve.fake.lag = 0
        kserve.deploy()

        assert kserve.fake.asked[0][0] == "/v2/models/churn/infer"

    def test_the_address_that_is_given_goes_first(self, kserve, closed_port):
        kserve.use(url=f"http://127.0.0.1:{closed_port}")

        assert_put_back(kserve, refused(kserve, StateError, "gives no answer: connection refused"))


class TestItDoesNotBecomeReady:
    @pytest.mark.parametrize("fate", ["never", "flaps"])
    def test_the_old_version_is_put_back_when_time_is_over(self, serve, fate):
        serve.fake.fates[serve.new] = fate
        serve.use(timeout="5m")

        assert_put_back(serve, refused(serve, StateError, "not served within 300 seconds"))
        assert serve.clock.seconds < 2 * 300 + 60

    def test_of_a_model_that_does_not_load_kserve_says_why(self, kserve):
        kserve.fake.fates[kserve.new] = "crashes"

        assert_put_back(kserve, refused(kserve, ModelError, "model FailedToLoad: no such bucket"))

    def test_a_deployment_that_exceeds_its_deadline_is_not_waited_for(self, plain):
        plain.fake.fates[plain.new] = "crashes"

        assert_put_back(plain, refused(plain, StateError, "ProgressDeadlineExceeded: of 2 replicas 1"))
        assert plain.clock.seconds < 120

    @pytest.mark.parametrize("lag", [0, 1, 8, 20])
    def test_what_is_said_of_the_old_version_is_not_taken_for_the_new(self, serve, lag):
        """The controllers look at a change late, and until then all is ready."""
        serve.fake.lag = lag
        serve.fake.fates[serve.new] = "never"
        assert_put_back(serve, refused(serve, StateError, "not served within 600 seconds"))

        serve.fake.fates[serve.new] = "loads"
        assert serve.deploy().state == "served"
        assert serve.fake.active == serve.new

    def test_a_change_that_kserve_never_looked_at_is_taken_back_before_it_was_one(self, kserve):
        kserve.fake.lag = 10_000

        assert_put_back(kserve, refused(kserve, StateError, "has not looked at the change yet"))
        assert kserve.fake.active == kserve.old

    def test_a_deployment_that_nobody_looks_at_is_not_said_to_serve(self, plain):
        plain.fake.lag = 10_000

        refused(plain, StateError, "was put back, BUT IS NOT SEEN TO SERVE: not served within 600 seconds")
        assert plain.fake.uri == plain.old

    def test_one_that_breaks_at_its_first_request_is_put_back(self, serve):
        serve.fake.fates[serve.new] = "breaks"

        assert_put_back(serve, refused(serve, StateError, "not served within"))

    def test_the_old_one_may_not_serve_any_more_either(self, serve):
        serve.fake.fates = {serve.old: "never", serve.new: "never"}

        message = refused(serve, StateError, "was put back, BUT IS NOT SEEN TO SERVE: not served within")
        assert serve.fake.uri == serve.old
        assert message.startswith(f"{serve.fake.thing['kind']} models/churn does not serve version 7")

    def test_a_failure_that_is_still_shown_does_not_end_the_wait_for_the_old_one(self, plain):
        plain.fake.fates[plain.new] = "crashes"
        plain.fake.lag = 5

        assert_put_back(plain, refused(plain, StateError, "ProgressDeadlineExceeded"))

    def test_one_whose_previous_version_of_ours_comes_back_is_marked_so(self, serve):
        serve.deploy()
        eight = serve.new.replace("7", "8")
        serve.fake.fates[eight] = "never"
        refused(serve, StateError, f"version 7 .{re.escape(serve.new)}. was put back", version="8")

        assert serve.fake.annotations["kfp-ct/model-version"] == "7"
        assert serve.fake.uri == serve.new
        assert serve.deploy().state == "served"


class TestItPredictsOtherwise:
    @pytest.mark.parametrize(
        ("answer", "kind", "message"),
        [
            ([0.25, 0.5], ModelError, "differ, by 0.25; allowed: 1e-06"),
            ([0.25], ModelError, "predicts 1 rows where 2 were asked for"),
            ([0.25, float("nan")], ModelError, "differ, by nan"),
            ("500", StateError, "answers HTTP 500: .*the model raised ValueError"),
            ("junk", StateError, "answers something else than predictions"),
            ("hangs", StateError, "gives no answer: none within 0.2 s"),
        ],
    )
    @pytest.mark.usefixtures("short")
    def test_the_old_version_is_put_back(self, serve, answer, kind, message):
        serve.fake.predicts[serve.new] = answer

        assert_put_back(serve, refused(serve, kind, message))

    def test_answers_of_the_version_before_are_asked_again(self, serve, monkeypatch):
        """The pods of the version before answer for a moment longer."""
        answers = itertools.chain([[0.5, 0.5], [0.5, 0.5]], itertools.repeat([0.25, 0.75]))
        predict = serve.fake.predict

        def late(path, body):
            serve.fake.predicts[serve.new] = next(answers)
            return predict(path, body)

        monkeypatch.setattr(serve.fake, "predict", late)

        assert serve.deploy().state == "served"
        assert len(serve.fake.asked) == 3

    def test_within_tolerance_is_right(self, serve):
        serve.fake.predicts[serve.new] = [0.25, 0.75 + 2**-21]

        assert serve.deploy().state == "served"


class TestOthersChangeItToo:
    def test_conflicts_are_read_and_decided_anew(self, serve):
        serve.fake.fail("patch", "conflict", count=3)

        assert serve.deploy().state == "served"
        assert serve.verbs.count("patch") == 4

    def test_conflicts_without_end_give_up_with_the_old_version(self, serve):
        serve.fake.fail("patch", "conflict", count=100)

        message = refused(serve, Unreachable, "was changed meanwhile")
        assert serve.fake.uri == serve.old
        assert "or keeps" in message

    def test_what_is_remembered_is_what_was_there_when_it_was_replaced(self, serve):
        """Somebody sets another address between the look and the patch: that is what is put back."""
        serve.fake.meddle("patch", OTHER)
        serve.fake.fates[serve.new] = "never"

        refused(serve, StateError, f"{OTHER} was put back, and serves again")
        assert serve.fake.uri == OTHER

    def test_an_address_that_somebody_sets_while_it_is_waited_for_is_theirs(self, serve):
        serve.fake.fail("get", "", count=3)
        serve.fake.fates[serve.new] = "never"
        original = serve.clock.sleep

        def sleep(seconds):
            original(seconds)
            if serve.clock.seconds > 20 and serve.fake.uri == serve.new:
                serve.fake.set_uri(OTHER)

        serve.clock.sleep = sleep
        refused(serve, StateError, f"somebody else set it to {OTHER}; that was left as it is")
        assert serve.fake.uri == OTHER

    def test_an_address_that_somebody_sets_before_the_old_one_is_put_back_is_theirs(self, serve):
        serve.fake.predicts[serve.new] = "junk"
        meddled = []

        def meddle(verb, *_):
            if serve.verbs.count("patch") == 1 and verb == "patch" and not meddled:
                meddled.append(verb)
                serve.fake.set_uri(OTHER)

        answer = serve.fake.answer
        serve.fake.answer = lambda verb, *rest: (meddle(verb), answer(verb, *rest))[1]
        refused(serve, StateError, f"somebody else set it to {OTHER} meanwhile, which was left as it is")
        assert serve.fake.uri == OTHER

    def test_of_two_deployments_at_once_one_is_served_and_the_other_says_so(self, serve):
        eight = serve.new.replace("7", "8")
        serve.fake.predicts[eight] = [0.25, 0.75]
        # The first one's look, the second one's whole deployment, the first one's patch.
        answer, begun = serve.fake.answer, []

        def interleaved(verb, *rest):
            if verb == "patch" and not begun:
                begun.append(verb)
                assert serve.deploy("8").state == "served"
            return answer(verb, *rest)

        serve.fake.answer = interleaved
        done = serve.deploy()

        assert (done.state, done.previous) == ("served", eight)
        assert f"after version 8 ({eight})" in done.message
        assert serve.fake.active == serve.new


class TestTheApiFails:
    @pytest.mark.parametrize("kind", ["dies", 429, 500, 503, "slow"])
    @pytest.mark.parametrize("verb", ["get", "patch"])
    @pytest.mark.usefixtures("short")
    def test_calls_that_fail_are_repeated(self, serve, verb, kind):
        serve.fake.fail(verb, kind, count=3)

        assert serve.deploy().state == "served"
        assert serve.fake.active == serve.new

    def test_looks_that_fail_in_between_cost_nothing_but_time(self, serve):
        for after in range(1, 12, 2):
            serve.fake.fail("get", "dies" if after % 4 else 503, after=1)

        assert serve.deploy().state == "served"

    def test_a_patch_whose_answer_is_lost_is_not_repeated(self, serve):
        serve.fake.fail("patch", "dies_after")
        done = serve.deploy()

        assert (done.state, done.previous) == ("served", serve.old)
        assert serve.verbs.count("patch") == 1

    def test_one_that_is_away_was_told_nothing(self, serve):
        serve.fake.fail("get", "dies", count=100)

        message = refused(serve, Unreachable, "does not answer: .*was told nothing of version 7")
        assert serve.fake.uri == serve.old
        assert "kubernetes-token" not in message

    def test_nobody_knows_whether_the_last_patch_went_through_and_repeating_it_finishes_it(self, serve):
        serve.fake.fail("patch", "dies_after")
        serve.fake.fail("get", "", count=1)
        serve.fake.fail("get", 503, count=50)

        refused(serve, Unreachable, "took version 7 .* or keeps .* is not known; the same call finishes it")
        assert serve.fake.uri == serve.new
        serve.fake._faults.clear()
        assert serve.deploy().previous == serve.old

    def test_an_api_that_is_away_when_the_old_version_should_be_put_back_is_loud(self, serve):
        serve.fake.predicts[serve.new] = "junk"
        serve.fake.fail("patch", "", count=1)
        serve.fake.fail("patch", 503, count=100)

        message = refused(serve, Unreachable, "COULD NOT BE PUT BACK: Kubernetes at .* does not answer")
        assert serve.fake.uri == serve.new
        assert message.endswith(f"was last told to serve version 7 ({serve.new})")

    def test_repeated_after_that_it_puts_back_what_was_there(self, serve):
        self.test_an_api_that_is_away_when_the_old_version_should_be_put_back_is_loud(serve)
        serve.fake._faults.clear()

        assert_put_back(serve, refused(serve, StateError, "something else than predictions"))

    def test_putting_back_is_retried(self, serve):
        serve.fake.predicts[serve.new] = "junk"
        serve.fake.fail("patch", "", count=1)
        serve.fake.fail("patch", "conflict", count=2)
        serve.fake.fail("patch", "dies_after", count=1)

        assert_put_back(serve, refused(serve, StateError, "something else than predictions"))

    def test_a_permission_that_is_lost_in_between_is_loud(self, serve):
        serve.fake.predicts[serve.new] = "junk"
        serve.clock.sleep = lambda _: serve.fake.refuse("patch")

        refused(serve, StateError, "COULD NOT BE PUT BACK: .*refuses to patch")
        assert serve.fake.uri == serve.new


class TestItIsRefused:
    @pytest.mark.parametrize("verb", ["get", "patch"])
    @pytest.mark.parametrize("status", [401, 403])
    def test_who_may_not_is_told_the_verb_and_the_resource(self, serve, verb, status):
        serve.fake.refuse(verb, status)
        plural = {ISVC: "inferenceservices.serving.kserve.io", DEPLOYMENT: "deployments.apps"}

        message = refused(serve, StateError, f"refuses to {verb} {plural[serve.fake.collection]} 'churn' in")
        assert f"namespace 'models' (HTTP {status}" in message
        assert serve.fake.uri == serve.old

    def test_of_one_that_is_not_there_it_says_which_are(self, serve):
        serve.use(name="chrun")
        kind = serve.fake.thing["kind"]

        refused(serve, StateError, f"there is no {kind} models/chrun; namespace 'models' has churn")

    def test_who_may_not_list_them_is_told_that(self, serve):
        serve.use(name="chrun")
        serve.fake.refuse("list")

        refused(serve, StateError, "which there are, one may not see")

    def test_where_kserve_is_not_installed_it_says_so(self, plain):
        plain.settings = Serving(type="kserve")
        plain.fake.refuse("list", 404)

        refused(plain, StateError, "inferenceservices.serving.kserve.io is not installed")

    def test_an_object_that_kubernetes_does_not_take_stays_as_it_was(self, serve):
        serve.fake.refuse("patch", 422)

        refused(serve, StateError, r"Kubernetes refuses to patch .* \(HTTP 422\)")
        assert serve.fake.uri == serve.old

    def test_without_a_cluster(self, serve, monkeypatch, tmp_path):
        monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))

        refused(serve, StateError, "no Kubernetes cluster is known here")

    @pytest.mark.parametrize(
        "location",
        ["models:/churn/7", "mlflow-artifacts:/1/a", "/srv/artifacts/1", "dbfs:/a", "wasbs://a@b/c"],
    )
    def test_what_kserve_cannot_fetch_is_named(self, kserve, location):
        message = refused(kserve, StateError, "KServe cannot fetch churn version 7 from", location=location)
        assert "allowed: gs://, s3://" in message
        assert kserve.fake.calls == []

    @pytest.mark.parametrize(
        ("edit", "message"),
        [
            (lambda p: p.update(model=None, sklearn={}), "spec.predictor has .*sklearn; allowed"),
            (lambda p: p["model"].update(storage={"key": "a"}), "its predictor has storage; allowed"),
            (lambda p: p.update(canaryTrafficPercent=10), "splits its traffic with a canary"),
        ],
    )
    def test_an_inference_service_that_cannot_take_a_version(self, kserve, edit, message):
        kserve.fake._thing["spec"]["predictor"] = dict(kserve.fake._thing["spec"]["predictor"])
        edit(kserve.fake._thing["spec"]["predictor"])
        with pytest.raises(StateError, match=message):
            kserve.deploy()
        assert "patch" not in kserve.verbs

    @pytest.mark.parametrize(
        ("settings", "message"),
        [
            ({"variable": "MODEL"}, "container 'server' has no variable 'MODEL'; it has MODEL_URI, WORKERS"),
            ({"container": "sidecar"}, "has no container 'sidecar'; it has server"),
        ],
    )
    def test_a_deployment_without_what_is_named(self, plain, settings, message):
        plain.use(**settings)

        refused(plain, StateError, message)

    @pytest.mark.parametrize(
        ("edit", "message"),
        [
            (lambda s: s.update(paused=True), "is paused"),
            (lambda s: s.update(replicas=0), "is scaled to 0"),
            (
                lambda s: s["template"]["spec"]["containers"].append({"name": "proxy"}),
                "has several containers; name one of proxy, server",
            ),
            (
                lambda s: s["template"]["spec"]["containers"][0]["env"].append(
                    {"name": "SECRET", "valueFrom": {}}
                ),
                "takes 'SECRET' from elsewhere",
            ),
        ],
    )
    def test_a_deployment_that_cannot_take_a_version(self, plain, edit, message):
        edit(plain.fake._thing["spec"])
        plain.use(variable="SECRET" if "SECRET" in message else "MODEL_URI")

        refused(plain, StateError, message)
        assert plain.fake.uri == plain.old


class TestACrash:
    class Killed(BaseException):
        """Stands for SIGKILL: nothing of ours catches it."""

    def killed(self, serve, at):
        """Ends a deployment at a call of the API, before or after it had its effect."""
        answer, seen = serve.fake.answer, []

        def count(*arguments):
            seen.append(1)
            return answer(*arguments)

        def sleep(seconds):
            if len(seen) >= at:
                raise self.Killed

        serve.fake.answer = count
        serve.clock.sleep = sleep
        with pytest.raises(self.Killed):
            serve.deploy()
        del serve.fake.answer
        serve.clock = type(serve.clock)()

    @pytest.mark.parametrize("at", range(1, 7))
    def test_it_is_resumed_by_running_again(self, serve, at):
        self.killed(serve, at)
        done = serve.deploy()

        assert (done.state, done.previous) == ("served", serve.old)
        assert serve.verbs.count("patch") == 1

    @pytest.mark.parametrize("at", range(1, 12))
    def test_resumed_it_still_knows_what_to_put_back(self, serve, at):
        serve.fake.fates[serve.new] = "never"
        self.killed(serve, at)

        assert_put_back(serve, refused(serve, StateError, "not served within"))

    def test_resumed_it_is_not_fooled_by_what_is_said_of_the_old_version(self, serve):
        serve.fake.lag = 30
        serve.fake.fates[serve.new] = "never"
        self.killed(serve, 2)

        assert_put_back(serve, refused(serve, StateError, "not served within"))

    def test_an_address_that_somebody_set_by_hand_has_nothing_to_go_back_to(self, serve):
        serve.fake.set_uri(serve.new)
        serve.fake.fates[serve.new] = "never"

        refused(serve, StateError, "it stays so, because nobody remembers what was served before")
        assert serve.fake.uri == serve.new

    def test_a_note_that_is_not_of_this_address_is_not_believed(self, serve):
        serve.deploy()
        serve.fake.set_uri(serve.old)
        serve.fake.set_uri(OTHER)
        serve.fake.let_time_pass()
        serve.fake.fates[serve.new] = "never"

        refused(serve, StateError, f"{OTHER} was put back")
        assert serve.fake.uri == OTHER


FAULTS = ["conflict", "dies", "dies_after", 503, 403]


@pytest.mark.slow
@pytest.mark.parametrize("fate", ["loads", "never", "crashes", "breaks"])
@pytest.mark.parametrize("faults", list(itertools.product(FAULTS, FAULTS)), ids=str)
def test_whatever_happens_it_serves_old_or_new_and_the_message_says_which(serve, fate, faults):
    """Every pair of faults, one around each of the two patches, with every fate of the version."""
    serve.fake.fates[serve.new] = fate
    first, second = faults
    serve.fake.fail("patch", first)
    serve.fake.fail("patch", "" if first == "dies_after" else second, count=1)
    serve.fake.fail("patch", second)
    try:
        done = serve.deploy()
    except CTError as error:
        assert serve.fake.uri in {serve.old, serve.new}
        says_old = "was put back" in str(error) or "refuses to patch" in str(error).partition("COULD NOT")[0]
        says_new = "was last told to serve version 7" in str(error)
        assert (says_old, says_new) == (serve.fake.uri == serve.old, serve.fake.uri == serve.new)
    else:
        assert done.state == "served"
        assert serve.fake.uri == serve.fake.active == serve.new
