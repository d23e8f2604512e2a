"""Versions that come and go under a running server."""

import secrets
import threading
import time
from concurrent import futures
from pathlib import Path

import grpc
import pytest
import tensorflow as tf
from tensorflow_serving.apis import (
    get_model_status_pb2,
    model_management_pb2,
    model_service_pb2_grpc,
    prediction_log_pb2,
)
from tensorflow_serving.config import file_system_storage_path_source_pb2

from dagan_tf.export.locations import LocationError, copy_tree, locate
from dagan_tf.export.versions import ModelNotFoundError
from dagan_tf.service.server.config_file import ConfigFileError
from dagan_tf.service.server.registry import ModelRegistry, State
from dagan_tf.service.server.served_model import ServedModel
from dagan_tf.service.server.server import ServerError, start_server
from dagan_tf.service.server.versions_watcher import aspired_versions
from tests.helpers.small_models import Caller, copy_version, request, save_adder, zeros

SOON = 20


@pytest.fixture(scope="module")
def adders(tmp_path_factory) -> Path:
    """Versions 1, 2 and 3, each adding its number."""
    base = tmp_path_factory.mktemp("adders")
    for number in (1, 2, 3):
        save_adder(base / str(number), number)
    return base


@pytest.fixture
def base(adders, tmp_path) -> Path:
    """A base folder with version 1."""
    (tmp_path / "base").mkdir()
    copy_version(adders / "1", tmp_path / "base" / "1")
    return tmp_path / "base"


def _until(condition, seconds: float = SOON) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come to be"
        time.sleep(0.02)


def _states(caller: Caller, name: str = "dagan") -> dict[int, int]:
    message = get_model_status_pb2.GetModelStatusRequest()
    message.model_spec.name = name
    stub = model_service_pb2_grpc.ModelServiceStub(caller.channel)
    response = stub.GetModelStatus(message, timeout=10)
    return {status.version: status.state for status in response.model_version_status}


def _reload(caller: Caller, *models: dict) -> None:
    message = model_management_pb2.ReloadConfigRequest()
    for fields in models:
        message.config.model_config_list.config.add(model_platform="tensorflow", **fields)
    model_service_pb2_grpc.ModelServiceStub(caller.channel).HandleReloadConfigRequest(
        message, timeout=30
    )


def test_policies():
    policy = file_system_storage_path_source_pb2.FileSystemStoragePathSourceConfig
    policy = policy.ServableVersionPolicy
    present = [1, 2, 5]
    assert aspired_versions(present, policy()) == [5]
    assert aspired_versions(present, policy(latest=policy.Latest(num_versions=2))) == [2, 5]
    assert aspired_versions(present, policy(all=policy.All())) == [1, 2, 5]
    specific = policy.Specific(versions=[5, 1, 9])
    assert aspired_versions(present, policy(specific=specific)) == [1, 5]


def test_new_version_replaces_the_old_one_without_a_failed_request(adders, base):
    running = start_server(base, port=0, file_system_poll_wait_seconds=0.05)
    stop = threading.Event()

    def ask() -> list[int]:
        answers = []
        with Caller(running.address) as caller:
            while not stop.is_set():
                answers.append(caller.number())
        return answers

    with futures.ThreadPoolExecutor(4) as pool, Caller(running.address) as caller:
        asking = [pool.submit(ask) for _ in range(4)]
        _until(lambda: caller.number() == 1)
        copy_version(adders / "2", base / "2")
        _until(lambda: _states(caller) == {2: State.AVAILABLE, 1: State.END})
        assert caller.number() == 2
        stop.set()
        for answers in (future.result() for future in asking):
            assert answers == sorted(answers)  # Never back to the old one.
            assert set(answers) <= {1, 2}
        with pytest.raises(grpc.RpcError, match=r"Specific\(dagan, 1\)"):
            caller.number(version=1)
    running.stop()


def test_broken_version_leaves_the_old_one_and_is_tried_again_when_it_changes(adders, base):
    with_pb_only = base / "2"
    running = start_server(base, port=0, file_system_poll_wait_seconds=0.05)
    with Caller(running.address) as caller:
        with_pb_only.mkdir()
        (with_pb_only / "saved_model.pb").write_bytes(b"no protobuf")
        _until(lambda: _states(caller).get(2) == State.END)
        assert caller.number() == 1
        message = get_model_status_pb2.GetModelStatusRequest()
        message.model_spec.name = "dagan"
        message.model_spec.version.value = 2
        stub = model_service_pb2_grpc.ModelServiceStub(caller.channel)
        (status,) = stub.GetModelStatus(message).model_version_status
        assert status.status.error_code == 3
        assert "not a readable SavedModel" in status.status.error_message
        # The copy goes on, the saved_model.pb last as rsync would not promise.
        with_pb_only.rename(base / ".away")
        copy_version(adders / "2", base / "2")
        _until(lambda: caller.number() == 2)
    running.stop()


def test_version_that_fails_its_warm_up_is_not_served(adders, base):
    broken = copy_version(adders / "2", base / ".making")
    (broken / "assets.extra").mkdir()
    log = prediction_log_pb2.PredictionLog()
    log.predict_log.request.CopyFrom(request(zeros() + 255))  # What the graph refuses.
    path = str(broken / "assets.extra" / "tf_serving_warmup_requests")
    with tf.io.TFRecordWriter(path) as writer:
        writer.write(log.SerializeToString())
    running = start_server(base, port=0, file_system_poll_wait_seconds=0.05)
    with Caller(running.address) as caller:
        broken.rename(base / "2")
        _until(lambda: _states(caller).get(2) == State.END)
        assert caller.number() == 1
    running.stop()
    with pytest.raises(ServerError, match=r"version: 2} due .*record 1 is refused: .*white"):
        start_server(base, port=0)
    running = start_server(base, port=0, enable_model_warmup=False)
    assert running.models == {"dagan": [2]}
    running.stop()


def test_version_in_use_is_unloaded_only_afterwards(base):
    registry = ModelRegistry()
    registry.publish(ServedModel(base / "1", name="dagan", version=1))
    with registry.use(request().model_spec):
        retiring = threading.Thread(target=registry.retire, args=("dagan", 1))
        retiring.start()
        _until(lambda: registry.statuses_of("dagan")[0].state == State.UNLOADING)
        time.sleep(0.05)
        assert registry.statuses_of("dagan")[0].state == State.UNLOADING
        assert registry.available("dagan") == []
    retiring.join(10)
    assert registry.statuses_of("dagan")[0].state == State.END


def test_emptied_folder_stops_nothing(base):
    running = start_server(base, port=0, file_system_poll_wait_seconds=0.02)
    with Caller(running.address) as caller:
        (base / "1").rename(base.parent / "gone")
        time.sleep(0.2)
        assert caller.number() == 1
    running.stop()


def _config(path: Path, *entries: str) -> Path:
    lines = "\n".join(f"  config {{ {entry} }}" for entry in entries)
    path.write_text(f"model_config_list {{\n{lines}\n}}\n")
    return path


def test_several_models_with_policies_and_labels(adders, base, tmp_path):
    old = f"name: 'old' base_path: '{base}' model_platform: 'tensorflow'"
    every = (
        f"name: 'every' base_path: '{adders}' model_platform: 'tensorflow' "
        "model_version_policy { specific { versions: 1 versions: 3 } } "
        "version_labels { key: 'stable' value: 1 }"
    )
    path = _config(tmp_path / "models.config", old, every)
    with pytest.raises(ServerError, match="assign label to version 1 of model every"):
        start_server(model_config_file=str(path), port=0)
    running = start_server(
        model_config_file=str(path),
        port=0,
        allow_version_labels_for_unavailable_models=True,
        model_config_file_poll_wait_seconds=0.05,
    )
    assert running.models == {"every": [1, 3], "old": [1]}
    with Caller(running.address) as caller:
        assert caller.number(name="every") == 3
        assert caller.number(name="every", label="stable") == 1
        assert caller.number(name="every", version=1) == 1
        _config(path, every.replace("value: 1", "value: 3"))
        _until(lambda: running.models == {"every": [1, 3]})
        _until(lambda: caller.number(name="every", label="stable") == 3)
        with pytest.raises(grpc.RpcError, match=r"Latest\(old\)"):
            caller.number(name="old")
        path.write_text("model_config_list { broken")  # Logged, and the models stay.
        time.sleep(0.2)
        assert caller.number(name="every") == 3
    running.stop()


def test_reload_request_replaces_the_models(adders, base, tmp_path):
    running = start_server(base, port=0, file_system_poll_wait_seconds=0)
    with Caller(running.address) as caller:
        _reload(caller, {"name": "b", "base_path": str(adders)})
        assert running.models == {"b": [3]}
        assert caller.number(name="b") == 3
        with pytest.raises(grpc.RpcError, match="not currently available") as caught:
            _reload(
                caller, {"name": "b", "base_path": str(adders), "version_labels": {"canary": 2}}
            )
        assert caught.value.code() == grpc.StatusCode.FAILED_PRECONDITION
        with pytest.raises(grpc.RpcError, match=r"did not become available.*holds no") as caught:
            _reload(
                caller,
                {"name": "b", "base_path": str(adders)},
                {"name": "c", "base_path": "/absent"},
            )
        assert caught.value.code() == grpc.StatusCode.UNKNOWN
        # One that is there and cannot be loaded: server_core.cc `WaitUntilModelsAvailable`.
        broken = tmp_path / "broken/4"
        broken.mkdir(parents=True)
        (broken / "saved_model.pb").write_bytes(b"none")
        with pytest.raises(grpc.RpcError) as caught:
            _reload(caller, {"name": "d", "base_path": str(broken.parent)})
        assert caught.value.code() == grpc.StatusCode.UNKNOWN
        assert caught.value.details().startswith(
            "1 model(s) did not become available: {{{name: d version: 4} due to error: "
            "INVALID_ARGUMENT: "
        )
        assert caught.value.details().endswith("}, }")
    running.stop()


def test_config_file_or_base_path_and_not_both(base, tmp_path):
    with pytest.raises(ServerError, match="either"):
        start_server(port=0)
    with pytest.raises(ServerError, match="either"):
        start_server(base, model_config_file="x", port=0)
    with pytest.raises(ConfigFileError, match="lists no model"):
        start_server(model_config_file=str(_config(tmp_path / "empty.config")), port=0)


@pytest.mark.slow
def test_models_in_a_bucket_are_served_and_looked_at_again(adders, monkeypatch):
    bucket = f"ram://{secrets.token_hex(4)}/models"
    copy_tree(adders / "1", locate(f"{bucket}/1"), last="saved_model.pb")
    running = start_server(bucket, port=0, file_system_poll_wait_seconds=0.05)
    with Caller(running.address) as caller:
        assert caller.number() == 1
        copy_tree(adders / "2", locate(f"{bucket}/2"), last="saved_model.pb")
        _until(lambda: caller.number() == 2)
        with monkeypatch.context() as patch:

            def away(*_):
                raise tf.errors.UnavailableError(None, None, "the bucket is away")

            patch.setattr(tf.io.gfile, "isdir", away)
            time.sleep(0.2)
            assert caller.number() == 2
            with pytest.raises(grpc.RpcError, match=r"{name: new} due to .*bucket is away"):
                _reload(
                    caller,
                    {"name": "dagan", "base_path": bucket},
                    {"name": "new", "base_path": f"{bucket}/new"},
                )
            assert caller.number() == 2
        copy_tree(adders / "3", locate(f"{bucket}/3"), last="saved_model.pb")
        _until(lambda: caller.number() == 3)
        _reload(caller, {"name": "b", "base_path": f"file://{adders}"})
        assert caller.number(name="b") == 3
        with pytest.raises(grpc.RpcError, match=r"{name: c} due to .*no file system for s3x://"):
            _reload(caller, {"name": "c", "base_path": "s3x://bucket/models"})
    running.stop()


def test_a_uri_without_a_model_or_a_file_system_is_refused():
    with pytest.raises(ModelNotFoundError, match=r"^ram://absent: holds no"):
        start_server("ram://absent", port=0)
    with pytest.raises(LocationError, match=r"^s3x://m: TensorFlow"):
        start_server("s3x://m", port=0)
