"""What a local run refuses before it starts anything."""

import pytest

from ct_components.errors import StateError, Unreachable
from ct_pipelines.local.session import check_answers


@pytest.mark.parametrize("address", ["http://u:s3cret@127.0.0.1:999999", "http://u:s3cret@[::1:99999/"])
def test_an_address_that_is_none_is_refused_without_its_password(address):
    with pytest.raises(StateError, match=r"MLFLOW_TRACKING_URI: .* is no address; allowed") as error:
        check_answers(address)

    assert "s3cret" not in str(error.value)


def test_a_server_that_is_away_is_unreachable(closed_port):
    with pytest.raises(Unreachable, match="does not answer; start it, or unset MLFLOW_TRACKING_URI"):
        check_answers(f"http://127.0.0.1:{closed_port}")
