"""The page as a person uses it, in headless Chromium."""

import shutil
import time
from pathlib import Path

import numpy as np
import pytest

from dagan_tf.faces.photo_io import read_photo, write_png
from dagan_tf.simulator.render.camera import Pose, turned_upright

pytestmark = pytest.mark.slow

webdriver = pytest.importorskip("selenium.webdriver")
from selenium.webdriver import ActionChains, Keys  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.support.ui import WebDriverWait  # noqa: E402

WAIT = 30


class Page:
    """What a test does with the page, and what it sees there."""

    def __init__(self, driver, server):
        self.driver = driver
        driver.get(server.url)

    def at(self, name):
        return self.driver.find_element(By.ID, name)

    def choose(self, path):
        self.at("file").send_keys(str(path))

    def wait(self, condition):
        return WebDriverWait(self.driver, WAIT, 0.05).until(lambda _: condition())

    def pose(self):
        pose = self.at("pictures").get_attribute("data-pose")
        return tuple(map(int, pose.split(","))) if pose else None

    def pictures(self):
        return [self.at(name).get_attribute("src") for name in ("simulated", "refined")]

    def slide(self, name, value):
        """As dragging a slider does: its value jumps, then it says so."""
        self.driver.execute_script(
            "arguments[0].value = arguments[1]; arguments[0].dispatchEvent(new Event('input'))",
            self.at(name),
            value,
        )

    def message(self):
        return self.at("message").text

    def show(self, path):
        self.choose(path)
        self.wait(lambda: self.at("turning").is_displayed() and self.pose())
        self.wait(lambda: len(self.strip()) == 9)

    def strip(self):
        return self.at("strip").find_elements("tag name", "button")


@pytest.fixture(scope="module")
def downloads(tmp_path_factory):
    return tmp_path_factory.mktemp("downloads")


@pytest.fixture(scope="module")
def driver(downloads):
    chromium, chromedriver = shutil.which("chromium"), shutil.which("chromedriver")
    if not chromium or not chromedriver:
        pytest.skip("chromium or chromedriver is not here (Debian: chromium, chromium-driver)")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in ("headless=new", "no-sandbox", "disable-dev-shm-usage", "window-size=1000,1200"):
        options.add_argument(f"--{flag}")
    options.add_experimental_option("prefs", {"download.default_directory": str(downloads)})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = webdriver.ChromeService(executable_path=chromedriver)
    with webdriver.Chrome(options=options, service=service) as driver:
        yield driver


@pytest.fixture
def page(driver, demo):
    return Page(driver, demo)


@pytest.fixture(scope="module")
def photo(tmp_path_factory, astronaut) -> Path:
    path = tmp_path_factory.mktemp("photos") / "eileen.png"
    write_png(path, astronaut)
    return path


def test_sliders_and_dragging_turn_both_pictures(page, photo):
    page.show(photo)
    own = page.pose()
    seen = [page.pictures()]
    page.slide("yaw", 40)
    # Until it is chosen, the pitch turns with the head.
    pitch = round(turned_upright(Pose(*own), 40).pitch)
    page.wait(lambda: page.pose() == (40, pitch))
    assert page.at("pitch-value").text == f"{pitch:+d}°".replace("+0", "0")
    seen.append(page.pictures())
    page.slide("pitch", -15)
    page.wait(lambda: page.pose() == (40, -15))
    seen.append(page.pictures())
    drag = ActionChains(page.driver).click_and_hold(page.at("simulated"))
    drag.move_by_offset(-100, -50).release().perform()
    page.wait(lambda: page.pose() == (0, 5))  # 0.4 degrees a pixel; up looks up.
    seen.append(page.pictures())
    page.at("pictures").send_keys(Keys.ARROW_RIGHT)
    page.wait(lambda: page.pose() == (2, 5))
    assert page.at("yaw-value").text == "+2°"
    seen.append(page.pictures())
    assert len({picture for pair in seen for picture in pair}) == 10
    page.at("own").click()
    page.wait(lambda: page.pose() == own)
    assert page.pictures() == seen[0]


def test_only_the_newest_of_many_moves_is_drawn(page, photo, demo, monkeypatch):
    page.show(photo)
    turned, render = [], demo.turner.turn

    def slow(*arguments, **options):
        turned.append(options["yaw"])
        time.sleep(0.3)
        return render(*arguments, **options)

    monkeypatch.setattr(demo.turner, "turn", slow)
    for yaw in range(-60, 61, 5):
        page.slide("yaw", yaw)
    page.wait(lambda: page.pose()[0] == 60)
    assert len(turned) < 15
    assert turned[-1] == 60


def test_downloads_are_the_pictures(page, photo, downloads, refiner):
    page.show(photo)
    page.slide("yaw", -30)
    page.wait(lambda: page.pose()[0] == -30)
    for kind in ("simulated", "refined"):
        page.at(f"save-{kind}").click()
    pitch = page.pose()[1]
    stem = f"eileen_yaw-030_pitch{pitch:+04d}"
    paths = [downloads / f"{stem}_{kind}.png" for kind in ("simulated", "refined")]
    page.wait(lambda: all(path.is_file() for path in paths))
    simulated, refined = (read_photo(path) for path in paths)
    np.testing.assert_array_equal(refined, refiner.refine(simulated))
    assert (simulated != refined).any()


def test_one_of_several_faces_is_picked(page, tmp_path, two_faces):
    write_png(tmp_path / "two.png", two_faces)
    page.show(tmp_path / "two.png")
    # HOG sees weak faces in her suit, too; the largest two are hers.
    assert page.at("several").text.endswith("faces found. Which one?")
    first = page.pictures()
    page.driver.find_element(By.CSS_SELECTOR, "#faces [aria-label='Face 2']").click()
    page.wait(lambda: page.pictures()[0] != first[0])
    pressed = [
        button.get_attribute("aria-pressed")
        for button in page.driver.find_elements(By.CSS_SELECTOR, "#faces button")
    ]
    assert pressed[:2] == ["false", "true"]
    assert "true" not in pressed[2:]
    page.slide("yaw", 25)
    page.wait(lambda: page.pose()[0] == 25)


def test_what_cannot_be_used_is_said_kindly(page, tmp_path, photo, huge_png):
    page.show(photo)
    (tmp_path / "notes.jpg").write_bytes(b"no photo at all")
    page.choose(tmp_path / "notes.jpg")
    page.wait(lambda: "not a photo" in page.message())
    assert not page.at("turning").is_displayed()
    write_png(tmp_path / "sky.png", np.full((200, 300, 3), (120, 170, 230), np.uint8))
    page.choose(tmp_path / "sky.png")
    page.wait(lambda: page.message().startswith("No face found"))
    (tmp_path / "huge.png").write_bytes(huge_png)
    page.choose(tmp_path / "huge.png")
    page.wait(lambda: "more than 64000000 pixels" in page.message())
    with (tmp_path / "endless.png").open("wb") as stream:
        stream.truncate(41 * 2**20)
    page.choose(tmp_path / "endless.png")
    page.wait(lambda: "at most 40 are taken" in page.message())
    page.show(photo)
    assert page.message() == ""


def test_the_strip_shows_all_angles_and_takes_one_there(page, photo):
    page.show(photo)
    assert [button.text for button in page.strip()] == [
        *("-90°", "-60°", "-45°", "-30°", "0°", "+30°", "+45°", "+60°", "+90°")
    ]
    page.strip()[7].click()
    page.wait(lambda: page.pose()[0] == 60)
    pictures = page.strip()[7].find_elements("tag name", "img")
    assert [one.get_attribute("alt").split()[-1] for one in pictures] == ["simulated", "refined"]
    for one in pictures:
        assert one.get_attribute("src").startswith("data:image/png")
        # As many pixels on the page as the view has.
        assert one.size == {
            "width": int(one.get_attribute("naturalWidth")),
            "height": one.size["width"],
        }
    assert "refined below" in page.at("strip-caption").text
    assert page.at("card").get_attribute("href").endswith("/card")


def test_a_photo_can_be_forgotten(page, photo, demo):
    page.show(photo)
    before = len(demo.turner.store)
    page.at("forget").click()
    page.wait(lambda: len(demo.turner.store) == before - 1)
    assert not page.at("turning").is_displayed()


def test_without_a_model_the_page_says_so(driver, demo_without_refiner, photo):
    page = Page(driver, demo_without_refiner)
    page.wait(lambda: "No model was given" in page.at("refiner").text)
    page.show(photo)
    assert page.at("simulated").is_displayed()
    assert not page.at("refined").is_displayed()


def test_nothing_is_fetched_from_elsewhere_and_no_script_failed(page, photo):
    page.driver.get_log("browser")
    page.show(photo)
    names = page.driver.execute_script(
        "return performance.getEntriesByType('resource').map((entry) => entry.name)"
    )
    assert [name for name in names if not name.startswith((page.driver.current_url, "data:"))] == []
    severe = [entry for entry in page.driver.get_log("browser") if entry["level"] == "SEVERE"]
    assert severe == []
