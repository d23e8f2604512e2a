"""The text formats of tensorflow_model_server's configuration files."""

import pytest

from dagan_tf.service.server import config_file
from dagan_tf.service.server.config_file import BatchingParameters, ConfigFileError

# As in TensorFlow Serving's own guide (tensorflow_serving/g3doc/serving_config.md).
BATCHING = """
# A comment.
max_batch_size { value: 128 }
batch_timeout_micros { value: 0 }
max_enqueued_batches { value: 1000000 }
num_batch_threads { value: 8 }
thread_pool_name { value: "pool" }
allowed_batch_sizes: 64
allowed_batch_sizes: 128
"""


@pytest.fixture
def write(tmp_path):
    def write(text: str):
        path = tmp_path / "file.config"
        path.write_text(text)
        return path

    return write


def test_batching(write):
    assert config_file.read_batching(write(BATCHING)) == BatchingParameters(
        max_batch_size=128,
        batch_timeout_micros=0,
        max_enqueued_batches=1000000,
        num_batch_threads=8,
        thread_pool_name="pool",
        allowed_batch_sizes=(64, 128),
    )
    assert config_file.read_batching(write("")) == BatchingParameters()
    split = "enable_large_batch_splitting { value: true } max_execution_batch_size { value: 8 }"
    assert config_file.read_batching(write(split)).execution_batch_size == 8


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("max_batch_size: 3", "no BatchingParameters"),
        ("max_batch { value: 3 }", "no BatchingParameters.*max_batch"),
        ("max_batch_size { value: 0 }", "max_batch_size is 0"),
        ("batch_timeout_micros { value: -1 }", "batch_timeout_micros is -1"),
        ("allowed_batch_sizes: 8", "last of allowed_batch_sizes is 8; .* 1000"),
        ("max_batch_size { value: 8 } allowed_batch_sizes: [8, 8]", "increasing"),
        ("max_execution_batch_size { value: 8 }", "without enable_large_batch_splitting"),
        ("pad_variable_length_inputs: true", "not supported"),
    ],
)
def test_wrong_batching(write, text, message):
    with pytest.raises(ConfigFileError, match=message) as caught:
        config_file.read_batching(write(text))
    assert "file.config" in str(caught.value)


def test_monitoring(write):
    text = 'prometheus_config { enable: true path: "/metrics" }'
    assert config_file.read_monitoring(write(text)) == "/metrics"
    text = "prometheus_config { enable: true }"
    assert config_file.read_monitoring(write(text)) == "/monitoring/prometheus/metrics"
    assert config_file.read_monitoring(write("")) is None
    with pytest.raises(ConfigFileError, match="beginning with /"):
        config_file.read_monitoring(write('prometheus_config { enable: true path: "x" }'))


def test_ssl(write):
    pem = "-----BEGIN X-----\\nabc"
    text = f'server_key: "{pem}" server_cert: "{pem}" custom_ca: "{pem}" client_verify: true'
    config = config_file.read_ssl(write(text))
    assert config.server_key == "-----BEGIN X-----\nabc"
    assert config.client_verify
    with pytest.raises(ConfigFileError, match="not the path of a file"):
        config_file.read_ssl(write(f'server_key: "/etc/key.pem" server_cert: "{pem}"'))
    with pytest.raises(ConfigFileError, match="without custom_ca"):
        config_file.read_ssl(write(f'server_key: "{pem}" server_cert: "{pem}" client_verify: true'))


def test_missing_file(tmp_path):
    with pytest.raises(ConfigFileError, match="cannot be read"):
        config_file.read_models(tmp_path / "absent")
