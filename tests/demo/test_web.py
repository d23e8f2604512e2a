"""The page's server as a client that is no browser sees it."""

import base64
import http.client
import io
import json

import numpy as np
import pytest
from PIL import Image

from dagan_tf.demo import web
from dagan_tf.demo.turner import KEPT_PIXELS, Turner
from dagan_tf.errors import DaganError
from dagan_tf.faces.photo_io import encode_png
from dagan_tf.simulator.render.camera import Pose


def _ask(server, method, path, body=None, **headers):
    connection = http.client.HTTPConnection(web.HOST, server.port, timeout=60)
    try:
        connection.request(method, path, body, {k.replace("_", "-"): v for k, v in headers.items()})
        response = connection.getresponse()
        return response.status, response.read(), response.headers
    finally:
        connection.close()


def _json(server, method, path, body=None, **headers):
    status, answer, _ = _ask(server, method, path, body, **headers)
    return status, json.loads(answer)


def _pixels(url):
    kind, _, data = url.partition(",")
    assert kind == "data:image/png;base64"
    return np.array(Image.open(io.BytesIO(base64.b64decode(data))))


@pytest.fixture(scope="module")
def photo(demo, astronaut):
    status, answer = _json(demo, "POST", "/photos", encode_png(astronaut))
    assert status == 201
    return answer


def test_the_page_needs_nothing_from_elsewhere(demo):
    status, body, headers = _ask(demo, "GET", "/")
    page = body.decode()
    assert status == 200
    assert "http://" not in page
    assert "https://" not in page
    assert "{{" not in page
    policy = headers["Content-Security-Policy"]
    nonce = policy.partition("script-src 'nonce-")[2].partition("'")[0]
    assert f'<script nonce="{nonce}">' in page
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert headers["Cache-Control"] == "no-store"
    assert nonce not in _ask(demo, "GET", "/")[1].decode()


def test_a_photo_gives_its_faces_and_a_copy(photo, astronaut):
    (face,) = photo["faces"]
    assert 150 < face["left"] < 200
    assert 70 < face["width"] < 130
    assert (photo["width"], photo["height"]) == (512, 512)
    np.testing.assert_array_equal(_pixels(photo["copy"]), astronaut)


@pytest.mark.parametrize("suffix", ["heic", "avif"])
def test_photos_of_telephones_are_taken_as_the_same_png(demo, telephone_photos, suffix):
    copies = {}
    for kind in ("png", suffix):
        status, answer = _json(demo, "POST", "/photos", telephone_photos[kind].read_bytes())
        assert (status, len(answer["faces"])) == (201, 1)
        copies[kind] = demo.turner.turn(answer["photo"], 0, yaw=45.0).simulated.astype(int)
    assert np.abs(copies[suffix] - copies["png"]).mean() < 3.0


def test_views_are_the_simulators_and_the_served_models(demo, refiner, photo):
    simulator, stored = demo.turner.simulator, demo.turner.store.get(photo["photo"])
    status, view = _json(demo, "GET", f"/views?photo={photo['photo']}&face=0&yaw=40&pitch=-5")
    assert status == 200
    simulated = simulator.render(stored.prepared[0], Pose(40.0, -5.0)).image
    np.testing.assert_array_equal(_pixels(view["simulated"]), simulated)
    np.testing.assert_array_equal(_pixels(view["refined"]), refiner.refine(simulated))
    assert (view["yaw"], view["pitch"], view["complaint"]) == (40.0, -5.0, "")
    status, own = _json(demo, "GET", f"/views?photo={photo['photo']}")
    assert own["yaw"] == own["own_yaw"] == pytest.approx(stored.prepared[0].fit.pose.yaw)


def test_without_a_refiner_there_is_only_the_simulated_view(demo_without_refiner, photo):
    _, view = _json(demo_without_refiner, "GET", f"/views?photo={photo['photo']}&yaw=20")
    assert view["refined"] is None
    assert view["complaint"] == ""
    assert _json(demo_without_refiner, "GET", "/about")[1]["refiner"] == ""


def test_a_refiner_that_fails_leaves_the_simulated_view(demo, photo):
    def fail(image):
        raise DaganError("the server is away")

    turner = Turner(demo.turner.simulator, refine=fail, store=demo.turner.store)
    turned = turner.turn(photo["photo"], 0, yaw=20.0)
    assert turned.refined is None
    assert turned.complaint == "the server is away"
    assert turned.simulated.shape == (64, 64, 3)
    with pytest.raises(DaganError, match="away"):
        turner.warm_up()


@pytest.mark.parametrize(
    ("query", "status", "message"),
    [
        ("&yaw=91", 422, "yaw: got 91.0"),
        ("&pitch=40", 422, "pitch: got 40.0"),
        ("&face=3", 422, "face: got 3"),
        ("&face=-1", 422, "face: got -1"),
        ("&yaw=abc", 400, "yaw: got 'abc'"),
        ("&yaw=nan", 400, "yaw: got 'nan'"),
    ],
)
def test_wrong_views_are_refused_in_one_line(demo, photo, query, status, message):
    got, answer = _json(demo, "GET", f"/views?photo={photo['photo']}{query}")
    assert got == status
    assert message in answer["error"]


def test_a_forgotten_photo_is_gone(demo, astronaut):
    _, photo = _json(demo, "POST", "/photos", encode_png(astronaut))
    assert _json(demo, "DELETE", f"/photos/{photo['photo']}") == (200, {})
    status, answer = _json(demo, "GET", f"/views?photo={photo['photo']}")
    assert status == 410
    assert "choose it again" in answer["error"]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "the file is empty"),
        (b"%PDF-1.4", "not a photo"),
        (encode_png(np.random.default_rng(0).integers(0, 256, (99, 99, 3), np.uint8))[:-900],
         "truncated or damaged"),
        (encode_png(np.full((99, 99, 3), 200, np.uint8)), "no face found"),
    ],
    ids=["empty", "pdf", "cut", "blank"],
)  # fmt: skip
def test_other_files_are_refused_in_one_line(demo, data, message):
    before = len(demo.turner.store)
    status, answer = _json(demo, "POST", "/photos", data)
    assert status == 422
    assert message in answer["error"]
    assert len(demo.turner.store) == before


def test_a_photo_of_too_many_pixels_is_refused_before_it_is_decoded(demo, huge_png):
    status, answer = _json(demo, "POST", "/photos", huge_png)
    assert status == 422
    assert "9000x9000 has more than 64000000 pixels" in answer["error"]


def test_a_file_too_long_is_refused_before_it_is_read(demo):
    headers = {"Content_Length": str(web.MAX_UPLOAD + 1)}
    status, answer = _json(demo, "POST", "/photos", b"", **headers)
    assert status == 413
    assert "at most 40" in answer["error"]


def test_a_large_photo_is_kept_small(demo, astronaut):
    large = np.repeat(np.repeat(astronaut, 5, axis=0), 5, axis=1)
    data = io.BytesIO()
    Image.fromarray(large).save(data, "JPEG")
    _, photo = _json(demo, "POST", "/photos", data.getvalue())
    assert photo["width"] * photo["height"] <= KEPT_PIXELS
    assert max(_pixels(photo["copy"]).shape) <= 640
    (face,) = photo["faces"]
    assert face["left"] / photo["width"] == pytest.approx(179 / 512, abs=0.03)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 421),
        ({"Host": "127.0.0.1:1"}, 421),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec_Fetch_Site": "cross-site"}, 403),
        ({"Sec_Fetch_Site": "same-site"}, 403),
        ({"Sec_Fetch_Site": "same-origin"}, 410),
        ({}, 410),
    ],
)
def test_other_web_sites_are_kept_out(demo, headers, status):
    assert _ask(demo, "GET", "/views?photo=none", **headers)[0] == status


def test_localhost_is_this_host_too(demo):
    port = demo.port
    headers = {"Host": f"localhost:{port}", "Origin": f"http://localhost:{port}"}
    assert _ask(demo, "DELETE", "/photos/none", **headers)[0] == 200


def test_other_paths_are_not_there(demo):
    assert _ask(demo, "GET", "/etc/passwd")[0] == 404
    assert _ask(demo, "POST", "/elsewhere", b"")[0] == 404
    assert _ask(demo, "PUT", "/photos", b"")[0] == 501


def test_the_model_card_is_a_page_of_its_own(demo, demo_without_refiner):
    assert _json(demo, "GET", "/about")[1]["card"] is True
    status, body, headers = _ask(demo, "GET", "/card")
    assert (status, body) == (200, b"# A card")
    assert headers["Content-Type"] == "text/plain; charset=utf-8"
    assert _json(demo_without_refiner, "GET", "/about")[1]["card"] is False
    assert _json(demo_without_refiner, "GET", "/card")[0] == 404


def test_a_content_length_of_thousands_of_digits_is_refused(demo):
    status, answer = _json(demo, "POST", "/photos", b"", Content_Length="9" * 5000)
    assert status == 413
    assert "more than a million MB" in answer["error"]
